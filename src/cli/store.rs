//! `oss-ftp demo` and `oss-ftp dev-store`: the commands that have a store of their own.

use super::generate::{self, Generate};
use super::{
    Settings, charset_argument, faults, flag, log_level_argument, mode_z_argument, names, optional,
    runtime, runtime_argument, setting_argument, settings, utf8_argument, value,
};
use crate::failure::Failure;
use clap::builder::ValueParser;
use clap::{Arg, ArgMatches, value_parser};
use log::LevelFilter;
use ossftp::config::{OSS, Setting};
use ossftp::devstore::FaultRule;
use ossftp::gateway::GatewayConfig;
use ossftp::server::Runtime;
use ossftp_core::Charset;
use std::path::PathBuf;

/// The arguments of `oss-ftp demo`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Demo {
    /// Where the objects are kept.
    pub(crate) dir: PathBuf,
    /// FTP; 0 is any free one.
    pub(crate) port: u16,
    /// The store's own; 0 is any free one.
    pub(crate) store_port: u16,
    /// Settings of OSS.
    pub(crate) settings: Settings,
    /// How names are read that are not UTF-8.
    pub(crate) charset: Option<Charset>,
    /// Whether names are UTF-8 as long as a client says nothing.
    pub(crate) utf8: bool,
    /// Whether MODE Z is offered.
    pub(crate) mode_z: bool,
    /// How much is logged.
    pub(crate) log_level: LevelFilter,
    /// The driver.
    pub(crate) runtime: Runtime,
}

/// The arguments of `oss-ftp dev-store`.
#[derive(Clone, PartialEq)]
pub(crate) struct DevStore {
    /// Host and port to listen on; port 0 is any free one.
    pub(crate) listen: (String, u16),
    /// Where the objects are kept.
    pub(crate) dir: PathBuf,
    /// The one access key that the store knows.
    pub(crate) access_key_id: String,
    /// Its secret.
    pub(crate) access_key_secret: String,
    /// The buckets; made where they do not exist.
    pub(crate) buckets: Vec<String>,
    /// Objects to make at the start.
    pub(crate) generate: Vec<Generate>,
    /// Where each request is written down.
    pub(crate) log: Option<PathBuf>,
    /// What goes wrong from the start.
    pub(crate) faults: Vec<FaultRule>,
    /// Whether there is a control URL.
    pub(crate) control: bool,
    /// How much is logged.
    pub(crate) log_level: LevelFilter,
}

impl std::fmt::Debug for DevStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // All but the secret.
        f.debug_struct("DevStore")
            .field("listen", &self.listen)
            .field("dir", &self.dir)
            .field("access_key_id", &self.access_key_id)
            .field("buckets", &self.buckets)
            .field("generate", &self.generate)
            .field("faults", &self.faults)
            .finish_non_exhaustive()
    }
}

/// The settings of OSS that mean something on a store of one's own.
fn demo_settings() -> impl Iterator<Item = &'static Setting<GatewayConfig>> {
    const FIXED: [&str; 4] = ["endpoint", "cname", "region", "internal"];
    OSS.iter().filter(|setting| !FIXED.contains(&setting.name))
}

pub(super) fn demo_arguments() -> Vec<Arg> {
    let mut arguments = vec![
        flag("dir", "DIR", "Directory to keep the objects in")
            .default_value("./oss-ftp-demo")
            .value_parser(value_parser!(PathBuf)),
        flag("port", "PORT", "FTP port; 0 takes any free one")
            .default_value("2048")
            .value_parser(value_parser!(u16)),
        flag(
            "store-port",
            "PORT",
            "Port of the store; 0 takes any free one",
        )
        .default_value("0")
        .value_parser(value_parser!(u16)),
        charset_argument(),
        utf8_argument(),
        mode_z_argument(),
        log_level_argument(),
        runtime_argument(),
    ];
    arguments.extend(demo_settings().map(setting_argument));
    arguments
}

pub(super) fn dev_store_arguments() -> Vec<Arg> {
    vec![
        flag(
            "listen",
            "HOST:PORT",
            "Address to listen on; port 0 takes any free one",
        )
        .default_value("127.0.0.1:9000")
        .value_parser(ValueParser::new(host_and_port)),
        flag("dir", "DIR", "Directory to keep the objects in")
            .required(true)
            .value_parser(value_parser!(PathBuf)),
        flag(
            "access-key-id",
            "ID",
            "The access key that may do everything",
        )
        .required(true),
        flag("access-key-secret", "SECRET", "Its secret")
            .required(true)
            .allow_hyphen_values(true),
        flag(
            "bucket",
            "NAME",
            "A bucket to offer; give it again for more",
        )
        .required(true)
        .action(clap::ArgAction::Append),
        flag(
            "generate",
            "BUCKET:PREFIX:COUNT",
            "Make COUNT small objects in BUCKET, PREFIX0000000 and up; give it again for more",
        )
        .value_parser(ValueParser::new(generate::parse))
        .action(clap::ArgAction::Append),
        flag("log", "FILE", "File to write a line per request to")
            .value_parser(value_parser!(PathBuf)),
        log_level_argument(),
    ]
    .into_iter()
    .chain(faults::arguments())
    .collect()
}

pub(super) fn demo(matches: &ArgMatches) -> Result<Demo, Failure> {
    let (charset, utf8) = names(matches)?;
    Ok(Demo {
        charset,
        utf8,
        mode_z: value(matches, "mode-z")?,
        dir: value(matches, "dir")?,
        port: value(matches, "port")?,
        store_port: value(matches, "store-port")?,
        settings: settings(demo_settings(), matches),
        log_level: value(matches, "loglevel")?,
        runtime: runtime(matches)?,
    })
}

pub(super) fn dev_store(matches: &ArgMatches) -> Result<DevStore, Failure> {
    Ok(DevStore {
        listen: value(matches, "listen")?,
        dir: value(matches, "dir")?,
        access_key_id: value(matches, "access-key-id")?,
        access_key_secret: value(matches, "access-key-secret")?,
        buckets: matches
            .get_many::<String>("bucket")
            .map(|names| names.cloned().collect())
            .unwrap_or_default(),
        generate: matches
            .get_many::<Generate>("generate")
            .map(|all| all.cloned().collect())
            .unwrap_or_default(),
        log: optional(matches, "log"),
        faults: faults::rules(matches),
        control: value(matches, "control")?,
        log_level: value(matches, "loglevel")?,
    })
}

fn host_and_port(text: &str) -> Result<(String, u16), &'static str> {
    const WANTED: &str = "it is a host and a port, such as 127.0.0.1:9000";
    let (host, port) = text.rsplit_once(':').ok_or(WANTED)?;
    let host = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host);
    if host.is_empty() {
        return Err(WANTED);
    }
    Ok((host.to_owned(), port.parse().map_err(|_| WANTED)?))
}

#[cfg(test)]
mod tests {
    use super::super::{Invocation, parse};
    use std::ffi::OsString;

    #[test]
    fn the_secret_of_a_dev_store_is_not_shown() {
        let arguments = [
            "dev-store",
            "--dir=d",
            "--access-key-id=id",
            "--access-key-secret=-hush",
            "--bucket=a",
            "--bucket=b",
        ];
        let all = std::iter::once("oss-ftp")
            .chain(arguments)
            .map(OsString::from);
        let Ok(Invocation::DevStore(store)) = parse(all) else {
            panic!("not a dev store");
        };
        assert_eq!(store.access_key_secret, "-hush");
        assert_eq!(store.buckets, ["a", "b"]);
        assert!(!format!("{store:?}").contains("hush"));
    }
}
