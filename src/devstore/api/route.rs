//! Which API a request is: by its method, its sub-resources, and whether it names a bucket and a key.

use super::{Answer, Call};
use crate::devstore::error::ApiError;
use crate::devstore::http::{Body, Response};

impl Call<'_> {
    pub(super) fn of_service(&self, api: &mut &'static str) -> Answer {
        match self.request.method.as_str() {
            "GET" if self.request.has("regions") => {
                self.run(api, "DescribeRegions", || self.describe_regions())
            }
            "GET" => self.run(api, "ListBuckets", || self.list_buckets()),
            _ => Err(self.not_allowed()),
        }
    }

    pub(super) fn of_bucket(&self, body: &mut Body<'_>, api: &mut &'static str) -> Answer {
        let has = |name| self.request.has(name);
        match self.request.method.as_str() {
            "GET" if has("bucketInfo") => self.run(api, "GetBucketInfo", || self.bucket_info()),
            "GET" if has("location") => {
                self.run(api, "GetBucketLocation", || self.bucket_location())
            }
            "GET" if has("acl") => self.run(api, "GetBucketAcl", || self.bucket_acl()),
            "GET" if has("versioning") => {
                self.run(api, "GetBucketVersioning", || self.bucket_versioning())
            }
            "GET" if has("uploads") => {
                self.run(api, "ListMultipartUploads", || self.list_uploads())
            }
            "GET" if self.request.param("list-type") == Some("2") => {
                self.run(api, "ListObjectsV2", || self.list_v2())
            }
            "GET" => self.run(api, "ListObjects", || self.list_v1()),
            "PUT" if has("acl") => self.run(api, "PutBucketAcl", || self.put_bucket_acl()),
            "PUT" => self.run(api, "PutBucket", || self.put_bucket(body)),
            "DELETE" => self.run(api, "DeleteBucket", || self.delete_bucket()),
            "POST" if has("delete") => {
                self.run(api, "DeleteMultipleObjects", || self.delete_multiple(body))
            }
            _ => Err(self.not_allowed()),
        }
    }

    pub(super) fn of_object(&self, body: &mut Body<'_>, api: &mut &'static str) -> Answer {
        let has = |name| self.request.has(name);
        let is_copy = self.request.header("x-oss-copy-source").is_some();
        match self.request.method.as_str() {
            "HEAD" if has("objectMeta") => self.run(api, "GetObjectMeta", || self.head(true)),
            "HEAD" => self.run(api, "HeadObject", || self.head(false)),
            "GET" if has("uploadId") => self.run(api, "ListParts", || self.list_parts()),
            "GET" if has("acl") => self.run(api, "GetObjectAcl", || self.object_acl()),
            "GET" if has("symlink") => self.run(api, "GetSymlink", || self.symlink()),
            "GET" if has("tagging") => self.run(api, "GetObjectTagging", || self.tagging()),
            "GET" => self.run(api, "GetObject", || self.get()),
            "PUT" if has("uploadId") && is_copy => {
                self.run(api, "UploadPartCopy", || self.upload_part_copy())
            }
            "PUT" if has("uploadId") => self.run(api, "UploadPart", || self.upload_part(body)),
            "PUT" if has("acl") => self.run(api, "PutObjectAcl", || self.put_object_acl()),
            "PUT" if has("symlink") => self.run(api, "PutSymlink", || self.put_symlink()),
            "PUT" if has("tagging") => self.run(api, "PutObjectTagging", || self.put_tagging(body)),
            "PUT" if is_copy => self.run(api, "CopyObject", || self.copy()),
            "PUT" => self.run(api, "PutObject", || self.put(body)),
            "POST" if has("restore") => self.run(api, "RestoreObject", || self.restore(body)),
            "POST" if has("x-oss-rename") => self.run(api, "Rename", || self.rename()),
            "POST" if has("append") => self.run(api, "AppendObject", || self.append(body)),
            "POST" if has("uploads") => {
                self.run(api, "InitiateMultipartUpload", || self.initiate())
            }
            "POST" if has("uploadId") => {
                self.run(api, "CompleteMultipartUpload", || self.complete(body))
            }
            "DELETE" if has("uploadId") => self.run(api, "AbortMultipartUpload", || self.abort()),
            "DELETE" if has("tagging") => {
                self.run(api, "DeleteObjectTagging", || self.delete_tagging())
            }
            "DELETE" => self.run(api, "DeleteObject", || self.delete()),
            _ => Err(self.not_allowed()),
        }
    }

    fn not_allowed(&self) -> ApiError {
        ApiError::new(
            405,
            "MethodNotAllowed",
            "",
            "The specified method is not allowed against this resource.",
        )
        .field("Method", &self.request.method)
        .field(
            "ResourceType",
            if self.key.is_empty() {
                "BUCKET"
            } else {
                "OBJECT"
            },
        )
    }

    /// Notes the API's name for the log and asks whether the key may use it, before carrying it out.
    fn run(
        &self,
        api: &mut &'static str,
        name: &'static str,
        carry_out: impl FnOnce() -> Answer,
    ) -> Answer {
        let only_name = *api == super::ONLY_NAME;
        *api = name;
        if only_name {
            return Ok(Response::empty(204));
        }
        self.permit_api(name)?;
        carry_out()
    }
}
