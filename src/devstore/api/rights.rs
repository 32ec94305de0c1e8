//! Who may do what: the RAM action that each API asks for, and whether the key has it.
//!
//! What an action is granted on is `settings`' business ([`Grant`](crate::devstore::Grant)).

use super::Call;
use crate::devstore::error::ApiError;

/// The action that an API asks for on the bucket or object that its address names. DeleteMultipleObjects and Rename
/// name theirs elsewhere, and a copy asks for more: see the methods below.
const ACTIONS: [(&str, &str); 34] = [
    ("ListBuckets", "oss:ListBuckets"),
    ("DescribeRegions", "oss:DescribeRegions"),
    ("PutBucket", "oss:PutBucket"),
    ("DeleteBucket", "oss:DeleteBucket"),
    ("GetBucketInfo", "oss:GetBucketInfo"),
    ("GetBucketLocation", "oss:GetBucketLocation"),
    ("GetBucketAcl", "oss:GetBucketAcl"),
    ("PutBucketAcl", "oss:PutBucketAcl"),
    ("GetBucketVersioning", "oss:GetBucketVersioning"),
    ("ListObjects", "oss:ListObjects"),
    ("ListObjectsV2", "oss:ListObjects"),
    ("ListMultipartUploads", "oss:ListMultipartUploads"),
    ("GetObject", "oss:GetObject"),
    ("HeadObject", "oss:GetObject"),
    ("GetObjectMeta", "oss:GetObject"),
    ("GetSymlink", "oss:GetObject"),
    ("PutObject", "oss:PutObject"),
    ("CopyObject", "oss:PutObject"),
    ("AppendObject", "oss:PutObject"),
    ("PutSymlink", "oss:PutObject"),
    ("InitiateMultipartUpload", "oss:PutObject"),
    ("UploadPart", "oss:PutObject"),
    ("UploadPartCopy", "oss:PutObject"),
    ("CompleteMultipartUpload", "oss:PutObject"),
    ("AbortMultipartUpload", "oss:AbortMultipartUpload"),
    ("ListParts", "oss:ListParts"),
    ("DeleteObject", "oss:DeleteObject"),
    ("RestoreObject", "oss:RestoreObject"),
    ("GetObjectAcl", "oss:GetObjectAcl"),
    ("PutObjectAcl", "oss:PutObjectAcl"),
    ("Rename", "oss:PutObject"),
    ("GetObjectTagging", "oss:GetObjectTagging"),
    ("PutObjectTagging", "oss:PutObjectTagging"),
    ("DeleteObjectTagging", "oss:DeleteObjectTagging"),
];

/// What the action of an API is, if its address says on what.
fn action_of(api: &str) -> Option<&'static str> {
    ACTIONS
        .iter()
        .find(|(name, _)| *name == api)
        .map(|(_, action)| *action)
}

impl Call<'_> {
    /// Fails unless the key of this request may use the API on what the request is addressed to.
    pub(super) fn permit_api(&self, api: &str) -> Result<(), ApiError> {
        let Some(action) = action_of(api) else {
            return Ok(());
        };
        let name = match action {
            // What may be listed goes by the parameter, as the condition `oss:Prefix` has it.
            "oss:ListObjects" => Some(self.text("prefix")),
            _ => Some(self.key).filter(|key| !key.is_empty()),
        };
        self.permit(action, self.bucket, name)?;
        if api != "PutObjectTagging" && self.request.header("x-oss-tagging").is_some() {
            self.permit("oss:PutObjectTagging", self.bucket, Some(self.key))?;
        }
        Ok(())
    }

    /// Fails unless the key of this request may do `action` in `bucket`, on the key or prefix `name` if there is one.
    pub(super) fn permit(
        &self,
        action: &'static str,
        bucket: &str,
        name: Option<&str>,
    ) -> Result<(), ApiError> {
        let allowed = self
            .service
            .settings
            .rights
            .get(self.id)
            .is_none_or(|grants| {
                grants
                    .iter()
                    .any(|grant| grant.allows(action, bucket, name))
            });
        if allowed {
            Ok(())
        } else {
            Err(ApiError::not_granted(self.id, action))
        }
    }
}
