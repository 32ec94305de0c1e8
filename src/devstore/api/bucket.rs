//! The service and its buckets: listing, making, deleting, describing.

use ossftp_oss::time;

use super::{Answer, Call, valid_bucket};
use crate::devstore::error::ApiError;
use crate::devstore::http::{Body, Response};
use crate::devstore::store::{Bucket, StorageClass};
use crate::devstore::xml::{self, Xml};

const ACLS: [&str; 3] = ["private", "public-read", "public-read-write"];

impl Call<'_> {
    fn found_bucket(&self) -> Result<Bucket, ApiError> {
        self.store()
            .bucket(self.bucket)
            .map_err(|error| self.failed(error))
    }

    fn region(&self) -> &str {
        &self.service.settings.region
    }

    /// The account's buckets in other regions, as far as the listing of buckets asks for them.
    fn buckets_elsewhere(&self, prefix: &str, marker: &str) -> Vec<(String, Bucket)> {
        let elsewhere = self.service.settings.elsewhere.keys();
        elsewhere
            .filter(|name| name.starts_with(prefix) && name.as_str() > marker)
            .map(|name| (name.clone(), Bucket::default()))
            .collect()
    }

    /// What ListBuckets and GetBucketInfo both tell of a bucket.
    fn describe(&self, xml: &mut Xml, name: &str, bucket: &Bucket) {
        let elsewhere = self.service.settings.elsewhere.get(name);
        let region = elsewhere.map_or(self.region(), String::as_str);
        xml.text("CreationDate", &time::format_iso(bucket.created));
        xml.text("ExtranetEndpoint", &format!("oss-{region}.aliyuncs.com"));
        xml.text(
            "IntranetEndpoint",
            &format!("oss-{region}-internal.aliyuncs.com"),
        );
        xml.text("Location", &format!("oss-{region}"));
        xml.text("Name", name);
        xml.text("Region", region);
        xml.text("StorageClass", bucket.class.name());
    }

    pub(super) fn describe_regions(&self) -> Answer {
        let mut regions: Vec<&str> = self
            .service
            .settings
            .elsewhere
            .values()
            .map(String::as_str)
            .chain([self.region()])
            .collect();
        regions.sort_unstable();
        regions.dedup();
        let wanted = self.text("regions");
        let mut xml = Xml::document("RegionInfoList");
        for region in regions {
            let location = format!("oss-{region}");
            if !wanted.is_empty() && wanted != location {
                continue;
            }
            xml.open("RegionInfo");
            xml.text("Region", &location);
            xml.text("InternetEndpoint", &format!("{location}.aliyuncs.com"));
            xml.text(
                "InternalEndpoint",
                &format!("{location}-internal.aliyuncs.com"),
            );
            xml.text("AccelerateEndpoint", "oss-accelerate.aliyuncs.com");
            xml.close();
        }
        Ok(Response::xml(200, xml.finish()))
    }

    pub(super) fn list_buckets(&self) -> Answer {
        let param = |name| self.request.param(name).unwrap_or_default();
        let max = self.max("max-keys", 100)?;
        let (prefix, marker) = (param("prefix"), param("marker"));
        let (mut buckets, mut more) = self
            .store()
            .buckets(prefix, marker, max)
            .map_err(|error| self.failed(error))?;
        buckets.extend(self.buckets_elsewhere(prefix, marker));
        buckets.sort_by(|(a, _), (b, _)| a.cmp(b));
        more |= buckets.len() > max;
        buckets.truncate(max);
        let mut xml = Xml::document("ListAllMyBucketsResult");
        if let (true, Some((last, _))) = (more, buckets.last()) {
            xml.text("Prefix", prefix);
            xml.text("Marker", marker);
            xml.text("MaxKeys", &max.to_string());
            xml.text("IsTruncated", "true");
            xml.text("NextMarker", last);
        }
        xml.owner();
        xml.open("Buckets");
        for (name, bucket) in &buckets {
            xml.open("Bucket");
            self.describe(&mut xml, name, bucket);
            xml.close();
        }
        Ok(Response::xml(200, xml.finish()))
    }

    pub(super) fn bucket_info(&self) -> Answer {
        let bucket = self.found_bucket()?;
        let mut xml = Xml::document("BucketInfo");
        xml.open("Bucket");
        self.describe(&mut xml, self.bucket, &bucket);
        xml.text("DataRedundancyType", "LRS");
        xml.text("AccessMonitor", "Disabled");
        xml.text("TransferAcceleration", "Disabled");
        xml.text("CrossRegionReplication", "Disabled");
        xml.text("ResourceGroupId", "rg-devstore");
        xml.text("Comment", "");
        if bucket.hierarchical {
            xml.text("HierarchicalNamespace", "Enabled");
        }
        xml.owner();
        xml.open("AccessControlList");
        xml.text("Grant", &bucket.acl);
        xml.close();
        xml.open("ServerSideEncryptionRule");
        xml.text("SSEAlgorithm", "None");
        xml.close();
        xml.open("BucketPolicy");
        xml.text("LogBucket", "");
        xml.text("LogPrefix", "");
        Ok(Response::xml(200, xml.finish()))
    }

    pub(super) fn bucket_location(&self) -> Answer {
        self.found_bucket()?;
        let location = format!("oss-{}", self.region());
        let xml = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<LocationConstraint>{location}</LocationConstraint>"
        );
        Ok(Response::xml(200, xml))
    }

    pub(super) fn bucket_acl(&self) -> Answer {
        let bucket = self.found_bucket()?;
        Ok(Response::xml(200, acl_xml(&bucket.acl)))
    }

    /// An object without an ACL of its own has its bucket's.
    pub(super) fn object_acl(&self) -> Answer {
        self.need_bucket()?;
        let object = self
            .store()
            .object(self.bucket, self.key)
            .map_err(|error| self.failed(error))?;
        let acl = object.acl.as_deref().unwrap_or("default");
        Ok(Response::xml(200, acl_xml(acl)))
    }

    pub(super) fn put_object_acl(&self) -> Answer {
        self.need_bucket()?;
        if self.request.header("x-oss-object-acl").is_none() {
            return Err(ApiError::invalid_argument("x-oss-object-acl", ""));
        }
        let acl = self.acl()?;
        self.store()
            .update_object(self.bucket, self.key, |object| {
                object.acl = acl;
                Ok(())
            })
            .map_err(|error| self.failed(error))??;
        Ok(Response::empty(200))
    }

    pub(super) fn bucket_versioning(&self) -> Answer {
        self.found_bucket()?;
        Ok(Response::xml(
            200,
            Xml::document("VersioningConfiguration").finish(),
        ))
    }

    fn acl_header(&self) -> Result<Option<&str>, ApiError> {
        // PutBucket and PutBucketAcl name it differently; SDKs send either.
        let acl = self
            .request
            .header("x-oss-acl")
            .or_else(|| self.request.header("x-oss-bucket-acl"));
        match acl {
            Some(acl) if !ACLS.contains(&acl) => Err(ApiError::invalid_argument("x-oss-acl", acl)),
            acl => Ok(acl),
        }
    }

    pub(super) fn put_bucket(&self, body: &mut Body<'_>) -> Answer {
        if !valid_bucket(self.bucket) {
            return Err(ApiError::new(
                400,
                "InvalidBucketName",
                "",
                "The specified bucket is not valid.",
            )
            .field("BucketName", self.bucket));
        }
        let acl = self.acl_header()?;
        let class = self.bucket_class(body)?;
        let hierarchical = match self.request.header("x-oss-hns-status") {
            None => false,
            Some(status) if status.eq_ignore_ascii_case("enabled") => true,
            Some(status) if status.eq_ignore_ascii_case("disabled") => false,
            Some(status) => return Err(ApiError::invalid_argument("x-oss-hns-status", status)),
        };
        self.store()
            .put_bucket(self.bucket, self.now, |bucket| {
                bucket.acl = acl.map_or_else(|| bucket.acl.clone(), str::to_owned);
                bucket.class = class.unwrap_or(bucket.class);
                bucket.hierarchical |= hierarchical;
            })
            .map_err(|error| self.failed(error))?;
        Ok(Response::empty(200).with("location", format!("/{}", self.bucket)))
    }

    /// The storage class in the body of PutBucket, if it has one.
    fn bucket_class(&self, body: &mut Body<'_>) -> Result<Option<StorageClass>, ApiError> {
        let bytes = self.xml_body(body)?;
        if bytes.is_empty() {
            return Ok(None);
        }
        let malformed = || ApiError::malformed_xml("");
        let name = xml::parse_bucket(&bytes).ok_or_else(malformed)?;
        name.map(|name| StorageClass::parse(&name).ok_or_else(malformed))
            .transpose()
    }

    pub(super) fn put_bucket_acl(&self) -> Answer {
        self.found_bucket()?;
        let Some(acl) = self.acl_header()? else {
            return Err(ApiError::invalid_argument("x-oss-acl", ""));
        };
        self.store()
            .put_bucket(self.bucket, self.now, |bucket| bucket.acl = acl.to_owned())
            .map_err(|error| self.failed(error))?;
        Ok(Response::empty(200))
    }

    pub(super) fn delete_bucket(&self) -> Answer {
        self.store()
            .delete_bucket(self.bucket)
            .map_err(|error| self.failed(error))?;
        Ok(Response::empty(204))
    }
}

fn acl_xml(grant: &str) -> String {
    let mut xml = Xml::document("AccessControlPolicy");
    xml.owner();
    xml.open("AccessControlList");
    xml.text("Grant", grant);
    xml.finish()
}
