//! Rename: in buckets with a hierarchical namespace alone, files and directories, in one step.

use ossftp_oss::encode;

use super::{Answer, Call, check_key};
use crate::devstore::error::ApiError;
use crate::devstore::http::Response;
use crate::devstore::store::StoreError;

impl Call<'_> {
    /// Asks for DeleteObject on the source besides PutObject on the target, as the page of Rename says.
    pub(super) fn rename(&self) -> Answer {
        let bucket = self
            .store()
            .bucket(self.bucket)
            .map_err(|error| self.failed(error))?;
        let header = self.request.header("x-oss-rename-source").unwrap_or("");
        let source = encode::decode(header)
            .filter(|source| !source.is_empty())
            .ok_or_else(|| ApiError::invalid_argument("x-oss-rename-source", header))?;
        check_key(&source)?;
        self.permit("oss:DeleteObject", self.bucket, Some(&source))?;
        if !bucket.hierarchical {
            return Err(ApiError::not_supported(""));
        }
        let without_slash = |name: &str| name.strip_suffix('/').unwrap_or(name).to_owned();
        let (source, target) = (without_slash(&source), without_slash(self.key));
        self.store()
            .rename(self.bucket, &source, &target, self.now())
            .map_err(|error| match error {
                StoreError::NoSuchKey => ApiError::no_such_key(&source),
                other => self.failed(other),
            })?;
        Ok(Response::empty(200))
    }
}
