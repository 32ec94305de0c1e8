//! The service and its buckets: listing, making, deleting, describing.

use ossftp_oss::time;

use super::{Answer, Call, valid_bucket};
use crate::devstore::error::ApiError;
use crate::devstore::http::Response;
use crate::devstore::store::Bucket;
use crate::devstore::xml::Xml;

const ACLS: [&str; 3] = ["private", "public-read", "public-read-write"];

impl Call<'_> {
    fn found_bucket(&self) -> Result<Bucket, ApiError> {
        self.store()
            .bucket(self.bucket)
            .map_err(|error| self.failed(error))
    }

    /// What ListBuckets and GetBucketInfo both tell of a bucket.
    fn describe(&self, xml: &mut Xml, name: &str, bucket: &Bucket) {
        let region = &self.service.region;
        xml.text("CreationDate", &time::format_iso(bucket.created));
        xml.text("ExtranetEndpoint", &format!("oss-{region}.aliyuncs.com"));
        xml.text(
            "IntranetEndpoint",
            &format!("oss-{region}-internal.aliyuncs.com"),
        );
        xml.text("Location", &format!("oss-{region}"));
        xml.text("Name", name);
        xml.text("Region", region);
        xml.text("StorageClass", "Standard");
    }

    pub(super) fn list_buckets(&self) -> Answer {
        let param = |name| self.request.param(name).unwrap_or_default();
        let max = self.max("max-keys", 100, 1000)?;
        let (prefix, marker) = (param("prefix"), param("marker"));
        let (buckets, more) = self
            .store()
            .buckets(prefix, marker, max)
            .map_err(|error| self.failed(error))?;
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
        let location = format!("oss-{}", self.service.region);
        let xml = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<LocationConstraint>{location}</LocationConstraint>"
        );
        Ok(Response::xml(200, xml))
    }

    pub(super) fn bucket_acl(&self) -> Answer {
        let bucket = self.found_bucket()?;
        Ok(Response::xml(200, acl_xml(&bucket.acl)))
    }

    /// An object's ACL here is always its bucket's.
    pub(super) fn object_acl(&self) -> Answer {
        self.store()
            .object(self.bucket, self.key)
            .map_err(|error| self.failed(error))?;
        Ok(Response::xml(200, acl_xml("default")))
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

    pub(super) fn put_bucket(&self) -> Answer {
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
        self.store()
            .put_bucket(self.bucket, acl, self.now)
            .map_err(|error| self.failed(error))?;
        Ok(Response::empty(200).with("location", format!("/{}", self.bucket)))
    }

    pub(super) fn put_bucket_acl(&self) -> Answer {
        self.found_bucket()?;
        let Some(acl) = self.acl_header()? else {
            return Err(ApiError::invalid_argument("x-oss-acl", ""));
        };
        self.store()
            .put_bucket(self.bucket, Some(acl), self.now)
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
