//! FTP's files and folders on OSS's objects.
//!
//! Decides which requests to OSS each operation of [`ossftp_core`] becomes, what counts as a file
//! and as a directory, and what a client is told when OSS refuses. Implements the core's
//! [`Storage`](ossftp_core::driver::Storage) with the client of [`ossftp_oss`]; knows no FTP reply
//! codes, and opens no socket by itself.
//!
//! | FTP | OSS |
//! |---|---|
//! | `/` | the bucket, or a directory of it; for a login without a bucket, all buckets |
//! | file `a/b` | the object `a/b` |
//! | directory `a` | the prefix `a/`, whether or not there is a marker, the empty object `a/` |
//! | `STOR` | PutObject up to one part, else a multipart upload; visible when it is whole |
//! | `APPE`, `REST` and `STOR` | UploadPartCopy of what is kept, and the new bytes |
//! | `APPE` to an appendable object | AppendObject, a part at a time |
//! | `RETR` | GetObject, for large files several at a time, going on unseen where a connection breaks |
//! | `RNFR`, `RNTO` | copies, checked, then the sources are deleted; or Rename, where the bucket has it |
//! | `MFMT` | a copy onto itself with another `x-oss-meta-mtime`, where that is switched on |
//! | `SITE CPFR`, `SITE CPTO` | one such copy of a file |
//! | `HASH`, `XCRC`, `XMD5` … | what OSS knows of the object, else GetObject and a digest |
//! | `STOU` | as `STOR`, with `x-oss-forbid-overwrite` |
//! | `SITE RESTORE` | RestoreObject |
//! | `SITE SYMLINK` | PutSymlink; what a link points to is read, and the link itself deleted |
//! | `SITE RMDIR` | all keys below the directory deleted, page by page |
//!
//! With [`Partial::Resume`] a `STOR` that broke off leaves its parts in OSS; SIZE then says how far
//! they go, and `REST` and `STOR` go on from there.
//!
//! Sessions share nothing but connections, good logins, and the names of uploads that were broken
//! off; what one session has seen never answers another.
//!
//! ```no_run
//! use ossftp::gateway::{GatewayConfig, OssStorage};
//! use ossftp_core::driver::{Cancel, LoginRequest, Storage};
//! use ossftp_core::{FtpPath, Operation, Secret};
//!
//! let mut config = GatewayConfig::default();
//! config.region = Some("cn-hangzhou".to_owned());
//! let storage = OssStorage::new(config)?;
//! let login = LoginRequest::new("AccessKeyId/bucket", Secret::new("secret"), "192.0.2.1".parse()?);
//! let (volume, info) = storage.login(&login, &Cancel::new())?;
//! println!("{}", info.welcome);
//! volume.perform(&Operation::MakeDirectory(FtpPath::root().join(b"new")?), &Cancel::new())?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::sync::{Mutex, MutexGuard, PoisonError};

mod config;
mod deletes;
mod dirs;
mod errors;
mod keys;
mod links;
mod list;
mod login;
mod memory;
mod mount;
mod process;
mod read;
mod rename;
mod restore;
mod resume;
mod times;
mod tree;
mod volume;
mod write;

pub use config::{BucketSettings, GatewayConfig, Mtime, Partial};
pub(crate) use login::is_bucket_name;
pub use login::{Access, OssStorage};

/// Locks; what a panicking thread left behind is still a whole value here.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
