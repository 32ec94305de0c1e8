//! An OSS-compatible store for loopback: for the demo, for tests, and for the tests of others.
//!
//! It speaks OSS's REST API as the official SDKs use it, verifies every signature (V1 and V4, header and URL), answers
//! with OSS's own errors, and keeps its objects in a folder. Both path style (`http://127.0.0.1:9000/bucket/key`) and
//! virtual-hosted style (`http://bucket.localhost:9000/key`) work.
//!
//! It is not for production. Every key may do everything, there is no TLS, and an object that was acknowledged
//! survives a killed process but not a power cut: nothing is synced to the disk, which is what makes small puts fast.
//! Not implemented, and answered as such: symlinks, archives, versions, tags, object ACLs, image
//! processing, rename, callbacks.
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
mod http;
mod log;
mod server;
mod store;
mod xml;

pub use faults::{ActiveFault, Break, Fault, FaultRule, FaultSyntaxError, Faults, KeyMatch, Place};
pub use log::{RequestCount, RequestLog, RequestRecord};
pub use server::{Server, StartError};

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

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
    /// Buckets to make at the start, if they are not there.
    pub buckets: Vec<String>,
    /// The region id, such as `cn-hangzhou`; V4 signatures must name it. The location is `oss-` and this.
    pub region: String,
    /// Where to write one line per request.
    pub log: RequestLog,
    /// Connections at a time; one thread each. One more is answered with 503 and closed.
    pub max_connections: usize,
}

impl Config {
    /// The defaults: any free port of 127.0.0.1, no keys, no buckets, `cn-hangzhou`, no log, 256 connections.
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            dir: dir.into(),
            credentials: Vec::new(),
            buckets: Vec::new(),
            region: "cn-hangzhou".to_owned(),
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
            .field("buckets", &self.buckets)
            .field("region", &self.region)
            .field("log", &self.log)
            .field("max_connections", &self.max_connections)
            .finish()
    }
}
