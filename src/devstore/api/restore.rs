//! RestoreObject.

use super::{Answer, Call};
use crate::devstore::error::ApiError;

impl Call<'_> {
    /// Every object here is of the class Standard, and such a one cannot be restored.
    pub(super) fn restore(&self) -> Answer {
        self.store()
            .object(self.bucket, self.key)
            .map_err(|error| self.failed(error))?;
        Err(ApiError::new(
            400,
            "OperationNotSupported",
            "0016-00000702",
            "The operation is not supported for this resource.",
        ))
    }
}
