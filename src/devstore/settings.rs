//! What a store is told beside its folder and its port: keys, rights, names of hosts, limits.
//!
//! The public types of [`super::Config`], and the same in the form in which requests look them up.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use ossftp_oss::sign::Secret;

use super::Config;
use super::auth::{Key, Keys};

/// An access key of STS: it works only together with its token, and only for a time.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TemporaryKey {
    /// The AccessKeyId; real ones begin with `STS.`.
    pub id: String,
    /// The AccessKeySecret.
    pub secret: Secret,
    /// The security token.
    pub token: Secret,
    /// Unix time in seconds from which on it is refused with `SecurityTokenExpired`; none: never.
    pub expires: Option<i64>,
}

impl TemporaryKey {
    /// A key that never expires.
    #[must_use]
    pub fn new(id: impl Into<String>, secret: impl Into<Secret>, token: impl Into<Secret>) -> Self {
        Self {
            id: id.into(),
            secret: secret.into(),
            token: token.into(),
            expires: None,
        }
    }

    /// The same key, refused from the Unix time `expires` (seconds) on.
    #[must_use]
    pub fn until(mut self, expires: i64) -> Self {
        self.expires = Some(expires);
        self
    }
}

/// What an access key may do, as one statement `Allow` of a RAM policy says it.
///
/// A key that no grant names may do everything. One that is named may do what its grants together allow, and gets
/// `AccessDenied` with the missing action for the rest.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Grant {
    /// The AccessKeyId.
    pub id: String,
    /// RAM actions such as `oss:GetObject`; `oss:*` and `oss:Get*` stand for all that begin so.
    pub actions: Vec<String>,
    /// The only bucket that is meant; none: all. ListBuckets does not care.
    pub bucket: Option<String>,
    /// What keys must begin with; for a listing of objects, what its parameter `prefix` must begin with.
    pub prefix: String,
}

impl Grant {
    /// These actions for this key, in all buckets and on all objects.
    #[must_use]
    pub fn new<A: Into<String>>(
        id: impl Into<String>,
        actions: impl IntoIterator<Item = A>,
    ) -> Self {
        Self {
            id: id.into(),
            actions: actions.into_iter().map(Into::into).collect(),
            bucket: None,
            prefix: String::new(),
        }
    }

    /// The same, on keys that begin with `prefix` alone.
    #[must_use]
    pub fn under(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// The same, in this bucket alone.
    #[must_use]
    pub fn in_bucket(mut self, bucket: impl Into<String>) -> Self {
        self.bucket = Some(bucket.into());
        self
    }

    /// Whether this grant has the action on this bucket and on this key or prefix.
    pub(super) fn allows(&self, action: &str, bucket: &str, name: Option<&str>) -> bool {
        let covers = |granted: &String| match granted.strip_suffix('*') {
            Some(beginning) => action.starts_with(beginning),
            None => granted == action,
        };
        let here = bucket.is_empty() || self.bucket.as_deref().is_none_or(|own| own == bucket);
        here && self.actions.iter().any(covers)
            && name.is_none_or(|name| name.starts_with(&self.prefix))
    }
}

/// OSS's limits, which a test may lower to see at a few KiB what happens at many GiB.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// The largest PutObject and appendable object, in bytes. Default: 5 GiB.
    pub max_put: u64,
    /// The largest source of a CopyObject, in bytes. Default: 1 GiB.
    pub max_copy: u64,
    /// The smallest part but the last, in bytes; looked at when an upload is completed. Default: 100 KiB.
    pub min_part: u64,
    /// The largest part, copied ones included, in bytes. Default: 5 GiB.
    pub max_part: u64,
    /// The most entries of a page of any listing. A client that asks for more gets this many. Default: 1,000.
    pub max_page: usize,
}

impl Default for Limits {
    fn default() -> Self {
        const GIB: u64 = 1 << 30;
        Self {
            max_put: 5 * GIB,
            max_copy: GIB,
            min_part: 100 * 1024,
            max_part: 5 * GIB,
            max_page: 1000,
        }
    }
}

/// The settings as requests look them up.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) keys: Keys,
    pub(super) region: String,
    /// Grants by AccessKeyId.
    pub(super) rights: HashMap<String, Vec<Grant>>,
    /// Names of this service, in lower case.
    pub(super) hosts: Vec<String>,
    /// Buckets by the host names bound to them, in lower case.
    pub(super) cnames: HashMap<String, String>,
    /// Region ids by the names of the buckets there.
    pub(super) elsewhere: BTreeMap<String, String>,
    pub(super) restore_time: Duration,
    pub(super) limits: Limits,
}

impl Settings {
    pub(super) fn new(config: &Config) -> Self {
        let lasting = config.credentials.iter().map(|(id, secret)| {
            let key = Key {
                secret: secret.clone(),
                token: None,
                expires: None,
            };
            (id.clone(), key)
        });
        let temporary = config.temporary.iter().map(|temporary| {
            let key = Key {
                secret: temporary.secret.clone(),
                token: Some(temporary.token.clone()),
                expires: temporary.expires,
            };
            (temporary.id.clone(), key)
        });
        let mut rights = HashMap::<String, Vec<Grant>>::new();
        for grant in &config.rights {
            rights
                .entry(grant.id.clone())
                .or_default()
                .push(grant.clone());
        }
        Self {
            keys: lasting.chain(temporary).collect(),
            region: config.region.clone(),
            rights,
            hosts: config
                .hosts
                .iter()
                .map(|host| host.to_ascii_lowercase())
                .collect(),
            cnames: config
                .cnames
                .iter()
                .map(|(host, bucket)| (host.to_ascii_lowercase(), bucket.clone()))
                .collect(),
            elsewhere: config.buckets_elsewhere.iter().cloned().collect(),
            restore_time: config.restore_time,
            limits: config.limits.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grants_cover_actions_buckets_and_prefixes() {
        let grant = Grant::new("id", ["oss:Get*", "oss:PutObject"])
            .under("home/")
            .in_bucket("b");
        assert!(grant.allows("oss:GetObject", "b", Some("home/a")));
        assert!(grant.allows("oss:GetBucketInfo", "b", None));
        assert!(grant.allows("oss:GetObject", "", None));
        assert!(!grant.allows("oss:GetObject", "b", Some("hom")));
        assert!(!grant.allows("oss:GetObject", "c", Some("home/a")));
        assert!(!grant.allows("oss:PutObjectAcl", "b", Some("home/a")));
    }
}
