//! The gateway's settings.

use std::collections::BTreeMap;
use std::time::Duration;

use ossftp_core::FtpPath;
use ossftp_oss::{Endpoint, RetryPolicy, SignatureVersion, Timeouts};

/// What becomes of an upload that was broken off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Partial {
    /// Its parts are thrown away; the file is to be sent again whole.
    #[default]
    Discard,
    /// Its parts stay in OSS, and an upload of the same name goes on from there, on any instance
    /// of the gateway.
    Resume,
}

/// Which time a file shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mtime {
    /// When OSS got the object: what listings say. It cannot be set.
    #[default]
    Listing,
    /// The one in `x-oss-meta-mtime`, which MFMT sets, else when OSS got it. Every file in a
    /// listing costs a request of its own.
    Meta,
}

/// What is set for one bucket alone; `None` takes what is set for all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct BucketSettings {
    /// Where the bucket is reached.
    pub endpoint: Option<Endpoint>,
    /// Whether that endpoint is a domain that is bound to the bucket (CNAME).
    pub cname: bool,
    /// Its region id.
    pub region: Option<String>,
    /// Whether it is reached over the internal endpoint.
    pub internal: Option<bool>,
    /// Which signature its requests carry.
    pub signature: Option<SignatureVersion>,
    /// The storage class of new files.
    pub storage_class: Option<String>,
    /// The directory of the bucket that is the root of logins to it.
    pub home: Option<FtpPath>,
}

/// How the gateway reaches OSS, and how it lays files onto objects.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct GatewayConfig {
    /// The endpoint of all buckets for which [`GatewayConfig::buckets`] names none. `None` finds
    /// each bucket's own.
    pub endpoint: Option<Endpoint>,
    /// Whether that endpoint is a domain that is bound to a bucket (CNAME): then all logins are
    /// to that bucket.
    pub cname: bool,
    /// The region id, such as `cn-hangzhou`, of endpoints whose host name tells none; without
    /// an endpoint, also the region whose public endpoint is asked first.
    pub region: Option<String>,
    /// Whether buckets on `aliyuncs.com` are reached over the internal endpoint of their region.
    /// `None` takes it if it answers within [`GatewayConfig::internal_probe`].
    pub internal: Option<bool>,
    /// What is set for single buckets, by bucket name.
    pub buckets: BTreeMap<String, BucketSettings>,
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
    /// The size in bytes of an upload's first parts: 8 MiB, on small devices 1 MiB. What is no longer is sent whole, by
    /// one PutObject. OSS takes nothing below 100 KiB.
    pub part_size: u64,
    /// The size in bytes that parts grow to, since their numbers end at 10,000: 4 GiB. With the defaults an upload
    /// ends at 7.8 TiB, on small devices at 0.97 TiB.
    pub max_part_size: u64,
    /// The size in bytes of the largest parts that are held in memory until OSS has them, so that they can be sent side
    /// by side, and again if that fails: 32 MiB, on small devices 4 MiB. Larger ones are sent while they come, one
    /// after the other, and if that fails the upload ends. With the defaults those are the parts of a file after its
    /// first 54 GiB. Never less than 1 MiB.
    pub buffered_part: u64,
    /// A file of more bytes is copied in parts, by renames and copies: 1 GiB, OSS's limit for
    /// CopyObject.
    pub copy_limit: u64,
    /// The size in bytes of such a part: 64 MiB.
    pub copy_part_size: u64,
    /// How many copies a rename makes at a time: 4.
    pub copies_at_once: usize,
    /// A directory with more objects below it is not renamed: 100,000.
    pub max_rename: usize,
    /// What becomes of broken uploads: thrown away.
    pub partial: Partial,
    /// With [`Partial::Resume`], broken uploads whose newest part is older than this are thrown
    /// away: 3 days.
    pub partial_max_age: Duration,
    /// The bytes that the buffers of all transfers take together at most, those of their HTTP
    /// connections included: 256 MiB, on small devices 16 MiB. A transfer for which there is no room at all is refused.
    pub transfer_memory: u64,
    /// How many requests one transfer begins with at a time: 4. 1 sends and fetches one after the
    /// other.
    pub part_parallelism: usize,
    /// How many requests one transfer has under way at most, as long as more make it faster: 16.
    pub max_parallelism: usize,
    /// Threads that carry such requests, for all transfers together: 64.
    pub max_threads: usize,
    /// The size in bytes of one ranged GET of a download: 4 MiB, on small devices 1 MiB. What is no longer comes in one
    /// request.
    pub read_size: u64,
    /// Which time a file shows.
    pub mtime: Mtime,
    /// Whether a directory whose last file was deleted gets a marker, so that it stays for others
    /// too: no. Without it, it stays for the session that deleted the file.
    pub keep_directories: bool,
    /// The storage class of new files, such as `IA`; `None` is the bucket's own.
    pub storage_class: Option<String>,
    /// The directory of each bucket that is the root of logins to it: `/`, the whole bucket.
    pub home: FtpPath,
    /// For how many days SITE RESTORE makes an archived file readable: 1, the least that OSS
    /// takes.
    pub restore_days: u32,
}

impl Default for GatewayConfig {
    fn default() -> Self {
        Self {
            endpoint: None,
            cname: false,
            region: None,
            internal: None,
            buckets: BTreeMap::new(),
            signature: SignatureVersion::default(),
            timeouts: Timeouts::default(),
            retry: RetryPolicy::default(),
            command_timeout: Duration::from_secs(15),
            internal_probe: Duration::from_secs(1),
            login_memory: Duration::from_secs(60),
            listing_memory: Duration::from_secs(60),
            reopen_after: Duration::from_secs(10),
            part_size: if Self::IS_SMALL { 1 << 20 } else { 8 << 20 },
            max_part_size: 4 << 30,
            buffered_part: if Self::IS_SMALL { 4 << 20 } else { 32 << 20 },
            copy_limit: 1 << 30,
            copy_part_size: 64 << 20,
            copies_at_once: 4,
            max_rename: 100_000,
            partial: Partial::default(),
            partial_max_age: Duration::from_secs(3 * 24 * 3600),
            transfer_memory: if Self::IS_SMALL { 16 << 20 } else { 256 << 20 },
            part_parallelism: 4,
            max_parallelism: 16,
            max_threads: 64,
            read_size: if Self::IS_SMALL { 1 << 20 } else { 4 << 20 },
            mtime: Mtime::default(),
            keep_directories: false,
            storage_class: None,
            home: FtpPath::root(),
            restore_days: 1,
        }
    }
}

impl GatewayConfig {
    /// Whether the defaults are those for small devices: in a build without the async runtime.
    pub const IS_SMALL: bool = cfg!(not(feature = "smol"));

    /// What is set for `bucket` alone.
    fn own(&self, bucket: &str) -> Option<&BucketSettings> {
        self.buckets.get(bucket)
    }

    /// Whether `bucket` is reached over the internal endpoint; `None` finds out.
    pub(crate) fn internal_of(&self, bucket: &str) -> Option<bool> {
        self.own(bucket)
            .and_then(|own| own.internal)
            .or(self.internal)
    }

    /// Which signature goes on requests for `bucket`.
    pub(crate) fn signature_of(&self, bucket: &str) -> SignatureVersion {
        let own = self.own(bucket).and_then(|own| own.signature);
        own.unwrap_or(self.signature)
    }

    /// The storage class of new files in `bucket`.
    pub(crate) fn storage_class_of(&self, bucket: &str) -> Option<&str> {
        let own = self
            .own(bucket)
            .and_then(|own| own.storage_class.as_deref());
        own.or(self.storage_class.as_deref())
    }

    /// The root of logins to `bucket`.
    pub(crate) fn home_of(&self, bucket: &str) -> &FtpPath {
        let own = self.own(bucket).and_then(|own| own.home.as_ref());
        own.unwrap_or(&self.home)
    }
}
