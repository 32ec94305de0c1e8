//! A gateway before a dev store, both in this process, driven over FTP.

use crate::client::Client;
use ossftp::devstore::{self, RequestLog};
use ossftp::gateway::{GatewayConfig, OssStorage};
use ossftp::server::{self, Running, Runtime, Settings};
use ossftp_oss::{
    Bucket, ClientConfig, Credentials, Endpoint, GetObject, PutObject, RetryPolicy, SliceBody,
};
use std::io::Read;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub(crate) const BUCKET: &str = "test-bucket";
pub(crate) const ID: &str = "test-id";
pub(crate) const SECRET: &str = "test-secret";
/// The smallest part that OSS takes, and the tests' part size.
pub(crate) const PART: usize = 100 << 10;

/// What is waited for comes within this time, or the test fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// The store, the gateway, and a way to the bucket around both of their faults.
pub(crate) struct World {
    store: Option<devstore::Server>,
    pub(crate) bucket: Bucket,
    address: std::net::SocketAddr,
    gateway: Option<Running>,
    storage: Arc<OssStorage>,
    _dir: tempfile::TempDir,
}

impl World {
    pub(crate) fn new(runtime: Runtime) -> Self {
        Self::with(runtime, |_| {}, |_| {})
    }

    pub(crate) fn with(
        runtime: Runtime,
        change_store: impl FnOnce(&mut devstore::Config),
        change: impl FnOnce(&mut GatewayConfig),
    ) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut config = devstore::Config::new(dir.path());
        config.credentials = vec![(ID.into(), SECRET.into())];
        config.buckets = vec![BUCKET.into()];
        config.log = RequestLog::Memory(100_000);
        change_store(&mut config);
        let store = devstore::Server::start(config).unwrap();
        let endpoint = Endpoint::parse(&format!("http://{}", store.local_addr())).unwrap();
        let storage = Arc::new(OssStorage::new(gateway_config(&endpoint, change)).unwrap());
        let mut settings = Settings::new(runtime);
        settings.session.capabilities = storage.capabilities();
        let listener = server::listen("127.0.0.1", 0).unwrap();
        let gateway = server::start(listener, storage.clone(), &settings).unwrap();
        let mut direct = ClientConfig::new(endpoint, Credentials::new(ID, SECRET));
        direct.region = Some("cn-hangzhou".to_owned());
        Self {
            bucket: ossftp_oss::Client::new(direct).unwrap().bucket(BUCKET),
            address: gateway.local_addr(),
            gateway: Some(gateway),
            storage,
            store: Some(store),
            _dir: dir,
        }
    }

    /// The store, while it runs.
    pub(crate) fn store(&self) -> &devstore::Server {
        self.store.as_ref().expect("the store runs")
    }

    /// Ends the store: its address refuses connections from now on.
    pub(crate) fn stop_store(&mut self) {
        if let Some(store) = self.store.take() {
            store.stop();
        }
    }

    /// A session of the key that may do everything.
    pub(crate) fn login(&self) -> Client {
        self.login_as(&format!("{ID}/{BUCKET}"), SECRET)
    }

    pub(crate) fn login_as(&self, user: &str, secret: &str) -> Client {
        let mut client = self.connect();
        client.ask(&format!("USER {user}"), 331);
        client.ask(&format!("PASS {secret}"), 230);
        client
    }

    pub(crate) fn connect(&self) -> Client {
        Client::connect(self.address)
    }

    pub(crate) fn put(&self, key: &str, bytes: &[u8]) {
        let mut body = SliceBody::new(bytes);
        let put = PutObject::default();
        self.bucket.put_object(key, &mut body, &put).unwrap();
    }

    /// What the object holds; `None` if there is none.
    pub(crate) fn get(&self, key: &str) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        match self.bucket.get_object(key, &GetObject::default()) {
            Ok(mut body) => body.read_to_end(&mut bytes).unwrap(),
            Err(error) if error.is_not_found() => return None,
            Err(error) => panic!("{key}: {error}"),
        };
        Some(bytes)
    }

    /// How many multipart uploads are open below `prefix`, after what the gateway still had to
    /// abort in the background.
    pub(crate) fn uploads(&self, prefix: &str) -> usize {
        assert!(self.storage.drain(PATIENCE), "aborts do not end");
        let page = self.bucket.list_multipart_uploads(prefix, None).unwrap();
        page.uploads.len()
    }

    /// What the gateway asked since `from` requests were logged: APIs in order of the log.
    pub(crate) fn asked_since(&self, from: usize) -> Vec<String> {
        let requests = self.store().requests();
        requests
            .iter()
            .skip(from)
            .map(|request| request.api.to_string())
            .collect()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some(store) = &self.store {
            store.faults().clear();
        }
        if let Some(gateway) = self.gateway.take() {
            gateway.stop(Duration::from_secs(5));
        }
    }
}

/// Timeouts of milliseconds, so that bad weather is over soon.
fn gateway_config(endpoint: &Endpoint, change: impl FnOnce(&mut GatewayConfig)) -> GatewayConfig {
    let mut config = GatewayConfig::default();
    config.endpoint = Some(endpoint.clone());
    config.region = Some("cn-hangzhou".to_owned());
    config.part_size = PART as u64;
    config.read_size = PART as u64;
    config.timeouts.connect = Duration::from_secs(1);
    config.timeouts.read = Duration::from_millis(400);
    config.timeouts.write = Duration::from_millis(400);
    config.timeouts.per_200_mib = Duration::ZERO;
    config.command_timeout = Duration::from_secs(4);
    config.retry = RetryPolicy {
        base: Duration::from_millis(1),
        longest: Duration::from_millis(20),
        ..RetryPolicy::default()
    };
    change(&mut config);
    config
}

/// Bytes that no accident repeats.
pub(crate) fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64 ^ seed.wrapping_mul(0xD134_2543_DE82_EF95) ^ 1;
    let next = std::iter::repeat_with(move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 24) as u8
    });
    next.take(length).collect()
}

/// Waits until `condition` holds.
#[track_caller]
pub(crate) fn wait_for(what: &str, condition: impl Fn() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < until, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
