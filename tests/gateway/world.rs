//! A store, a proxy, and a gateway before them, for one test.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ossftp::devstore::{Config, Server};
use ossftp::gateway::{GatewayConfig, OssStorage};
use ossftp_core::driver::{
    Cancel, LoginRequest, ObjectReader, ObjectWriter, Storage, Volume, write_all,
};
use ossftp_core::{Answer, Entry, ErrorKind, FtpPath, Operation, Secret, StorageError, StoreMode};
use ossftp_oss::{
    Bucket, Client, ClientConfig, Credentials, Endpoint, ListObjects, PutObject, RetryPolicy,
    SliceBody,
};

use crate::proxy::{Proxy, Seen};

pub(crate) const BUCKET: &str = "demo-bucket";
pub(crate) const ID: &str = "test-id";
pub(crate) const SECRET: &str = "test-secret";
/// The smallest part that OSS takes, and the tests' part size.
pub(crate) const PART: usize = 100 << 10;

pub(crate) type Done<T = ()> = Result<T, StorageError>;

pub(crate) struct World {
    pub(crate) proxy: Proxy,
    pub(crate) storage: OssStorage,
    config: GatewayConfig,
    store: Bucket,
    server: Server,
    _dir: tempfile::TempDir,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(crate) fn with(change: impl FnOnce(&mut GatewayConfig)) -> Self {
        Self::with_buckets(&[BUCKET], change)
    }

    /// A store with these buckets; the first is that of the helpers here.
    pub(crate) fn with_buckets(buckets: &[&str], change: impl FnOnce(&mut GatewayConfig)) -> Self {
        Self::of(buckets, |_| {}, change)
    }

    /// A world whose bucket has a hierarchical namespace.
    pub(crate) fn hierarchical(change: impl FnOnce(&mut GatewayConfig)) -> Self {
        let hierarchical = |store: &mut Config| store.hierarchical = vec![BUCKET.into()];
        Self::of(&[BUCKET], hierarchical, change)
    }

    pub(crate) fn of(
        buckets: &[&str],
        store: impl FnOnce(&mut Config),
        change: impl FnOnce(&mut GatewayConfig),
    ) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut config = Config::new(dir.path());
        config.credentials = vec![(ID.into(), SECRET.into())];
        config.buckets = buckets.iter().map(|&name| name.into()).collect();
        store(&mut config);
        let server = Server::start(config).unwrap();
        let proxy = Proxy::start(server.local_addr());
        let mut config = GatewayConfig::default();
        config.endpoint = Some(Endpoint::parse(&format!("http://{}", proxy.address)).unwrap());
        config.part_size = PART as u64;
        config.retry = RetryPolicy {
            base: Duration::from_millis(1),
            ..RetryPolicy::default()
        };
        change(&mut config);
        let direct = Endpoint::parse(&format!("http://{}", server.local_addr())).unwrap();
        let mut client = ClientConfig::new(direct, Credentials::new(ID, SECRET));
        client.region = Some("cn-hangzhou".to_owned());
        Self {
            storage: OssStorage::new(config.clone()).unwrap(),
            config,
            store: Client::new(client).unwrap().bucket(buckets[0]),
            proxy,
            server,
            _dir: dir,
        }
    }

    pub(crate) fn login(&self, user: &str, secret: &str) -> Done<(Arc<dyn Volume>, String)> {
        login(&self.storage, user, secret)
    }

    /// A new session.
    pub(crate) fn session(&self) -> Session {
        let (volume, _) = self.login(&format!("{ID}/{BUCKET}"), SECRET).unwrap();
        self.proxy.take();
        Session { volume }
    }

    /// A session with another instance of the gateway, which shares nothing but the store.
    pub(crate) fn elsewhere(&self) -> Session {
        let other = self.instance(|_| {});
        let (volume, _) = login(&other, &format!("{ID}/{BUCKET}"), SECRET).unwrap();
        self.proxy.take();
        Session { volume }
    }

    /// Another instance of the gateway, with other settings.
    pub(crate) fn instance(&self, change: impl FnOnce(&mut GatewayConfig)) -> OssStorage {
        let mut config = self.config.clone();
        change(&mut config);
        OssStorage::new(config).unwrap()
    }

    /// The requests that `work` makes, each as `Api key`.
    pub(crate) fn requests<T>(&self, work: impl FnOnce() -> T) -> Vec<String> {
        self.proxy.take();
        work();
        self.proxy.take().iter().map(line).collect()
    }

    /// Puts an object past the gateway.
    pub(crate) fn put(&self, key: &str, bytes: &[u8]) {
        let put = PutObject::default();
        let mut body = SliceBody::new(bytes);
        self.store.put_object(key, &mut body, &put).unwrap();
    }

    /// Makes small objects past the gateway: the prefix and a number of seven digits.
    pub(crate) fn generate(&self, prefix: &str, count: u64) {
        let bucket = self.store.name();
        self.server.generate(bucket, prefix, count).unwrap();
    }

    /// Deletes an object past the gateway.
    pub(crate) fn delete(&self, key: &str) {
        self.store.delete_object(key).unwrap();
    }

    /// All keys in the bucket.
    pub(crate) fn keys(&self) -> Vec<String> {
        let mut list = ListObjects::default();
        let mut keys = Vec::new();
        loop {
            let page = self.store.list_objects_v2(&list).unwrap();
            keys.extend(page.objects.into_iter().map(|o| o.key));
            list.continuation_token = page.next.filter(|_| page.is_truncated);
            if list.continuation_token.is_none() {
                return keys;
            }
        }
    }

    /// The object's bytes, past the gateway.
    pub(crate) fn get(&self, key: &str) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut body = self.store.get_object(key, &Default::default()).unwrap();
        std::io::Read::read_to_end(&mut body, &mut bytes).unwrap();
        bytes
    }

    /// The store itself, past the gateway and its proxy.
    pub(crate) fn store(&self) -> &Bucket {
        &self.store
    }

    /// Asserts that no multipart upload is under way, when those that were broken off are aborted.
    pub(crate) fn assert_no_uploads(&self) {
        assert!(self.storage.drain(Duration::from_secs(30)));
        let page = self.store.list_multipart_uploads("", None).unwrap();
        assert_eq!(page.uploads, []);
    }
}

pub(crate) fn login(
    storage: &OssStorage,
    user: &str,
    secret: &str,
) -> Done<(Arc<dyn Volume>, String)> {
    let peer = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let request = LoginRequest::new(user, Secret::new(secret), peer);
    let (volume, info) = storage.login(&request, &Cancel::new())?;
    Ok((volume, info.welcome))
}

pub(crate) fn line(seen: &Seen) -> String {
    format!("{} {}", seen.api, seen.key)
}

/// One session, driven as the protocol's core drives it.
pub(crate) struct Session {
    pub(crate) volume: Arc<dyn Volume>,
}

pub(crate) fn path(text: &str) -> FtpPath {
    FtpPath::root().join(text.as_bytes()).unwrap()
}

impl Session {
    pub(crate) fn perform(&self, operation: Operation) -> Done<Answer> {
        self.volume.perform(&operation, &Cancel::new())
    }

    pub(crate) fn done(&self, operation: Operation) -> Done {
        self.perform(operation)
            .map(|answer| assert_eq!(answer, Answer::Done))
    }

    pub(crate) fn mkd(&self, at: &str) -> Done {
        self.done(Operation::MakeDirectory(path(at)))
    }

    pub(crate) fn rmd(&self, at: &str) -> Done {
        self.done(Operation::RemoveDirectory(path(at)))
    }

    pub(crate) fn cwd(&self, at: &str) -> Done {
        self.done(Operation::ChangeDirectory(path(at)))
    }

    pub(crate) fn dele(&self, at: &str) -> Done {
        self.done(Operation::Delete(path(at)))
    }

    pub(crate) fn stat(&self, at: &str) -> Done<Entry> {
        match self.perform(Operation::Stat(path(at)))? {
            Answer::Entry(entry) => Ok(entry),
            other => panic!("{other:?}"),
        }
    }

    /// RNFR and RNTO.
    pub(crate) fn rename(&self, from: &str, to: &str) -> Done {
        self.stat(from)?;
        self.rnto(from, to)
    }

    pub(crate) fn rnto(&self, from: &str, to: &str) -> Done {
        let (from, to) = (path(from), path(to));
        self.done(Operation::Rename { from, to })
    }

    /// STAT with an argument.
    pub(crate) fn status(&self, at: &str, limit: usize) -> Done<(Vec<String>, bool, bool)> {
        match self.perform(Operation::List {
            path: path(at),
            limit,
        })? {
            Answer::Listing {
                entries,
                more,
                directory,
                ..
            } => Ok((entries.iter().map(shown).collect(), more, directory)),
            other => panic!("{other:?}"),
        }
    }

    /// LIST: names, those of directories with a `/`.
    pub(crate) fn list(&self, at: &str) -> Done<Vec<String>> {
        Ok(self.entries(at, true)?.iter().map(shown).collect())
    }

    pub(crate) fn entries(&self, at: &str, files_too: bool) -> Done<Vec<Entry>> {
        let cancel = Cancel::new();
        let mut lister = self.volume.open_list(&path(at), files_too, &cancel)?;
        let mut entries = Vec::new();
        while let Some(page) = lister.next_page()? {
            entries.extend(page);
        }
        Ok(entries)
    }

    pub(crate) fn writer(&self, at: &str, mode: StoreMode) -> Done<Box<dyn ObjectWriter>> {
        self.volume
            .open_write(&path(at), mode, None, &Cancel::new())
    }

    pub(crate) fn write(&self, at: &str, mode: StoreMode, bytes: &[u8]) -> Done {
        let mut writer = self.writer(at, mode)?;
        write_all(writer.as_mut(), bytes)?;
        // As the pump does before it sees the end.
        assert!(!writer.space()?.is_empty());
        writer.commit()
    }

    pub(crate) fn stor(&self, at: &str, bytes: &[u8]) -> Done {
        self.write(at, StoreMode::Replace, bytes)
    }

    pub(crate) fn appe(&self, at: &str, bytes: &[u8]) -> Done {
        self.write(at, StoreMode::Append, bytes)
    }

    /// A STOR that is broken off after these bytes.
    pub(crate) fn broken_stor(&self, at: &str, bytes: &[u8]) {
        let mut writer = self.writer(at, StoreMode::Replace).unwrap();
        write_all(writer.as_mut(), bytes).unwrap();
        writer.discard();
    }

    /// The same, wherever it fails.
    pub(crate) fn broken_stor_anyhow(&self, at: &str, bytes: &[u8]) {
        if let Ok(mut writer) = self.writer(at, StoreMode::Replace) {
            let _ = write_all(writer.as_mut(), bytes);
            writer.discard();
        }
    }

    pub(crate) fn reader(&self, at: &str, offset: u64) -> Done<Box<dyn ObjectReader>> {
        self.volume.open_read(&path(at), offset, &Cancel::new())
    }

    pub(crate) fn retr(&self, at: &str) -> Done<Vec<u8>> {
        self.retr_from(at, 0)
    }

    pub(crate) fn retr_from(&self, at: &str, offset: u64) -> Done<Vec<u8>> {
        let mut reader = self.reader(at, offset)?;
        read_all(reader.as_mut())
    }
}

pub(crate) fn read_all(reader: &mut dyn ObjectReader) -> Done<Vec<u8>> {
    let mut bytes = Vec::new();
    loop {
        assert!(reader.remaining().is_some());
        let next = reader.fill()?.to_vec();
        if next.is_empty() {
            assert_eq!(reader.remaining(), Some(0));
            return Ok(bytes);
        }
        // Not all at once, as a slow client does.
        let count = next.len().div_ceil(2);
        bytes.extend_from_slice(&next[..count]);
        reader.consume(count);
    }
}

fn shown(entry: &Entry) -> String {
    let name = String::from_utf8(entry.name.clone()).unwrap();
    if entry.is_dir() { name + "/" } else { name }
}

/// The kind of a failure.
pub(crate) fn kind<T>(result: Done<T>) -> ErrorKind {
    match result {
        Ok(_) => panic!("it should have failed"),
        Err(error) => error.kind,
    }
}

/// Bytes that no compression or accident repeats.
pub(crate) fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9E37_79B9_7F4A_7C15u64 ^ length as u64;
    let next = std::iter::repeat_with(move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 24) as u8
    });
    next.take(length).collect()
}

/// Waits until the condition holds; not for long.
#[track_caller]
pub(crate) fn wait_until(mut condition: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(30);
    while !condition() {
        assert!(Instant::now() < until, "waited in vain");
        std::thread::sleep(Duration::from_millis(5));
    }
}
