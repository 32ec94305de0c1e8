//! The client: what all calls share.
//!
//! Decides settings and their defaults, and how one client is derived from another. How a call runs is in `call`, what
//! the calls are in `bucket` and its siblings. Region, endpoint and keys come from the caller.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ureq::Agent;

use crate::bucket::Bucket;
use crate::call::Spec;
use crate::cancel::Cancel;
use crate::endpoint::{AddressStyle, Endpoint};
use crate::error::{Error, Result};
use crate::sign::{Credentials, SignatureVersion};
use crate::transport;
use crate::types::{BucketPage, Region};
use crate::xml;

/// How long to wait for what. There is no limit on a whole transfer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// Name look-up, TCP connect and TLS handshake together. Default 5 s.
    pub connect: Duration,
    /// Each read without progress. Default 30 s.
    pub read: Duration,
    /// Each write without progress. Default 30 s.
    pub write: Duration,
    /// How much longer than [`Timeouts::read`] CopyObject, UploadPartCopy and Complete may take per 200 MiB until the
    /// first byte of their answer. Default 10 s.
    pub per_200_mib: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            read: Duration::from_secs(30),
            write: Duration::from_secs(30),
            per_200_mib: Duration::from_secs(10),
        }
    }
}

/// How often and after which pauses a call is tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// All tries, the first one included. Default 3.
    pub attempts: u32,
    /// Before try n there is a pause of random length between zero and `base` × 2^n. Default 200 ms.
    pub base: Duration,
    /// The longest pause. Default 20 s.
    pub longest: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            attempts: 3,
            base: Duration::from_millis(200),
            longest: Duration::from_secs(20),
        }
    }
}

impl RetryPolicy {
    /// The pause before try `n`, n ≥ 2.
    pub(crate) fn pause(&self, n: u32) -> Duration {
        let whole = self
            .base
            .saturating_mul(1u32.checked_shl(n).unwrap_or(u32::MAX));
        whole.min(self.longest).mul_f64(fastrand::f64())
    }
}

/// The settings of a client.
#[derive(Clone, Debug)]
pub struct ClientConfig {
    /// Where OSS is.
    pub endpoint: Endpoint,
    /// The region id for V4 signatures; `None` takes it from the endpoint's host name.
    pub region: Option<String>,
    /// The access key.
    pub credentials: Credentials,
    /// Which signature to use. Default V4.
    pub signature: SignatureVersion,
    /// The timeouts.
    pub timeouts: Timeouts,
    /// The retries.
    pub retry: RetryPolicy,
    /// The User-Agent header: printable ASCII.
    pub user_agent: String,
    /// Idle connections kept in all. Default 32.
    pub max_idle_connections: usize,
    /// Idle connections kept per host. Default 10.
    pub max_idle_per_host: usize,
    /// How long an idle connection is kept. Default 30 s: OSS closes them after about a minute.
    pub max_idle_age: Duration,
    /// The size of each of the two buffers of a connection (four with TLS). Default 32 KiB.
    pub buffer_size: usize,
}

impl ClientConfig {
    /// The defaults for an endpoint and a key.
    #[must_use]
    pub fn new(endpoint: Endpoint, credentials: Credentials) -> Self {
        Self {
            endpoint,
            region: None,
            credentials,
            signature: SignatureVersion::default(),
            timeouts: Timeouts::default(),
            retry: RetryPolicy::default(),
            user_agent: concat!("oss-ftp/", env!("CARGO_PKG_VERSION")).to_owned(),
            max_idle_connections: 32,
            max_idle_per_host: 10,
            max_idle_age: Duration::from_secs(30),
            buffer_size: 32 << 10,
        }
    }
}

/// A client of OSS. Cheap to clone; clones and derived clients share connections and the clock correction.
#[derive(Clone, Debug)]
pub struct Client {
    pub(crate) shared: Arc<Shared>,
    pub(crate) config: Arc<ClientConfig>,
    pub(crate) cancel: Option<Cancel>,
    pub(crate) deadline: Option<Duration>,
}

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) agent: Agent,
    /// Seconds to add to the local clock. A lock, for targets without 64-bit atomics.
    offset: Mutex<i64>,
}

impl Shared {
    /// The corrected time in Unix seconds.
    pub(crate) fn now(&self) -> i64 {
        local_time() + *self.offset.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the time of an answer as the right one.
    pub(crate) fn correct(&self, server: i64) {
        *self.offset.lock().unwrap_or_else(PoisonError::into_inner) = server - local_time();
    }
}

fn local_time() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX / 2)
}

impl Client {
    /// A client with its own connections. Nothing is sent yet.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the user agent or the region can't stand in a request, or a buffer is below 4 KiB.
    pub fn new(config: ClientConfig) -> Result<Self> {
        if config.user_agent.is_empty()
            || !config
                .user_agent
                .bytes()
                .all(|b| (b' '..=b'~').contains(&b))
        {
            return Err(Error::Invalid("the user agent must be printable ASCII"));
        }
        if config.buffer_size < 4 << 10 {
            return Err(Error::Invalid("buffers must have 4 KiB at least"));
        }
        check_region(config.region.as_deref())?;
        check_credentials(&config.credentials)?;
        let shared = Shared {
            agent: transport::agent(&config),
            offset: Mutex::new(0),
        };
        Ok(Self {
            shared: Arc::new(shared),
            config: Arc::new(config),
            cancel: None,
            deadline: None,
        })
    }

    /// A client for another endpoint, and region if its host name does not tell.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the region can't stand in a request.
    pub fn with_endpoint(&self, endpoint: Endpoint, region: Option<String>) -> Result<Self> {
        check_region(region.as_deref())?;
        Ok(self.derived(|config| {
            config.endpoint = endpoint;
            config.region = region;
        }))
    }

    /// A client with another access key.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the key id or the token can't stand in a header.
    pub fn with_credentials(&self, credentials: Credentials) -> Result<Self> {
        check_credentials(&credentials)?;
        Ok(self.derived(|config| config.credentials = credentials))
    }

    /// A client with another signature.
    #[must_use]
    pub fn with_signature(&self, signature: SignatureVersion) -> Self {
        self.derived(|config| config.signature = signature)
    }

    /// A client with other retries.
    #[must_use]
    pub fn with_retry(&self, retry: RetryPolicy) -> Self {
        self.derived(|config| config.retry = retry)
    }

    /// A client with other read and write timeouts. The connect timeout stays that of the first client.
    #[must_use]
    pub fn with_timeouts(&self, timeouts: Timeouts) -> Self {
        self.derived(|config| config.timeouts = timeouts)
    }

    /// A client whose calls stop when `cancel` says so.
    #[must_use]
    pub fn with_cancel(&self, cancel: Cancel) -> Self {
        Self {
            cancel: Some(cancel),
            ..self.clone()
        }
    }

    /// A client whose calls may take this long each, over all their tries. For a call that returns an
    /// [`crate::ObjectBody`] it ends with the headers of the answer.
    #[must_use]
    pub fn with_deadline(&self, deadline: Option<Duration>) -> Self {
        Self {
            deadline,
            ..self.clone()
        }
    }

    /// The endpoint.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        &self.config.endpoint
    }

    /// The region of V4 signatures: the configured one, else that of the endpoint's host name.
    #[must_use]
    pub fn region(&self) -> Option<&str> {
        self.config
            .region
            .as_deref()
            .or_else(|| self.config.endpoint.region())
    }

    /// The time in Unix seconds, as OSS sees it as far as that is known.
    #[must_use]
    pub fn time(&self) -> i64 {
        self.shared.now()
    }

    /// The settings.
    #[must_use]
    pub fn config(&self) -> &ClientConfig {
        &self.config
    }

    /// A handle to a bucket. Nothing is sent; a name that can't be a bucket fails with each call.
    #[must_use]
    pub fn bucket(&self, name: &str) -> Bucket {
        Bucket::new(self.clone(), name)
    }

    /// ListBuckets: all buckets of the account, whatever the region, `max_keys` (at most 1,000) a page. Not possible
    /// over a [`AddressStyle::Cname`] endpoint.
    ///
    /// # Errors
    /// Any [`Error`].
    pub fn list_buckets(
        &self,
        prefix: &str,
        marker: Option<&str>,
        max_keys: u32,
    ) -> Result<BucketPage> {
        if self.config.endpoint.style() == AddressStyle::Cname {
            return Err(Error::Invalid(
                "buckets can't be listed over a bucket's own domain",
            ));
        }
        let mut spec = Spec::new("GET", None, None).query("max-keys", max_keys);
        if !prefix.is_empty() {
            spec = spec.query("prefix", prefix);
        }
        if let Some(marker) = marker {
            spec = spec.query("marker", marker);
        }
        xml::bucket_page(&self.call(&spec, None)?.body)
    }

    /// DescribeRegions: all regions with their endpoints.
    ///
    /// # Errors
    /// Any [`Error`].
    pub fn list_regions(&self) -> Result<Vec<Region>> {
        let spec = Spec::new("GET", None, None).flag("regions");
        xml::region_list(&self.call(&spec, None)?.body)
    }

    fn derived(&self, change: impl FnOnce(&mut ClientConfig)) -> Self {
        let mut config = (*self.config).clone();
        change(&mut config);
        Self {
            config: Arc::new(config),
            ..self.clone()
        }
    }
}

fn check_region(region: Option<&str>) -> Result<()> {
    let good = region.is_none_or(|region| {
        !region.is_empty()
            && region
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    });
    if good {
        Ok(())
    } else {
        Err(Error::Invalid(
            "a region has lower-case letters, digits and hyphens",
        ))
    }
}

/// The id comes from whoever logs in, and stands in the Authorization header between separators.
fn check_credentials(credentials: &Credentials) -> Result<()> {
    let visible = |text: &str| text.bytes().all(|b| b.is_ascii_graphic());
    let id = &credentials.access_key_id;
    let token = credentials.security_token.as_ref();
    if id.is_empty() || !visible(id) || id.contains([',', '/', ':', ';', '=']) {
        return Err(Error::Invalid("this can't be an AccessKeyId"));
    }
    if token.is_some_and(|token| !visible(token.reveal())) {
        return Err(Error::Invalid("this can't be a security token"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_stay_within_their_bounds() {
        let policy = RetryPolicy::default();
        for n in 2..40 {
            let bound = Duration::from_millis(200)
                .saturating_mul(1 << n.min(16))
                .min(policy.longest);
            assert!(policy.pause(n) <= bound, "{n}");
        }
    }

    #[test]
    fn bad_settings_are_refused() {
        let config = || {
            ClientConfig::new(
                Endpoint::parse("127.0.0.1").unwrap(),
                Credentials::new("ak", "sk"),
            )
        };
        assert!(Client::new(config()).is_ok());
        for id in ["", "a b", "a\r\nx: y", "a/b", "é"] {
            let mut config = config();
            config.credentials.access_key_id = id.to_owned();
            assert!(
                matches!(Client::new(config), Err(Error::Invalid(_))),
                "{id}"
            );
        }
        let mut bad = config();
        bad.region = Some("cn/hangzhou".to_owned());
        assert!(Client::new(bad).is_err());
        let mut bad = config();
        bad.user_agent = "a\nb".to_owned();
        assert!(Client::new(bad).is_err());
    }
}
