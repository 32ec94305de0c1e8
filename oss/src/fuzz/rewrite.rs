//! Answers written again, as OSS would write them.

use super::xml::Answer;
use crate::xml::escape;
use crate::{BucketInfo, BucketPage, BucketSummary, ObjectPage, Owner, PartPage, UploadPage};
use crate::{encode, time};

/// The answer as XML, its names percent-encoded or as they are. `None` if XML cannot carry a name, or OSS's form a
/// time.
pub(super) fn rewrite(answer: &Answer, encoded: bool) -> Option<String> {
    let mut out = Xml {
        text: "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_owned(),
        encoded,
        possible: true,
    };
    match answer {
        Answer::Error(error) => out.within("Error", |out| {
            out.element("Code", &error.code);
            out.element("Message", &error.message);
            out.element("RequestId", &error.request_id);
            out.element("HostId", &error.host_id);
            out.element("EC", &error.ec);
            for (name, value) in &error.fields {
                out.element(name, value);
            }
        }),
        Answer::Objects(page) => out.within("ListBucketResult", |out| out.objects(page)),
        Answer::Buckets(page) => out.within("ListAllMyBucketsResult", |out| out.buckets(page)),
        Answer::Info(info) => out.within("BucketInfo", |out| out.info(info)),
        Answer::Location(location) => out.element("LocationConstraint", location),
        Answer::Acl(grant, owner) => out.within("AccessControlPolicy", |out| {
            out.within("AccessControlList", |out| out.element("Grant", grant));
            out.owner(owner.as_ref());
        }),
        Answer::Initiated(upload) => out.within("InitiateMultipartUploadResult", |out| {
            out.declare();
            out.element("Bucket", &upload.bucket);
            out.name("Key", &upload.key);
            out.element("UploadId", &upload.upload_id);
        }),
        Answer::Completed(upload) => out.within("CompleteMultipartUploadResult", |out| {
            out.declare();
            out.element("Bucket", &upload.bucket);
            out.name("Key", &upload.key);
            out.element("ETag", &upload.etag);
            out.element("Location", &upload.location);
        }),
        Answer::Parts(page) => out.within("ListPartsResult", |out| out.parts(page)),
        Answer::Uploads(page) => out.within("ListMultipartUploadsResult", |out| out.uploads(page)),
        Answer::Copied(copied) => out.within("CopyPartResult", |out| {
            out.element("ETag", &copied.etag);
            out.time("LastModified", copied.last_modified);
        }),
        Answer::Deleted(keys) => out.within("DeleteResult", |out| {
            out.declare();
            for key in keys {
                out.within("Deleted", |out| {
                    out.name("Key", &key.key);
                    out.flag("DeleteMarker", key.delete_marker);
                });
            }
        }),
        Answer::Regions(regions) => out.within("RegionInfoList", |out| {
            for region in regions {
                out.within("RegionInfo", |out| {
                    out.element("Region", &region.location);
                    out.element("InternetEndpoint", &region.internet_endpoint);
                    out.element("InternalEndpoint", &region.internal_endpoint);
                    out.element("AccelerateEndpoint", &region.accelerate_endpoint);
                });
            }
        }),
        Answer::Tags(tags) => out.within("Tagging", |out| {
            out.within("TagSet", |out| {
                for (name, value) in tags {
                    out.within("Tag", |out| {
                        out.element("Key", name);
                        out.element("Value", value);
                    });
                }
            });
        }),
        Answer::Versioning(state) => out.within("VersioningConfiguration", |out| {
            out.optional("Status", state.as_ref());
        }),
    }
    out.possible.then_some(out.text)
}

struct Xml {
    text: String,
    encoded: bool,
    possible: bool,
}

impl Xml {
    fn within(&mut self, name: &str, content: impl FnOnce(&mut Self)) {
        self.text += &format!("<{name}>");
        content(self);
        self.text += &format!("</{name}>");
    }

    fn element(&mut self, name: &str, text: &str) {
        self.within(name, |out| escape(&mut out.text, text));
    }

    fn optional(&mut self, name: &str, value: Option<&impl ToString>) {
        if let Some(value) = value {
            self.element(name, &value.to_string());
        }
    }

    fn flag(&mut self, name: &str, value: bool) {
        self.element(name, if value { "true" } else { "false" });
    }

    fn declare(&mut self) {
        if self.encoded {
            self.element("EncodingType", "url");
        }
    }

    fn name(&mut self, name: &str, text: &str) {
        if self.encoded {
            self.element(name, &encode::component(text));
        } else {
            // XML 1.0 section 2.2.
            let has = |c| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..);
            self.possible &= text.chars().all(has);
            self.element(name, text);
        }
    }

    fn optional_name(&mut self, name: &str, text: Option<&String>) {
        if let Some(text) = text {
            self.name(name, text);
        }
    }

    fn time(&mut self, name: &str, unix: i64) {
        let text = time::format_iso(unix);
        self.possible &= time::parse_iso(&text) == Some(unix);
        self.element(name, &text);
    }

    fn owner(&mut self, owner: Option<&Owner>) {
        if let Some(owner) = owner {
            self.within("Owner", |out| {
                out.element("ID", &owner.id);
                out.element("DisplayName", &owner.display_name);
            });
        }
    }

    fn prefixes(&mut self, prefixes: &[String]) {
        for prefix in prefixes {
            self.within("CommonPrefixes", |out| out.name("Prefix", prefix));
        }
    }

    fn objects(&mut self, page: &ObjectPage) {
        self.element("Name", &page.name);
        self.name("Prefix", &page.prefix);
        self.name("Delimiter", &page.delimiter);
        self.declare();
        self.optional_name("StartAfter", page.start_after.as_ref());
        self.optional_name("Marker", page.marker.as_ref());
        self.optional_name("ContinuationToken", page.continuation_token.as_ref());
        self.optional("MaxKeys", page.max_keys.as_ref());
        self.optional("KeyCount", page.key_count.as_ref());
        self.flag("IsTruncated", page.is_truncated);
        self.optional_name("NextContinuationToken", page.next.as_ref());
        for object in &page.objects {
            self.within("Contents", |out| {
                out.name("Key", &object.key);
                out.element("Size", &object.size.to_string());
                out.time("LastModified", object.last_modified);
                out.element("ETag", &object.etag);
                out.optional("Type", object.kind.as_ref());
                out.optional("StorageClass", object.storage_class.as_ref());
                out.optional("RestoreInfo", object.restore.as_ref());
                out.owner(object.owner.as_ref());
            });
        }
        self.prefixes(&page.common_prefixes);
    }

    fn buckets(&mut self, page: &BucketPage) {
        self.optional("Prefix", page.prefix.as_ref());
        self.optional("Marker", page.marker.as_ref());
        self.optional("MaxKeys", page.max_keys.as_ref());
        self.flag("IsTruncated", page.is_truncated);
        self.optional("NextMarker", page.next.as_ref());
        self.owner(page.owner.as_ref());
        self.within("Buckets", |out| {
            for bucket in &page.buckets {
                out.within("Bucket", |out| out.bucket(bucket));
            }
        });
    }

    fn bucket(&mut self, bucket: &BucketSummary) {
        self.element("Name", &bucket.name);
        self.element("Location", &bucket.location);
        self.element("Region", &bucket.region);
        self.time("CreationDate", bucket.created);
        self.element("ExtranetEndpoint", &bucket.extranet_endpoint);
        self.element("IntranetEndpoint", &bucket.intranet_endpoint);
        self.element("StorageClass", &bucket.storage_class);
    }

    fn info(&mut self, info: &BucketInfo) {
        self.within("Bucket", |out| {
            out.bucket(&info.summary);
            out.within("AccessControlList", |out| out.element("Grant", &info.acl));
            out.optional("Versioning", info.versioning.as_ref());
            out.optional(
                "HierarchicalNamespace",
                info.hierarchical_namespace.as_ref(),
            );
            out.optional("DataRedundancyType", info.data_redundancy_type.as_ref());
            out.within("ServerSideEncryptionRule", |out| {
                out.optional("SSEAlgorithm", info.sse_algorithm.as_ref());
            });
            out.owner(info.owner.as_ref());
        });
    }

    fn parts(&mut self, page: &PartPage) {
        self.element("Bucket", &page.bucket);
        self.declare();
        self.name("Key", &page.key);
        self.element("UploadId", &page.upload_id);
        self.optional("PartNumberMarker", page.marker.as_ref());
        self.optional("MaxParts", page.max_parts.as_ref());
        self.flag("IsTruncated", page.is_truncated);
        self.optional("NextPartNumberMarker", page.next.as_ref());
        for part in &page.parts {
            self.within("Part", |out| {
                out.element("PartNumber", &part.number.to_string());
                out.element("Size", &part.size.to_string());
                out.element("ETag", &part.etag);
                out.time("LastModified", part.last_modified);
                out.optional("HashCrc64ecma", part.crc64.as_ref());
            });
        }
    }

    fn uploads(&mut self, page: &UploadPage) {
        self.element("Bucket", &page.bucket);
        self.declare();
        self.name("Prefix", &page.prefix);
        self.name("Delimiter", &page.delimiter);
        self.name("KeyMarker", &page.key_marker);
        self.element("UploadIdMarker", &page.upload_id_marker);
        self.optional_name("NextKeyMarker", page.next_key_marker.as_ref());
        self.optional("NextUploadIdMarker", page.next_upload_id_marker.as_ref());
        self.optional("MaxUploads", page.max_uploads.as_ref());
        self.flag("IsTruncated", page.is_truncated);
        for upload in &page.uploads {
            self.within("Upload", |out| {
                out.name("Key", &upload.key);
                out.element("UploadId", &upload.upload_id);
                out.time("Initiated", upload.initiated);
            });
        }
        self.prefixes(&page.common_prefixes);
    }
}
