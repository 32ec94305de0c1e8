//! Logging in: an access key and a bucket become a volume.
//!
//! Decides what a login must say, how it is checked (one listing of at most one object; never a
//! right that a least-privileged key lacks), how long a good one is remembered, and what the
//! client is told otherwise. Where the bucket is, is found in `route`.

pub(super) mod ask;
pub(super) mod buckets;
pub(super) mod route;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use log::{debug, info};
use ossftp_core::driver::{Cancel, LoginRequest, Storage, Volume};
use ossftp_core::{
    Capabilities, ErrorKind, FtpPath, HashAlgorithms, LoginInfo, Modes, StorageError,
};
use ossftp_oss::{Bucket, Client, ClientConfig, Credentials, Endpoint, Error, Result as OssResult};
use ring::{hmac, rand};

use self::ask::{Asker, Probes, probes};
use self::buckets::AccountVolume;
use self::route::{Ask, Route};
use crate::gateway::config::{GatewayConfig, Mtime, Partial};
use crate::gateway::errors;
use crate::gateway::keys::Keys;
use crate::gateway::lock;
use crate::gateway::mount::{Mount, Process};
use crate::gateway::process::cancel::Link;
use crate::gateway::process::recent::Recent;
use crate::gateway::resume::sweep;
use crate::gateway::volume::OssVolume;

/// How many good logins and routes to buckets are remembered.
const MAX_REMEMBERED: usize = 1_024;

/// What all sessions remember.
type Shared<K, V> = Arc<Mutex<Recent<K, V>>>;

/// OSS buckets as the storage of an FTP server. All sessions share one; clones are the same.
#[derive(Clone)]
pub struct OssStorage {
    client: Client,
    process: Arc<Process>,
    /// The key of [`OssStorage::tag`]; random, and nowhere else.
    tag_key: hmac::Key,
    logins: Shared<Vec<u8>, (Instant, Bucket)>,
    routes: Shared<String, Route>,
    probes: Probes,
}

/// What a user may use: a key, a bucket, and the directory of it that is the root.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Access {
    /// The access key.
    pub credentials: Credentials,
    /// The bucket's name.
    pub bucket: String,
    /// The root; `/` is the whole bucket.
    pub home: FtpPath,
}

impl Access {
    /// The whole of `bucket`.
    #[must_use]
    pub fn new(credentials: Credentials, bucket: impl Into<String>) -> Self {
        Self {
            credentials,
            bucket: bucket.into(),
            home: FtpPath::root(),
        }
    }
}

impl OssStorage {
    /// A storage with these settings. Nothing is sent yet.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the region can't be part of a host name or a signature.
    pub fn new(config: GatewayConfig) -> OssResult<Self> {
        let start = route::start(&config, "")?;
        // Every login brings its own key; connections and clock are shared.
        let nobody = Credentials::new("nobody", "");
        let mut client = ClientConfig::new(start.route.endpoint, nobody);
        client.region.clone_from(&config.region);
        client.signature = config.signature;
        client.timeouts = config.timeouts.clone();
        client.retry = config.retry.clone();
        // As many as one transfer uses at most, its own thread's included, are kept for the next.
        let most = config.max_parallelism.saturating_add(1).min(1_024);
        client.max_idle_per_host = client.max_idle_per_host.max(most);
        client.max_idle_connections = client.max_idle_connections.max(most * 2);
        let tag_key = hmac::Key::generate(hmac::HMAC_SHA256, &rand::SystemRandom::new())
            .map_err(|_| Error::Invalid("the system has no random numbers"))?;
        Ok(Self {
            client: Client::new(client)?,
            process: Arc::new(Process::new(config)),
            tag_key,
            logins: Arc::new(Mutex::new(Recent::new(MAX_REMEMBERED))),
            routes: Arc::new(Mutex::new(Recent::new(MAX_REMEMBERED))),
            probes: probes(),
        })
    }

    /// What each login can do besides the file actions. [`Storage::login`] says the same; it
    /// belongs into [`SessionConfig::capabilities`](ossftp_core::SessionConfig::capabilities) as
    /// well, since FEAT is often asked before.
    #[must_use]
    pub fn capabilities(&self) -> Capabilities {
        let mut able = Capabilities::default();
        // OSS has no modes, but there are programs that give up when SITE CHMOD is refused.
        able.modes = Modes::Ignored;
        able.hashes = HashAlgorithms::ALL;
        able.modify_times = self.process.config.mtime == Mtime::Meta;
        able.copy = true;
        able.restore = true;
        able.symlinks = true;
        able.remove_tree = true;
        able
    }

    /// Waits until every multipart upload that was broken off has been thrown away, `timeout` at
    /// most. Says whether they have. For a process that ends: what is still open then stays in
    /// the bucket and costs money.
    #[must_use]
    pub fn drain(&self, timeout: Duration) -> bool {
        self.process.uploads.drain(timeout)
    }

    /// Checks that `access` may list its bucket, and gives its files for one session. For accounts
    /// whose keys stand in a configuration; [`Storage::login`] does the same with a key that the
    /// client names.
    ///
    /// # Errors
    /// [`ErrorKind::Denied`] or [`ErrorKind::NotFound`] with the reason, or OSS cannot be reached.
    pub fn enter(&self, access: &Access, cancel: &Cancel) -> Result<Arc<dyn Volume>, StorageError> {
        let keys = Keys::below(&access.home)?;
        check_bucket_name(&access.bucket)?;
        let tag = self.tag(access);
        let bucket = match self.remembered(&tag) {
            Some(bucket) => bucket,
            None => {
                let bucket = self.check(access, &keys, cancel)?;
                let entry = (Instant::now(), bucket.clone());
                lock(&self.logins).insert(tag, entry);
                bucket
            }
        };
        let mount = Mount::new(bucket, keys, Arc::clone(&self.process));
        sweep::start(&mount);
        Ok(Arc::new(OssVolume::new(mount)))
    }

    /// As [`OssStorage::enter`], but into all buckets of the account, each a directory of the root.
    /// Checks that they may be listed.
    ///
    /// # Errors
    /// As [`OssStorage::enter`]; the right to list buckets is missing, or the configured endpoint
    /// is one bucket's own.
    pub fn enter_account(
        &self,
        credentials: &Credentials,
        cancel: &Cancel,
    ) -> Result<Arc<dyn Volume>, StorageError> {
        let tag = self.tag(&Access::new(credentials.clone(), ""));
        let client = match self.remembered(&tag) {
            Some(nameless) => nameless.client().clone(),
            None => {
                let client = self.check_account(credentials, cancel)?;
                let entry = (Instant::now(), client.bucket(""));
                lock(&self.logins).insert(tag, entry);
                client
            }
        };
        let volume = AccountVolume::new(self.clone(), credentials.clone(), client);
        Ok(Arc::new(volume))
    }

    /// ListBuckets answers for all regions at any endpoint. One that cannot be reached may have an
    /// internal twin that can.
    fn check_account(
        &self,
        credentials: &Credentials,
        cancel: &Cancel,
    ) -> Result<Client, StorageError> {
        let config = &self.process.config;
        let Route { endpoint, region } = route::start(config, "")
            .map_err(|error| told(&error, ""))?
            .route;
        let (public, internal) = (endpoint.public(), endpoint.internal());
        let (first, second) = match config.internal {
            Some(true) => (internal.unwrap_or(endpoint), None),
            Some(false) => (public.unwrap_or(endpoint), None),
            None => (endpoint, internal),
        };
        let link = Link::new(cancel);
        let ask = |endpoint: Endpoint| {
            let client = self
                .client
                .with_credentials(credentials.clone())
                .and_then(|client| client.with_endpoint(endpoint.clone(), Some(region.clone())))
                .map_err(|error| told(&error, ""))?;
            let asking = client
                .with_deadline(Some(config.command_timeout))
                .with_cancel(link.handle());
            buckets::check(&asking, &endpoint).map(|()| client)
        };
        match (ask(first), second) {
            (Err(error), Some(second)) if error.kind == ErrorKind::Unavailable => ask(second),
            (answer, _) => answer,
        }
    }

    /// Names a key id, its secret, and what they are used for, without telling any of them.
    fn tag(&self, access: &Access) -> Vec<u8> {
        let credentials = &access.credentials;
        let token = credentials.security_token.as_ref();
        let mut context = hmac::Context::with_key(&self.tag_key);
        for field in [
            credentials.access_key_id.as_bytes(),
            credentials.access_key_secret.reveal().as_bytes(),
            token.map_or("", |t| t.reveal()).as_bytes(),
            access.bucket.as_bytes(),
            access.home.as_bytes(),
        ] {
            context.update(&(field.len() as u64).to_be_bytes());
            context.update(field);
        }
        context.sign().as_ref().to_vec()
    }

    fn remembered(&self, tag: &[u8]) -> Option<Bucket> {
        let mut logins = lock(&self.logins);
        let (at, bucket) = logins.get(tag)?;
        if at.elapsed() < self.process.config.login_memory {
            return Some(bucket.clone());
        }
        logins.remove(tag);
        None
    }

    fn check(&self, access: &Access, keys: &Keys, cancel: &Cancel) -> Result<Bucket, StorageError> {
        let config = &self.process.config;
        let link = Link::new(cancel);
        let asker = Asker {
            process: &self.process,
            probes: &self.probes,
            client: self
                .client
                .with_credentials(access.credentials.clone())
                .map_err(|_| denied("This is no AccessKeyId."))?
                .with_signature(config.signature_of(&access.bucket))
                .with_cancel(link.handle()),
            bucket: &access.bucket,
            prefix: keys.root(),
            until: Instant::now() + config.command_timeout,
        };
        let route = self
            .find(&asker)
            .map_err(|error| told(&error, &access.bucket))?;
        info!("bucket {} is at {}", access.bucket, route.endpoint);
        let client = self
            .client
            .with_credentials(access.credentials.clone())
            .and_then(|client| client.with_endpoint(route.endpoint, Some(route.region)))
            .map_err(|error| told(&error, &access.bucket))?;
        let signature = config.signature_of(&access.bucket);
        Ok(client.with_signature(signature).bucket(&access.bucket))
    }

    fn find(&self, asker: &Asker<'_>) -> OssResult<Route> {
        let known = lock(&self.routes).get(asker.bucket).cloned();
        if let Some(route) = known {
            match asker.list(&route) {
                Ok(()) => return Ok(route),
                Err(error) if error.is_bad_credentials() => return Err(error),
                Err(error) => debug!("bucket {} again: {error}", asker.bucket),
            }
            lock(&self.routes).remove(asker.bucket);
        }
        let config = &self.process.config;
        let start = route::start(config, asker.bucket)?;
        let route = route::find(&start, config.internal_of(asker.bucket), asker)?;
        lock(&self.routes).insert(asker.bucket.to_owned(), route.clone());
        Ok(route)
    }
}

impl Storage for OssStorage {
    fn login(
        &self,
        request: &LoginRequest,
        cancel: &Cancel,
    ) -> Result<(Arc<dyn Volume>, LoginInfo), StorageError> {
        let (volume, welcome) = match parse(request)? {
            Login::Bucket(mut access) => {
                access.home = self.process.config.home_of(&access.bucket).clone();
                let welcome = format!("Logged in to bucket {}.", access.bucket);
                (self.enter(&access, cancel)?, welcome)
            }
            Login::Account(credentials) => (
                self.enter_account(&credentials, cancel)?,
                "Logged in. The root lists the account's buckets.".to_owned(),
            ),
        };
        let mut info = LoginInfo::new(welcome);
        info.capabilities = self.capabilities();
        info.keeps_partial = self.process.config.partial == Partial::Resume;
        Ok((volume, info))
    }
}

impl Drop for OssStorage {
    fn drop(&mut self) {
        self.process.sweeps.stop();
    }
}

impl std::fmt::Debug for OssStorage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OssStorage")
            .field("config", &self.process.config)
            .finish_non_exhaustive()
    }
}

/// What a client logs in to.
#[derive(Debug)]
enum Login {
    Bucket(Access),
    Account(Credentials),
}

/// `AccessKeyId/bucket`, split at the last `/`, or `AccessKeyId` alone, and the secret.
fn parse(request: &LoginRequest) -> Result<Login, StorageError> {
    let user = std::str::from_utf8(&request.user).map_err(|_| denied("This is no AccessKeyId."))?;
    let secret = std::str::from_utf8(request.password.expose())
        .map_err(|_| denied("The AccessKeySecret is wrong."))?;
    let Some((id, bucket)) = user.rsplit_once('/') else {
        // What programs try by themselves is not worth a request.
        if matches!(user, "" | "anonymous" | "ftp") {
            return Err(denied(
                "Log in as AccessKeyId/bucket, with the AccessKeySecret as password.",
            ));
        }
        return Ok(Login::Account(Credentials::new(user, secret)));
    };
    check_bucket_name(bucket)?;
    Ok(Login::Bucket(Access::new(
        Credentials::new(id, secret),
        bucket,
    )))
}

/// OSS bucket naming conventions.
pub(crate) fn is_bucket_name(name: &str) -> bool {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (3..=63).contains(&name.len())
        && name.bytes().all(inner)
        && !name.starts_with('-')
        && !name.ends_with('-')
}

/// What is no name of a bucket is not sent: it becomes part of a host.
pub(crate) fn check_bucket_name(name: &str) -> Result<(), StorageError> {
    if is_bucket_name(name) {
        return Ok(());
    }
    Err(denied(
        "This is no bucket name: log in as AccessKeyId/bucket.",
    ))
}

fn denied(sentence: &str) -> StorageError {
    StorageError::new(ErrorKind::Denied, sentence)
}

/// Why the login failed, in a sentence that helps.
pub(crate) fn told(error: &Error, bucket: &str) -> StorageError {
    let Some(service) = error.service() else {
        return match error {
            Error::Invalid(what) => {
                debug!("login was not sent: {what}");
                denied("This is no AccessKeyId.")
            }
            error => errors::told(error, errors::Action::List),
        };
    };
    let (kind, sentence) = match error.code() {
        // Perhaps another server.
        "" => return errors::told(error, errors::Action::List),
        "InvalidAccessKeyId" => (
            ErrorKind::Denied,
            "OSS knows no such AccessKeyId, or it is disabled.".to_owned(),
        ),
        "SignatureDoesNotMatch" => (
            ErrorKind::Denied,
            "The AccessKeySecret is wrong.".to_owned(),
        ),
        "InvalidSecurityToken" | "SecurityTokenExpired" | "AccessKeyIdAndSecurityTokenNotMatch" => {
            (
                ErrorKind::Denied,
                "The security token is wrong or has expired.".to_owned(),
            )
        }
        "NoSuchBucket" => (ErrorKind::NotFound, format!("There is no bucket {bucket}.")),
        _ if service.endpoint.is_some() => (
            ErrorKind::Denied,
            format!("Bucket {bucket} cannot be reached at the configured endpoint."),
        ),
        // Signed for another region than the endpoint's or the bucket's, and none could be found.
        "InvalidArgument" => (
            ErrorKind::Denied,
            format!("The region or endpoint that is set for bucket {bucket} is not the right one."),
        ),
        _ if error.is_denied() => (
            ErrorKind::Denied,
            format!(
                "The access key may not use bucket {bucket}: it needs the RAM action oss:ListObjects."
            ),
        ),
        _ => return errors::told(error, errors::Action::List),
    };
    debug!("login to {bucket}: {service}: {}", service.message);
    errors::with_id(kind, sentence, service)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ossftp_core::Secret;
    use ossftp_oss::ServiceError;
    use std::net::{IpAddr, Ipv4Addr};

    fn request(user: &str) -> LoginRequest {
        let peer = IpAddr::V4(Ipv4Addr::LOCALHOST);
        LoginRequest::new(user, Secret::new("secret"), peer)
    }

    #[test]
    fn users_are_split_at_the_last_slash() {
        let Ok(Login::Bucket(access)) = parse(&request("LTAI/x/my-bucket")) else {
            panic!("no bucket");
        };
        assert_eq!(access.credentials.access_key_id, "LTAI/x");
        assert_eq!(access.bucket, "my-bucket");
        for user in [
            "anonymous",
            "LTAI/",
            "LTAI/Bucket",
            "LTAI/a.b",
            "LTAI/-ab",
            "LTAI/ab",
        ] {
            let error = parse(&request(user)).unwrap_err();
            assert_eq!(error.kind, ErrorKind::Denied);
            assert!(error.message.contains("AccessKeyId/bucket"), "{user}");
        }
    }

    #[test]
    fn one_transfer_finds_all_its_connections_again() {
        for parallel in [1, 16, 40, usize::MAX] {
            let config = GatewayConfig {
                max_parallelism: parallel,
                ..GatewayConfig::default()
            };
            let storage = OssStorage::new(config).unwrap();
            let client = storage.client.config();
            assert!(client.max_idle_per_host > parallel.min(1_000));
            assert!(client.max_idle_connections > client.max_idle_per_host);
        }
    }

    #[test]
    fn tags_tell_every_field_apart() {
        let storage = OssStorage::new(GatewayConfig::default()).unwrap();
        let access = |id: &str, secret: &str, bucket: &str| {
            storage.tag(&Access::new(Credentials::new(id, secret), bucket))
        };
        let tag = access("id", "secret", "bucket");
        assert_eq!(tag, access("id", "secret", "bucket"));
        for other in [
            access("ids", "ecret", "bucket"),
            access("id", "secretb", "ucket"),
            access("id", "other", "bucket"),
        ] {
            assert_ne!(tag, other);
        }
        let other = OssStorage::new(GatewayConfig::default()).unwrap();
        let same = Access::new(Credentials::new("id", "secret"), "bucket");
        assert_ne!(other.tag(&same), tag);
    }

    #[test]
    fn failures_say_why() {
        let refused = |status, code: &str| -> Error {
            let xml = format!("<Error><Code>{code}</Code></Error>");
            ServiceError::read(status, |_| None, xml.as_bytes()).into()
        };
        for (status, code, kind, part) in [
            (
                403,
                "InvalidAccessKeyId",
                ErrorKind::Denied,
                "no such AccessKeyId",
            ),
            (
                403,
                "SignatureDoesNotMatch",
                ErrorKind::Denied,
                "Secret is wrong",
            ),
            (404, "NoSuchBucket", ErrorKind::NotFound, "no bucket demo"),
            (403, "AccessDenied", ErrorKind::Denied, "oss:ListObjects"),
            (
                500,
                "InternalError",
                ErrorKind::Unavailable,
                "failed inside",
            ),
        ] {
            let told = told(&refused(status, code), "demo");
            assert_eq!(told.kind, kind);
            assert!(told.message.contains(part), "{told}");
        }
    }

    #[test]
    fn debug_shows_no_secret() {
        let access = Access::new(Credentials::new("id", "hush-hush"), "bucket");
        assert!(!format!("{access:?}").contains("hush"));
    }
}
