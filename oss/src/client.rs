//! The client: what all calls share.
//!
//! Decides settings and their defaults, and how one client is derived from another. How a call runs is in `call`, what
//! the calls are in `bucket` and its siblings. Region, endpoint and keys come from the caller.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use log::warn;
use ureq::Agent;

use crate::bucket::Bucket;
use crate::call::Spec;
use crate::cancel::Cancel;
use crate::credentials::{CredentialProvider, CredentialSource};
use crate::endpoint::{AddressStyle, Endpoint};
use crate::error::{Error, Result, TransportKind};
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
    /// The longest pause, also when OSS asks for a longer one (`x-oss-qos-delay-time`). Default 20 s.
    pub longest: Duration,
    /// While no connection comes about, no try begins that could end later than this after the first one began: each
    /// takes up to [`Timeouts::connect`] where packets vanish. Default 15 s.
    pub connecting: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            attempts: 3,
            base: Duration::from_millis(200),
            longest: Duration::from_secs(20),
            connecting: Duration::from_secs(15),
        }
    }
}

impl RetryPolicy {
    /// The pause before try `n`, n ≥ 2. OSS may ask for a longer one.
    pub(crate) fn pause(&self, n: u32, asked: Option<Duration>) -> Duration {
        let whole = self
            .base
            .saturating_mul(1u32.checked_shl(n).unwrap_or(u32::MAX));
        let pause = whole.min(self.longest).mul_f64(fastrand::f64());
        asked.map_or(pause, |asked| asked.min(self.longest).max(pause))
    }
}

/// The settings of a client.
#[derive(Clone, Debug)]
pub struct ClientConfig {
    /// Where OSS is.
    pub endpoint: Endpoint,
    /// The region id for V4 signatures; `None` takes it from the endpoint's host name.
    pub region: Option<String>,
    /// The access key, or who knows it.
    pub credentials: CredentialSource,
    /// Which signature to use. Default V4.
    pub signature: SignatureVersion,
    /// Headers that V4 signatures cover besides those they always do, in any case: such as `host`, `range`,
    /// `if-match` and `content-length`. Those that a request does not have are left out. Default none.
    pub additional_headers: Vec<String>,
    /// The timeouts.
    pub timeouts: Timeouts,
    /// The retries.
    pub retry: RetryPolicy,
    /// The User-Agent header: printable ASCII.
    pub user_agent: String,
    /// Idle connections kept in all, each with its buffers. Default 32.
    pub max_idle_connections: usize,
    /// Idle connections kept per host, which is a bucket at an endpoint: no fewer than the requests that go out side
    /// by side, or connections are opened anew again and again. Default 16.
    pub max_idle_per_host: usize,
    /// How long an idle connection is kept. Default 30 s: OSS closes them after about a minute.
    pub max_idle_age: Duration,
    /// The size of each of the two buffers of a connection (four with TLS). Default 32 KiB.
    pub buffer_size: usize,
}

impl ClientConfig {
    /// The defaults for an endpoint and a key.
    #[must_use]
    pub fn new(endpoint: Endpoint, credentials: impl Into<CredentialSource>) -> Self {
        Self {
            endpoint,
            region: None,
            credentials: credentials.into(),
            signature: SignatureVersion::default(),
            additional_headers: Vec::new(),
            timeouts: Timeouts::default(),
            retry: RetryPolicy::default(),
            user_agent: concat!("oss-ftp/", env!("CARGO_PKG_VERSION")).to_owned(),
            max_idle_connections: 32,
            max_idle_per_host: 16,
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
        local_time().saturating_add(*self.offset.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes the time of an answer as the right one. Of many requests that were refused together one speaks of it.
    pub(crate) fn correct(&self, server: i64) {
        let offset = server.saturating_sub(local_time());
        let mut stored = self.offset.lock().unwrap_or_else(PoisonError::into_inner);
        if stored.abs_diff(offset) > 60 {
            let place = if offset < 0 { "ahead of" } else { "behind" };
            warn!(
                "this machine's clock is {} s {place} that of OSS; requests are signed with the time of OSS",
                offset.unsigned_abs()
            );
        }
        *stored = offset;
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
    /// [`Error::Invalid`] if the user agent, the region, a fixed key or the name of an additional header can't stand in
    /// a request, or a buffer is below 4 KiB.
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
        if !config.additional_headers.iter().all(|name| is_token(name)) {
            return Err(Error::Invalid("this can't be a header name"));
        }
        check_region(config.region.as_deref())?;
        config.credentials.check()?;
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
        let credentials = CredentialSource::Fixed(credentials);
        credentials.check()?;
        Ok(self.derived(|config| config.credentials = credentials))
    }

    /// A client that asks `provider` for the access key before each signature.
    #[must_use]
    pub fn with_provider(&self, provider: Arc<dyn CredentialProvider>) -> Self {
        self.derived(|config| config.credentials = provider.into())
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

    /// A client whose calls may take this long each, over all their tries and pauses, connecting included. For a call
    /// that returns an [`crate::ObjectBody`] it ends with the headers of the answer. Only a name look-up and a
    /// [`CredentialProvider`] may take longer.
    #[must_use]
    pub fn with_deadline(&self, deadline: Option<Duration>) -> Self {
        Self {
            deadline,
            ..self.clone()
        }
    }

    /// Waits before try `attempt` of a call that the caller repeats by itself: the second one is 2. `began` is when the
    /// first try began. The pause is that of [`ClientConfig::retry`], or the longer one that OSS asked for.
    ///
    /// # Errors
    /// `error`, the failure of the try before, if another one would begin too late; [`Error::Cancelled`].
    pub fn wait_before(&self, attempt: u32, began: Instant, error: &Error) -> Result<()> {
        self.pause(attempt, began, None, error)
    }

    /// Whether there is time for another try after `pause`, when tries began at `began` and the last one failed so
    /// ([`RetryPolicy::connecting`]). For callers that repeat calls which are tried once.
    #[must_use]
    pub(crate) fn has_time_after(&self, error: &Error, began: Instant, pause: Duration) -> bool {
        let is_unconnected = matches!(
            error,
            Error::Transport {
                kind: TransportKind::Connect | TransportKind::Resolve,
                ..
            }
        );
        let end = began.elapsed().saturating_add(pause);
        let end = end.saturating_add(self.config.timeouts.connect);
        !is_unconnected || end <= self.config.retry.connecting
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
    /// over a [`AddressStyle::Cname`] endpoint: a client for any other endpoint lists them, and one derived from it by
    /// [`Client::with_endpoint`] uses the domain.
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

/// Whether this is a header name (RFC 9110 section 5.6.2).
pub(crate) fn is_token(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
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
            assert!(policy.pause(n, None) <= bound, "{n}");
            let asked = policy.pause(n, Some(Duration::from_secs(1)));
            assert!(asked >= Duration::from_secs(1) && asked <= bound.max(Duration::from_secs(1)));
            let too_long = policy.pause(n, Some(Duration::from_secs(1000)));
            assert_eq!(too_long, policy.longest);
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
            config.credentials = Credentials::new(id, "sk").into();
            assert!(
                matches!(Client::new(config), Err(Error::Invalid(_))),
                "{id}"
            );
        }
        let mut bad = config();
        bad.region = Some("cn/hangzhou".to_owned());
        assert!(Client::new(bad).is_err());
        let mut bad = config();
        bad.additional_headers = vec!["host;range".to_owned()];
        assert!(Client::new(bad).is_err());
        let mut bad = config();
        bad.user_agent = "a\nb".to_owned();
        assert!(Client::new(bad).is_err());
    }
}
