//! A gateway before a bucket: the dev store's, or one of the real OSS.

use super::program::{Program, client};
use ossftp_oss::{
    Bucket, Client, ClientConfig, Credentials, Endpoint, GetObject, ListObjects, PutObject,
    SliceBody,
};
use std::ffi::OsStr;
use std::io::Read;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// A running gateway, a login, and a folder of the bucket that this test has for itself.
pub(crate) struct World {
    /// Where clients connect to.
    pub(crate) address: SocketAddr,
    /// The key's id and the bucket's name.
    pub(crate) key: Key,
    /// The folder, without slashes at its ends.
    pub(crate) folder: String,
    /// A directory of this machine for the test's files.
    pub(crate) local: TempDir,
    /// The program under test.
    pub(crate) gateway: Program,
    /// The dev store, if that is where the bucket is.
    pub(crate) store: Option<Program>,
}

/// A bucket and the key to it.
pub(crate) struct Key {
    pub(crate) bucket: String,
    pub(crate) id: String,
    pub(crate) secret: String,
    endpoint: String,
    region: String,
}

impl World {
    /// A gateway on `runtime`. `test` names the folder.
    pub(crate) fn new(runtime: &str, test: &str) -> Self {
        Self::with_flags(runtime, test, &[])
    }

    /// The same with more flags of `serve`.
    pub(crate) fn with_flags(runtime: &str, test: &str, flags: &[&str]) -> Self {
        Self::begin(runtime, test, flags, &[])
    }

    /// The same with more flags of the dev store. Never before the real OSS: what the flags ask
    /// for is not there.
    pub(crate) fn with_store_flags(runtime: &str, test: &str, store_flags: &[&str]) -> Self {
        Self::begin(runtime, test, &[], store_flags)
    }

    fn begin(runtime: &str, test: &str, flags: &[&str], store_flags: &[&str]) -> Self {
        let local = tempfile::tempdir().unwrap();
        let (key, store) = match Key::from_environment().filter(|_| store_flags.is_empty()) {
            Some(key) => (key, None),
            None => {
                let (key, store) = Key::of_dev_store(local.path(), store_flags);
                (key, Some(store))
            }
        };
        let (gateway, address) = key.serve(runtime, flags);
        Self {
            address,
            key,
            folder: format!("oss-ftp-test-{}-{test}-{runtime}", std::process::id()),
            local,
            gateway,
            store,
        }
    }

    /// Starts another gateway on the same bucket, in place of one that has ended.
    pub(crate) fn start_again(&mut self, runtime: &str, flags: &[&str]) {
        (self.gateway, self.address) = self.key.serve(runtime, flags);
    }

    /// The URL of `path` in the test's folder; `path` is as it stands in a URL.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("ftp://{}/{}/{path}", self.address, self.folder)
    }

    /// The user's name: `AccessKeyId/bucket`.
    pub(crate) fn user(&self) -> String {
        format!("{}/{}", self.key.id, self.key.bucket)
    }

    /// curl with the login.
    pub(crate) fn curl(&self) -> Command {
        self.curl_as(&self.user(), &self.key.secret)
    }

    /// curl with another login.
    pub(crate) fn curl_as(&self, user: &str, password: &str) -> Command {
        let mut command = client("curl");
        command
            .args(["--silent", "--show-error", "--max-time", "600", "--user"])
            .arg(format!("{user}:{password}"));
        command
    }

    /// A file of this machine.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.local.path().join(name)
    }

    /// Writes a file of this machine.
    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.file(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    /// One of `tests/clients`, told where the gateway is.
    pub(crate) fn python(&self, script: &str) -> Command {
        let mut command = client("python3");
        command
            .arg("-B")
            .arg(
                Path::new(env!("CARGO_MANIFEST_DIR"))
                    .join("tests/clients")
                    .join(script),
            )
            .env("FTP_HOST", self.address.ip().to_string())
            .env("FTP_PORT", self.address.port().to_string())
            .env("FTP_USER", self.user())
            .env("FTP_PASSWORD", &self.key.secret)
            .env("FTP_FOLDER", &self.folder);
        command
    }

    /// The bucket itself, around the gateway.
    pub(crate) fn bucket(&self) -> Bucket {
        self.key.open()
    }

    /// The keys in the test's folder, without the folder's name.
    pub(crate) fn keys(&self) -> Vec<String> {
        let prefix = format!("{}/", self.folder);
        keys_below(&self.bucket(), &prefix)
            .unwrap()
            .iter()
            .map(|key| key.strip_prefix(&prefix).unwrap().to_owned())
            .filter(|name| !name.is_empty())
            .collect()
    }

    /// What an object of the test's folder holds, read around the gateway.
    pub(crate) fn object(&self, name: &str) -> Vec<u8> {
        let key = format!("{}/{name}", self.folder);
        let mut bytes = Vec::new();
        self.bucket()
            .get_object(&key, &GetObject::default())
            .unwrap_or_else(|error| panic!("{key}: {error}"))
            .read_to_end(&mut bytes)
            .unwrap();
        bytes
    }

    /// Puts an object into the test's folder, around the gateway.
    pub(crate) fn put(&self, name: &str, bytes: &[u8]) {
        let key = format!("{}/{name}", self.folder);
        self.bucket()
            .put_object(&key, &mut SliceBody::new(bytes), &PutObject::default())
            .unwrap();
    }

    /// How many multipart uploads in the test's folder are neither completed nor aborted.
    pub(crate) fn unfinished_uploads(&self) -> usize {
        let page = self
            .bucket()
            .list_multipart_uploads(&format!("{}/", self.folder), None)
            .unwrap();
        page.uploads.len()
    }
}

impl Drop for World {
    /// A real bucket is left as it was found.
    fn drop(&mut self) {
        if self.store.is_none() {
            self.gateway.kill();
            if let Err(error) = empty(&self.bucket(), &format!("{}/", self.folder)) {
                eprintln!("{} is left in the bucket: {error}", self.folder);
            }
        }
    }
}

impl Key {
    /// A gateway before the bucket, and where it listens.
    fn serve(&self, runtime: &str, flags: &[&str]) -> (Program, SocketAddr) {
        let own = [
            format!("--runtime={runtime}"),
            format!("--bucket-endpoints={}.{}", self.bucket, self.endpoint),
            format!("--endpoint={}", self.endpoint),
            format!("--region={}", self.region),
        ];
        let serve = ["serve", "--port=0", "--loglevel=DEBUG"];
        let own = own.iter().map(String::as_str);
        let gateway = Program::start(serve.into_iter().chain(own).chain(flags.iter().copied()));
        let address = address(&gateway.wait_for("FTP on "));
        (gateway, address)
    }

    fn from_environment() -> Option<Self> {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let bucket = variable("OSS_TEST_BUCKET")?;
        let needed = |name: &str| {
            variable(name).unwrap_or_else(|| panic!("OSS_TEST_BUCKET is set, but {name} is not"))
        };
        Some(Self {
            bucket,
            id: needed("OSS_ACCESS_KEY_ID"),
            secret: needed("OSS_ACCESS_KEY_SECRET"),
            endpoint: needed("OSS_TEST_ENDPOINT"),
            region: needed("OSS_TEST_REGION"),
        })
    }

    fn of_dev_store(local: &Path, flags: &[&str]) -> (Self, Program) {
        let key = Self {
            bucket: "test-bucket".into(),
            id: "test-id".into(),
            secret: "test-secret".into(),
            endpoint: String::new(),
            region: "cn-hangzhou".into(),
        };
        let (dir, log) = (local.join("store"), local.join("store.log"));
        let own = [
            "dev-store".as_ref(),
            "--listen=127.0.0.1:0".as_ref(),
            "--dir".as_ref(),
            dir.as_os_str(),
            "--log".as_ref(),
            log.as_os_str(),
            "--access-key-id=test-id".as_ref(),
            "--access-key-secret=test-secret".as_ref(),
            "--bucket=test-bucket".as_ref(),
        ];
        let store = Program::start(own.into_iter().chain(flags.iter().map(OsStr::new)));
        let endpoint = format!("http://{}", address(&store.wait_for("http://")));
        (Self { endpoint, ..key }, store)
    }

    fn open(&self) -> Bucket {
        let mut config = ClientConfig::new(
            Endpoint::parse(&self.endpoint).unwrap(),
            Credentials::new(self.id.as_str(), self.secret.as_str()),
        );
        config.region = Some(self.region.clone());
        Client::new(config).unwrap().bucket(&self.bucket)
    }
}

/// Deletes all keys that begin with `prefix`.
fn empty(bucket: &Bucket, prefix: &str) -> ossftp_oss::Result<()> {
    for keys in keys_below(bucket, prefix)?.chunks(1000) {
        bucket.delete_objects(keys)?;
    }
    Ok(())
}

fn keys_below(bucket: &Bucket, prefix: &str) -> ossftp_oss::Result<Vec<String>> {
    let mut list = ListObjects {
        prefix: prefix.to_owned(),
        ..ListObjects::default()
    };
    let mut keys = Vec::new();
    loop {
        let page = bucket.list_objects_v2(&list)?;
        keys.extend(page.objects.into_iter().map(|object| object.key));
        let Some(next) = page.next else {
            return Ok(keys);
        };
        list.continuation_token = Some(next);
    }
}

/// The address at the start of what follows a ready line.
pub(crate) fn address(rest: &str) -> SocketAddr {
    let word = rest.split([' ', ',', '/']).next().unwrap();
    word.parse()
        .unwrap_or_else(|_| panic!("no address: {rest:?}"))
}
