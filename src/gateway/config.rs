//! The gateway's settings.

use std::collections::BTreeMap;
use std::time::Duration;

use ossftp_oss::{Endpoint, RetryPolicy, SignatureVersion, Timeouts};

/// How the gateway reaches OSS, and how it lays files onto objects.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct GatewayConfig {
    /// The endpoint of all buckets that [`GatewayConfig::bucket_endpoints`] does not name. `None`
    /// finds each bucket's own.
    pub endpoint: Option<Endpoint>,
    /// The region id, such as `cn-hangzhou`, of endpoints whose host name tells none; without
    /// an endpoint, also the region whose public endpoint is asked first.
    pub region: Option<String>,
    /// Whether buckets on `aliyuncs.com` are reached over the internal endpoint of their region.
    /// `None` takes it if it answers within [`GatewayConfig::internal_probe`].
    pub internal: Option<bool>,
    /// The endpoints of single buckets, by bucket name.
    pub bucket_endpoints: BTreeMap<String, Endpoint>,
    /// Which signature goes on requests.
    pub signature: SignatureVersion,
    /// How long each request to OSS waits for what.
    pub timeouts: Timeouts,
    /// How often a request is tried.
    pub retry: RetryPolicy,
    /// How long a command without a preliminary reply may take in all, RNTO excepted: 15 s.
    pub command_timeout: Duration,
    /// How long the internal endpoint has to answer anything: 1 s.
    pub internal_probe: Duration,
    /// How long a good login is remembered: 60 s. Zero asks OSS each time.
    pub login_memory: Duration,
    /// How long a session's own listing answers CWD and DELE: 60 s.
    pub listing_memory: Duration,
    /// A download that was opened but not read for so long is opened again: 10 s.
    pub reopen_after: Duration,
    /// The size in bytes of an upload's first parts: 8 MiB. What is no longer is sent whole, by
    /// one PutObject. OSS takes nothing below 100 KiB.
    pub part_size: u64,
    /// The size in bytes that parts grow to, since their numbers end at 10,000: 32 MiB. A part is
    /// held in memory until OSS has it. With the defaults an upload ends at 273 GiB.
    pub max_part_size: u64,
    /// A file of more bytes is copied in parts, by renames and copies: 1 GiB, OSS's limit for
    /// CopyObject.
    pub copy_limit: u64,
    /// The size in bytes of such a part: 64 MiB.
    pub copy_part_size: u64,
    /// How many copies a rename makes at a time: 4.
    pub copies_at_once: usize,
    /// A directory with more objects below it is not renamed: 100,000.
    pub max_rename: usize,
    /// For how many days SITE RESTORE makes an archived file readable: 1, the least that OSS
    /// takes.
    pub restore_days: u32,
}

impl Default for GatewayConfig {
    fn default() -> Self {
        Self {
            endpoint: None,
            region: None,
            internal: None,
            bucket_endpoints: BTreeMap::new(),
            signature: SignatureVersion::default(),
            timeouts: Timeouts::default(),
            retry: RetryPolicy::default(),
            command_timeout: Duration::from_secs(15),
            internal_probe: Duration::from_secs(1),
            login_memory: Duration::from_secs(60),
            listing_memory: Duration::from_secs(60),
            reopen_after: Duration::from_secs(10),
            part_size: 8 << 20,
            max_part_size: 32 << 20,
            copy_limit: 1 << 30,
            copy_part_size: 64 << 20,
            copies_at_once: 4,
            max_rename: 100_000,
            restore_days: 1,
        }
    }
}
