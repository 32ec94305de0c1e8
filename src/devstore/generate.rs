//! [`Server::generate`]: many small objects, faster than any client could put them.

use std::fmt;

use ossftp_oss::crc64;

use super::Server;
use super::store::{Object, StoreError};

/// What every generated object holds.
const CONTENT: &[u8] = b"generated\n";

/// Why objects were not made.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum GenerateError {
    /// There is no such bucket.
    NoBucket,
    /// Keys must be of 1 to 1,023 bytes and must not begin with a slash or a backslash.
    Prefix,
    /// The server has been stopped.
    Stopped,
    /// The disk failed; some of the objects may be there.
    Store {
        /// What the system says.
        reason: String,
    },
}

impl fmt::Display for GenerateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoBucket => f.write_str("there is no such bucket; make it first"),
            Self::Prefix => f.write_str(
                "the prefix makes no keys; take a shorter one that does not begin with a slash",
            ),
            Self::Stopped => f.write_str("the store has been stopped"),
            Self::Store { reason } => write!(f, "cannot write to the store: {reason}"),
        }
    }
}

impl std::error::Error for GenerateError {}

impl Server {
    /// Makes `count` small objects in `bucket`: `prefix` and seven digits, from `prefix0000000` on. They appear in steps
    /// of some ten thousand, and requests are answered meanwhile. A million takes seconds.
    ///
    /// # Errors
    /// See [`GenerateError`].
    pub fn generate(&self, bucket: &str, prefix: &str, count: u64) -> Result<(), GenerateError> {
        let front = self.front.upgrade().ok_or(GenerateError::Stopped)?;
        super::api::check_key(&format!("{prefix}{}", u64::MAX))
            .map_err(|_| GenerateError::Prefix)?;
        let md5 = md5::compute(CONTENT);
        let object = Object {
            crc64: crc64::checksum(CONTENT),
            etag: format!("{md5:X}"),
            modified: super::api::unix_now(),
            headers: vec![("content-type".into(), "text/plain".into())],
            ..Object::default()
        };
        front
            .service
            .store
            .generate(bucket, prefix, count, CONTENT, object)
            .map_err(|error| match error {
                StoreError::NoSuchBucket => GenerateError::NoBucket,
                other => GenerateError::Store {
                    reason: other.to_string(),
                },
            })
    }
}
