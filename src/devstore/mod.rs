//! An OSS-compatible store for loopback: for the demo, for tests, and for the tests of others.
//!
//! It speaks OSS's REST API as the official SDKs use it, verifies every signature (V1 and V4, header and URL), answers
//! with OSS's own errors, and keeps its objects in a folder. Both path style (`http://127.0.0.1:9000/bucket/key`) and
//! virtual-hosted style (`http://bucket.localhost:9000/key`) work.
//!
//! Keys may be temporary ones ([`TemporaryKey`]) and may have less than all rights ([`Grant`]); objects may be links,
//! tagged, archived and restored; limits can be lowered ([`Limits`]).
//!
//! It is not for production. There is no TLS, ACLs are shown and not enforced, and an object that was acknowledged
//! survives a killed process but not a power cut: nothing is synced to the disk, which is what makes small puts fast.
//! Not implemented, and answered as such: versions, image processing, callbacks.
//!
//! ```
//! use ossftp::devstore::{Config, Server};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! let mut config = Config::new(folder.path());
//! config.credentials = vec![("id".into(), "secret".into())];
//! config.buckets = vec!["my-bucket".into()];
//! let server = Server::start(config)?;
//! println!("http://{}/my-bucket/", server.local_addr());
//! server.stop();
//! # Ok(())
//! # }
//! ```

mod api;
mod auth;
mod error;
mod faults;
mod front;
mod generate;
mod http;
mod log;
mod server;
mod settings;
mod store;
mod xml;

pub use faults::{ActiveFault, Break, Fault, FaultRule, FaultSyntaxError, Faults, KeyMatch, Place};
pub use generate::GenerateError;
pub use log::{RequestCount, RequestLog, RequestRecord};
pub use server::{Server, StartError};
pub use settings::{Grant, Limits, TemporaryKey};
pub use store::StorageClass;

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use ossftp_oss::sign::Secret;

/// The owner of all buckets and objects, as listings show it.
const OWNER: &str = "1000000000000001";

/// How a [`Server`] is set up.
#[derive(Clone)]
#[non_exhaustive]
pub struct Config {
    /// Where to listen. Port 0 takes any free one; [`Server::local_addr`] tells which.
    pub listen: SocketAddr,
    /// The folder for objects and index; made if it is missing. One process at a time.
    pub dir: PathBuf,
    /// The access keys: AccessKeyId and AccessKeySecret. Without any, every request is refused.
    pub credentials: Vec<(String, Secret)>,
    /// Keys of STS, which need their token with every request.
    pub temporary: Vec<TemporaryKey>,
    /// What the keys named here may do; keys that are not named may do everything.
    pub rights: Vec<Grant>,
    /// Buckets to make at the start, if they are not there.
    pub buckets: Vec<String>,
    /// Those of `buckets` that have a hierarchical namespace: only there is Rename to be had.
    pub hierarchical: Vec<String>,
    /// The storage classes of those of `buckets` for which it is not Standard: what is put there without a class
    /// gets this one.
    pub storage_classes: Vec<(String, StorageClass)>,
    /// Buckets of the account in other regions: name and region id. They stand in ListBuckets, and everything else
    /// gets the 403 that names the endpoint to ask instead.
    pub buckets_elsewhere: Vec<(String, String)>,
    /// Further names of this service, without port: requests to `bucket.NAME` are virtual-hosted. `localhost` always
    /// is one, and `bucket.anything` works for every bucket that exists.
    pub hosts: Vec<String>,
    /// Host names bound to buckets (CNAME): name without port, and bucket.
    pub cnames: Vec<(String, String)>,
    /// The region id, such as `cn-hangzhou`; V4 signatures must name it. The location is `oss-` and this.
    pub region: String,
    /// How long RestoreObject takes: for an Archive object and for the tier Expedited this, for the tier Standard three
    /// times and for Bulk ten times this. Zero: an object is readable as soon as its restore was asked for.
    pub restore_time: Duration,
    /// Limits of sizes and pages.
    pub limits: Limits,
    /// Where to write one line per request.
    pub log: RequestLog,
    /// Connections at a time; one thread each. One more is answered with 503 and closed.
    pub max_connections: usize,
}

impl Config {
    /// The defaults: any free port of 127.0.0.1, no keys, no buckets, `cn-hangzhou`, OSS's limits, restores at once, no
    /// log, 256 connections.
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            dir: dir.into(),
            credentials: Vec::new(),
            temporary: Vec::new(),
            rights: Vec::new(),
            buckets: Vec::new(),
            hierarchical: Vec::new(),
            storage_classes: Vec::new(),
            buckets_elsewhere: Vec::new(),
            hosts: Vec::new(),
            cnames: Vec::new(),
            region: "cn-hangzhou".to_owned(),
            restore_time: Duration::ZERO,
            limits: Limits::default(),
            log: RequestLog::Off,
            max_connections: 256,
        }
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids: Vec<&str> = self.credentials.iter().map(|(id, _)| id.as_str()).collect();
        f.debug_struct("Config")
            .field("listen", &self.listen)
            .field("dir", &self.dir)
            .field("credentials", &ids)
            .field("temporary", &self.temporary)
            .field("rights", &self.rights)
            .field("buckets", &self.buckets)
            .field("hierarchical", &self.hierarchical)
            .field("storage_classes", &self.storage_classes)
            .field("buckets_elsewhere", &self.buckets_elsewhere)
            .field("hosts", &self.hosts)
            .field("cnames", &self.cnames)
            .field("region", &self.region)
            .field("restore_time", &self.restore_time)
            .field("limits", &self.limits)
            .field("log", &self.log)
            .field("max_connections", &self.max_connections)
            .finish()
    }
}
