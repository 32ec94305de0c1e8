//! A synchronous client for Alibaba Cloud Object Storage Service (OSS).
//!
//! Decides how requests are built, signed, sent, repeated and checked, and what their answers mean. It knows nothing of
//! FTP, nor of what its caller stores; it depends on no other crate of this workspace.
//!
//! The pure parts ([`sign`], [`encode`], [`crc64`], [`time`], [`xml`]) serve a server that verifies requests as well.
//!
//! ```no_run
//! use ossftp_oss::{Client, ClientConfig, Credentials, Endpoint, ListObjects};
//!
//! let endpoint = Endpoint::parse("oss-cn-hangzhou.aliyuncs.com")?;
//! let client = Client::new(ClientConfig::new(endpoint, Credentials::new("id", "secret")))?;
//! let page = client.bucket("examplebucket").list_objects_v2(&ListObjects {
//!     delimiter: "/".to_owned(),
//!     ..ListObjects::default()
//! })?;
//! for object in page.objects {
//!     println!("{} {}", object.key, object.size);
//! }
//! # Ok::<(), ossftp_oss::Error>(())
//! ```
//!
//! A URL that lets someone else read an object for ten minutes, without a key:
//!
//! ```
//! use ossftp_oss::{Client, ClientConfig, Credentials, Endpoint, Presign};
//!
//! let endpoint = Endpoint::parse("oss-cn-hangzhou.aliyuncs.com")?;
//! let client = Client::new(ClientConfig::new(endpoint, Credentials::new("id", "secret")))?;
//! let link = client.bucket("examplebucket").presign("a b.txt", &Presign::default())?;
//! assert!(link.url.starts_with("https://examplebucket.oss-cn-hangzhou.aliyuncs.com/a%20b.txt?x-oss-"));
//! # Ok::<(), ossftp_oss::Error>(())
//! ```
//!
//! Keys need not be fixed: see [`credentials`].

pub mod crc64;
pub mod credentials;
pub mod encode;
#[cfg(feature = "fuzz")]
pub mod fuzz;
pub mod sign;
pub mod time;
pub mod xml;

mod body;
mod bucket;
mod call;
mod cancel;
mod client;
mod delete;
mod endpoint;
mod error;
mod multipart;
mod object;
mod payload;
mod presign;
mod send;
mod symlink;
mod tagging;
mod transport;
mod types;

pub use body::ObjectBody;
pub use bucket::Bucket;
pub use cancel::Cancel;
pub use client::{Client, ClientConfig, RetryPolicy, Timeouts};
pub use credentials::{CredentialProvider, CredentialSource};
pub use endpoint::{AddressStyle, Endpoint, EndpointKind};
pub use error::{Error, ProtocolError, Result, ServiceError, TransportKind};
pub use object::{
    AppendResult, CompleteResult, CompleteUpload, CompletedPart, CopyObject, CopyResult, GetObject,
    ListObjects, ObjectMeta, PartCopy, PutObject, PutResult,
};
pub use payload::{Payload, SliceBody, StreamBody};
pub use presign::{Presign, PresignedUrl};
pub use sign::{Credentials, Secret, SignatureVersion};
pub use symlink::Symlink;
pub use types::{
    BucketInfo, BucketPage, BucketSummary, CompletedUpload, Copied, DeletedKey, InitiatedUpload,
    ObjectPage, ObjectSummary, Owner, PartPage, PartSummary, Region, UploadPage, UploadSummary,
};
