//! `oss-ftp demo`: the store and the FTP server in one process, and a login to try at once.

use super::{catch_signals, failed, say, serve_until_signal};
use crate::cli::Demo;
use crate::failure::Failure;
use crate::logging;
use ossftp::config;
use ossftp::devstore::{self, Config};
use ossftp::gateway::{GatewayConfig, OssStorage};
use ossftp::server::{self, Settings};
use ossftp_oss::Endpoint;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

/// The demo's only login: access key id, secret and bucket.
const ID: &str = "demo";
const SECRET: &str = "demo-secret";
const BUCKET: &str = "demo";
/// The region that its requests are signed for.
const REGION: &str = "cn-hangzhou";

/// Runs the demo until a signal comes. The objects stay.
pub(super) fn run(arguments: &Demo) -> Result<(), Failure> {
    logging::start(arguments.log_level);
    let signals = catch_signals()?;
    // The port first: a store that is opened and then not used would only leave a directory.
    let listener = server::listen("127.0.0.1", arguments.port).map_err(failed)?;
    let store = start_store(arguments)?;
    let endpoint = Endpoint::parse(&format!("http://{}", store.local_addr())).map_err(failed)?;
    let mut config = gateway_config(endpoint);
    arguments.settings.apply(&mut config)?;
    config::check(&config).map_err(Failure::Usage)?;
    let storage = Arc::new(OssStorage::new(config).map_err(failed)?);
    let mut settings = Settings::new(arguments.runtime);
    settings.session.capabilities = storage.capabilities();
    settings.session.charset = arguments.charset;
    settings.session.utf8 = arguments.utf8;
    settings.session.offer_deflate = arguments.mode_z;
    let ftp = server::start(listener, Arc::clone(&storage) as Arc<_>, &settings).map_err(failed)?;
    say(&welcome(ftp.local_addr(), store.local_addr(), arguments));
    serve_until_signal(ftp, signals, &storage);
    store.stop();
    Ok(())
}

fn start_store(arguments: &Demo) -> Result<devstore::Server, Failure> {
    let mut config = Config::new(&arguments.dir);
    config.listen = SocketAddr::from((Ipv4Addr::LOCALHOST, arguments.store_port));
    config.credentials = vec![(ID.to_owned(), SECRET.into())];
    config.buckets = vec![BUCKET.to_owned()];
    config.region = REGION.to_owned();
    devstore::Server::start(config).map_err(failed)
}

fn welcome(ftp: SocketAddr, store: SocketAddr, arguments: &Demo) -> String {
    let (dir, port) = (arguments.dir.display(), ftp.port());
    format!(
        "OSS-FTP demo: FTP on {ftp}, store on http://{store}, objects in {dir}

  user      {ID}/{BUCKET}
  password  {SECRET}
  port      {port}

Try it:
  echo hello | curl -T - ftp://{ftp}/hello.txt --user {ID}/{BUCKET}:{SECRET}
  curl ftp://{ftp}/ --user {ID}/{BUCKET}:{SECRET}

Ctrl-C ends the demo; the objects stay.
"
    )
}
/// Everything is on the store of this process.
fn gateway_config(store: Endpoint) -> GatewayConfig {
    let mut config = GatewayConfig::default();
    config.endpoint = Some(store);
    config.region = Some(REGION.to_owned());
    config.internal = Some(false);
    config
}
