//! An OSS-compatible store for loopback: for the demo, for tests, and for the tests of others.
//!
//! It speaks OSS's REST API as the official SDKs use it, verifies every signature (V1 and V4, header and URL), answers
//! with OSS's own errors, and keeps its objects in a folder. Both path style (`http://127.0.0.1:9000/bucket/key`) and
//! virtual-hosted style (`http://bucket.localhost:9000/key`) work.
//!
//! Keys may be temporary ones ([`TemporaryKey`]) and may have less than all rights ([`Grant`]); objects may be links,
//! tagged, archived and restored; limits can be lowered ([`Limits`]).
//!
//! It misbehaves on request ([`Server::faults`]): it is late, slow or silent, breaks connections, gives errors, loses
//! answers, damages bytes. What it was asked can be read back ([`Server::requests`]).
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
//!
//! A test of an upload whose connection breaks, with the requests counted:
//!
//! ```
//! use ossftp::devstore::{Config, Fault, FaultRule, Place, Server};
//! # use std::io::{Read, Write};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let server = Server::start(Config::new(folder.path()))?;
//! let reset = FaultRule::new(Fault::reset(Place::Request)).api("PutObject").times(1);
//! let id = server.faults().add(reset);
//! // Rules can be written as text, too.
//! server.faults().add("GetObject:latency:ms=1".parse()?);
//!
//! // ... here the client under test uploads to http://{server.local_addr()} ...
//! # let mut client = std::net::TcpStream::connect(server.local_addr())?;
//! # client.write_all(b"PUT /b/k HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nhi")?;
//! # let _ = client.read(&mut [0; 1]);
//! # assert!(server.faults().wait_hits(id, 1, std::time::Duration::from_secs(20)));
//! # while server.requests().is_empty() {
//! #     std::thread::yield_now();
//! # }
//!
//! assert_eq!(server.faults().hits(id), 1);
//! assert_eq!(server.request_counts()["PutObject"].requests, 1);
//! let request = &server.requests()[0];
//! assert_eq!((request.status, request.answered), (None, false));
//! # Ok(())
//! # }
//! ```

mod api;
mod auth;
mod control;
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
    /// Faults from the start; [`Server::faults`] has them.
    pub faults: Vec<FaultRule>,
    /// Whether there is a control URL: faults and the request log under `/-/`, for whoever runs on this machine, without
    /// a signature.
    pub control: bool,
    /// Connections at a time; one thread each. One more is answered with 503 and closed.
    pub max_connections: usize,
}

impl Config {
    /// The defaults: any free port of 127.0.0.1, no keys, no buckets, `cn-hangzhou`, OSS's limits, restores at once, no
    /// log, no faults, no control URL, 256 connections.
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
            faults: Vec::new(),
            control: false,
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
            .field("faults", &self.faults)
            .field("control", &self.control)
            .field("max_connections", &self.max_connections)
            .finish()
    }
}
