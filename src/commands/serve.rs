//! `oss-ftp serve`: FTP on OSS buckets.

use super::{catch_signals, failed, say, serve_until_signal};
use crate::cli::Serve;
use crate::failure::Failure;
use crate::logging;
use ossftp::config::{self, file};
use ossftp::gateway::{GatewayConfig, OssStorage};
use ossftp::server::{self, Settings};
use std::path::Path;
use std::sync::Arc;

/// The file with settings that is read without being asked for.
const CONFIG: &str = "oss-ftp.toml";

/// Serves until a signal comes.
pub(super) fn run(arguments: &Serve) -> Result<(), Failure> {
    logging::start(arguments.log_level);
    let signals = catch_signals()?;
    let storage = Arc::new(OssStorage::new(gateway_config(arguments)?).map_err(failed)?);
    let listener = server::listen(&arguments.listen_address, arguments.port).map_err(failed)?;
    let mut settings = Settings::new(arguments.runtime);
    settings.session.masquerade_address = arguments.masquerade_address;
    settings.session.capabilities = storage.capabilities();
    settings.session.charset = arguments.charset;
    settings.session.utf8 = arguments.utf8;
    settings.session.offer_deflate = arguments.mode_z;
    settings.passive_ports = arguments.passive_ports.clone();
    let ftp = server::start(listener, Arc::clone(&storage) as Arc<_>, &settings).map_err(failed)?;
    let address = ftp.local_addr();
    if !address.ip().is_loopback() {
        log::warn!(
            "others can reach {address}, and without TLS they can read access keys on their way here"
        );
    }
    say(&format!(
        "FTP on {address}, passive ports {} to {}, runtime {}\n",
        arguments.passive_ports.start(),
        arguments.passive_ports.end(),
        arguments.runtime
    ));
    serve_until_signal(ftp, signals, &storage);
    Ok(())
}

/// The defaults, then what the file says, then the flags.
fn gateway_config(arguments: &Serve) -> Result<GatewayConfig, Failure> {
    let mut config = GatewayConfig::default();
    let (path, text) = match &arguments.config {
        Some(path) => (path.as_path(), read(path)?),
        None => {
            let path = Path::new(CONFIG);
            (
                path,
                if path.exists() {
                    read(path)?
                } else {
                    String::new()
                },
            )
        }
    };
    file::apply(&text, &mut config)
        .map_err(|error| Failure::Usage(format!("{}: {error}", path.display())))?;
    for (bucket, endpoint) in &arguments.bucket_endpoints {
        config.buckets.entry(bucket.clone()).or_default().endpoint = Some(endpoint.clone());
    }
    arguments.settings.apply(&mut config)?;
    config::check(&config).map_err(Failure::Usage)?;
    Ok(config)
}

fn read(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|error| {
        Failure::Usage(format!(
            "cannot read the settings in {}: {error}",
            path.display()
        ))
    })
}
