//! What OSS is asked at a login.
//!
//! Decides how it is seen whether a key may use a bucket (one listing of at most one object), and
//! whether an endpoint can be reached, which is remembered. In which order endpoints are asked is
//! `route`'s, and what follows from the answers is `login`'s.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use log::info;
use ossftp_oss::{Client, Error, ListObjects, Result as OssResult, RetryPolicy};

use super::lock;
use super::mount::Process;
use super::recent::Recent;
use super::route::{Ask, Route};

/// How long it is remembered whether an internal endpoint can be reached.
const PROBE_MEMORY: Duration = Duration::from_secs(600);
/// Of how many endpoints.
const MAX_PROBED: usize = 1_024;

/// Which endpoints could be reached, by host name, and when that was seen.
pub(crate) type Probes = Arc<Mutex<Recent<String, (Instant, bool)>>>;

/// Nothing is known yet.
pub(crate) fn probes() -> Probes {
    Arc::new(Mutex::new(Recent::new(MAX_PROBED)))
}

/// Asks OSS about the bucket of one login, all within one deadline.
pub(crate) struct Asker<'a> {
    pub(crate) process: &'a Process,
    pub(crate) probes: &'a Probes,
    pub(crate) client: Client,
    pub(crate) bucket: &'a str,
    /// What is listed to see whether it may be.
    pub(crate) prefix: &'a str,
    pub(crate) until: Instant,
}

impl Asker<'_> {
    fn at(&self, route: &Route, longest: Option<Duration>) -> OssResult<Client> {
        let left = self.until.saturating_duration_since(Instant::now());
        let left = longest.map_or(left, |longest| left.min(longest));
        let endpoint = route.endpoint.clone();
        let client = self
            .client
            .with_endpoint(endpoint, Some(route.region.clone()))?;
        Ok(client.with_deadline(Some(left)))
    }

    fn one_object(&self, client: &Client) -> OssResult<()> {
        let list = ListObjects {
            prefix: self.prefix.to_owned(),
            max_keys: Some(1),
            ..ListObjects::default()
        };
        let bucket = client.bucket(self.bucket);
        bucket.list_objects_v2(&list).map(|_| ())
    }

    /// `None` if it was broken off before its time.
    fn probe(&self, route: &Route) -> Option<bool> {
        let longest = self.process.config.internal_probe;
        let left = self.until.saturating_duration_since(Instant::now());
        let Ok(client) = self.at(route, Some(longest)) else {
            return Some(false);
        };
        let once = RetryPolicy {
            attempts: 1,
            ..RetryPolicy::default()
        };
        let answer = self.one_object(&client.with_retry(once));
        match answer {
            // Whatever OSS says, it is there.
            Ok(()) | Err(Error::Service(_)) => Some(true),
            Err(Error::Cancelled) => None,
            Err(Error::DeadlineExceeded) if left < longest => None,
            Err(_) => Some(false),
        }
    }
}

impl Ask for Asker<'_> {
    fn list(&self, route: &Route) -> OssResult<()> {
        self.one_object(&self.at(route, None)?)
    }

    fn location(&self, route: &Route) -> OssResult<String> {
        self.at(route, None)?.bucket(self.bucket).location()
    }

    fn listed_location(&self, route: &Route) -> OssResult<Option<String>> {
        let page = self.at(route, None)?.list_buckets(self.bucket, None, 100)?;
        let mut buckets = page.buckets.into_iter();
        let found = buckets.find(|bucket| bucket.name == self.bucket);
        Ok(found.map(|bucket| bucket.location))
    }

    fn is_reachable(&self, route: &Route) -> bool {
        let host = route.endpoint.host();
        let known = lock(self.probes).get(host).copied();
        if let Some((at, reachable)) = known
            && at.elapsed() < PROBE_MEMORY
        {
            return reachable;
        }
        let Some(reachable) = self.probe(route) else {
            return false;
        };
        let entry = (Instant::now(), reachable);
        lock(self.probes).insert(host.to_owned(), entry);
        info!("{host} is{} reachable", if reachable { "" } else { " not" });
        reachable
    }
}

#[cfg(test)]
mod tests {
    use super::super::config::GatewayConfig;
    use super::*;
    use ossftp_oss::{ClientConfig, Credentials, Endpoint};

    #[test]
    fn a_probe_that_was_broken_off_says_nothing() {
        let (process, probes) = (Process::new(GatewayConfig::default()), probes());
        let nobody = Credentials::new("nobody", "");
        let endpoint: Endpoint = "oss-cn-hangzhou.aliyuncs.com".parse().unwrap();
        let client = Client::new(ClientConfig::new(endpoint, nobody)).unwrap();
        let route = Route {
            endpoint: "oss-cn-hangzhou-internal.aliyuncs.com".parse().unwrap(),
            region: "cn-hangzhou".to_owned(),
        };
        let cancel = ossftp_oss::Cancel::new();
        let mut asker = Asker {
            process: &process,
            probes: &probes,
            client: client.with_cancel(cancel.clone()),
            bucket: "bucket",
            prefix: "",
            until: Instant::now(),
        };
        assert!(!asker.is_reachable(&route));
        cancel.cancel();
        asker.until += Duration::from_secs(60);
        assert!(!asker.is_reachable(&route));
        assert_eq!(lock(&probes).keys().count(), 0);
    }
}
