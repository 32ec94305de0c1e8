//! The command line: which commands and flags there are, and what their values mean.
//!
//! Decides what is a wrong argument, and nothing else: whether a port is free or a directory can
//! be written is for the command to find out. Every flag may be written with underscores, as the
//! Python tool had them, and without a word the command is `serve`.

#[cfg(feature = "dev-store")]
mod faults;
#[cfg(feature = "dev-store")]
mod generate;
#[cfg(feature = "dev-store")]
mod store;

use crate::failure::Failure;
use crate::logging;
use clap::builder::ValueParser;
use clap::error::ErrorKind;
use clap::{Arg, ArgMatches, Command, value_parser};
use log::LevelFilter;
use ossftp::config::{self, OSS, Setting};
use ossftp::gateway::GatewayConfig;
use ossftp::server::Runtime;
use ossftp_core::Charset;
use ossftp_oss::Endpoint;
use std::ffi::OsString;
use std::net::Ipv4Addr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
#[cfg(feature = "dev-store")]
pub(crate) use store::{Demo, DevStore};

/// What the program was asked to do.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Invocation {
    /// Show this text: `--help`, `--version`.
    Show(String),
    /// Serve FTP.
    Serve(Serve),
    /// Serve FTP on a store of its own.
    #[cfg(feature = "dev-store")]
    Demo(Demo),
    /// Run the OSS-compatible store alone.
    #[cfg(feature = "dev-store")]
    DevStore(DevStore),
}

/// Settings of OSS by name, with values that were found good.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Settings(Vec<(&'static str, String)>);

impl Settings {
    /// Sets them.
    pub(crate) fn apply(&self, config: &mut GatewayConfig) -> Result<(), Failure> {
        for (name, text) in &self.0 {
            if let Some(setting) = OSS.iter().find(|setting| setting.name == *name) {
                setting.set(config, text).map_err(Failure::Usage)?;
            }
        }
        Ok(())
    }
}

/// The arguments of `oss-ftp serve`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Serve {
    /// A host name or an address of this machine.
    pub(crate) listen_address: String,
    /// 0 is any free one.
    pub(crate) port: u16,
    /// Never empty.
    pub(crate) passive_ports: RangeInclusive<u16>,
    /// What the reply to PASV names instead of the own address.
    pub(crate) masquerade_address: Option<Ipv4Addr>,
    /// Where each bucket is reached.
    pub(crate) bucket_endpoints: Vec<(String, Endpoint)>,
    /// The file with settings of OSS.
    pub(crate) config: Option<PathBuf>,
    /// Settings of OSS that count more than those of the file.
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

/// Reads the arguments, the program's own name first.
pub(crate) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Invocation, Failure> {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let matches = match command().try_get_matches_from(&arguments) {
        Ok(matches) => matches,
        Err(error) => match error.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
                return Ok(Invocation::Show(error.render().to_string()));
            }
            _ => return Err(Failure::Usage(one_sentence(&error, &arguments))),
        },
    };
    match matches.subcommand() {
        #[cfg(feature = "dev-store")]
        Some(("demo", matches)) => store::demo(matches).map(Invocation::Demo),
        #[cfg(feature = "dev-store")]
        Some(("dev-store", matches)) => store::dev_store(matches).map(Invocation::DevStore),
        Some((_, matches)) => serve(matches).map(Invocation::Serve),
        None => serve(&matches).map(Invocation::Serve),
    }
}

/// The whole command line.
fn command() -> Command {
    let root = Command::new("oss-ftp")
        .version(env!("CARGO_PKG_VERSION"))
        .about("An FTP server whose disk is Alibaba Cloud OSS.")
        .after_help("Without a command, oss-ftp serves.")
        .args_conflicts_with_subcommands(true)
        .args(serve_arguments())
        .subcommand(
            Command::new("serve")
                .about("Serve FTP on OSS buckets; log in as AccessKeyId/bucket")
                .args(serve_arguments()),
        );
    #[cfg(feature = "dev-store")]
    let root = root
        .subcommand(
            Command::new("demo")
                .about("Serve FTP on a store of its own, to try it without an OSS account")
                .args(store::demo_arguments()),
        )
        .subcommand(
            Command::new("dev-store")
                .about("Run the OSS-compatible store alone, for tests and development")
                .args(store::dev_store_arguments()),
        );
    root
}

fn serve_arguments() -> Vec<Arg> {
    let mut arguments = vec![
        flag(
            "config",
            "FILE",
            "Settings of OSS in a file; without it oss-ftp.toml, if it is there",
        )
        .value_parser(value_parser!(PathBuf)),
        flag("listen-address", "ADDRESS", "Address to listen on").default_value("127.0.0.1"),
        flag("port", "PORT", "Port to listen on; 0 takes any free one")
            .default_value("2048")
            .value_parser(value_parser!(u16)),
        flag(
            "passive-ports-start",
            "PORT",
            "First port for passive data connections",
        )
        .default_value("51000")
        .value_parser(value_parser!(u16).range(1..)),
        flag(
            "passive-ports-end",
            "PORT",
            "Last port for passive data connections",
        )
        .default_value("53000")
        .value_parser(value_parser!(u16).range(1..)),
        flag(
            "masquerade-address",
            "IPV4",
            "Public address to name in replies to PASV, behind NAT",
        )
        .value_parser(ValueParser::new(ipv4)),
        flag(
            "bucket-endpoints",
            "LIST",
            "Where buckets are: bucket.endpoint, several with commas",
        )
        .value_parser(ValueParser::new(bucket_endpoints)),
        charset_argument(),
        utf8_argument(),
        mode_z_argument(),
        log_level_argument(),
        runtime_argument(),
    ];
    arguments.extend(OSS.iter().map(setting_argument));
    arguments
}

/// A flag with a value, written with hyphens or with underscores.
fn flag(name: impl Into<String>, value: &'static str, help: &'static str) -> Arg {
    let name: String = name.into();
    let argument = Arg::new(name.clone()).long(name.clone());
    let argument = argument.value_name(value).help(help);
    if name.contains('-') {
        argument.alias(name.replace('-', "_"))
    } else {
        argument
    }
}

/// What the flag of a setting is called.
fn flag_name(setting: &str) -> String {
    setting.replace('_', "-")
}

/// The flag of a setting of OSS.
fn setting_argument(setting: &'static Setting<GatewayConfig>) -> Arg {
    let check = move |text: &str| {
        let mut scratch = GatewayConfig::default();
        setting.set(&mut scratch, text).map(|()| text.to_owned())
    };
    let argument = flag(flag_name(setting.name), setting.value, setting.help)
        .value_parser(ValueParser::new(check));
    let argument = match setting.default {
        "" => argument,
        default => argument.help(format!("{} [default: {default}]", setting.help)),
    };
    if setting.is_switch() {
        argument.num_args(0..=1).default_missing_value("True")
    } else {
        argument
    }
}

fn charset_argument() -> Arg {
    flag(
        "charset",
        "CHARSET",
        "How clients write names that are not UTF-8: GBK, GB18030, Big5, Shift-JIS or Latin-1",
    )
    .value_parser(ValueParser::new(|name: &str| name.parse::<Charset>()))
}

fn utf8_argument() -> Arg {
    flag(
        "utf8",
        "True|False",
        "False: names are in --charset until a client says OPTS UTF8 ON",
    )
    .default_value("True")
    .value_parser(ValueParser::new(boolean))
}

fn mode_z_argument() -> Arg {
    flag(
        "mode-z",
        "True|False",
        "True: offer MODE Z, compressed transfers; lftp then loses the end of long listings",
    )
    .default_value("False")
    .value_parser(ValueParser::new(boolean))
}

/// Both flags about names: without a charset there is nothing but UTF-8.
fn names(matches: &ArgMatches) -> Result<(Option<Charset>, bool), Failure> {
    let (charset, utf8) = (
        optional(matches, "charset"),
        value::<bool>(matches, "utf8")?,
    );
    if charset.is_none() && !utf8 {
        return Err(Failure::Usage(
            "--utf8=False needs --charset to say what names are in; give it, such as --charset=GBK"
                .to_owned(),
        ));
    }
    Ok((charset, utf8))
}

fn log_level_argument() -> Arg {
    flag(
        "loglevel",
        "LEVEL",
        "How much to log: DEBUG, INFO, WARNING, ERROR or CRITICAL",
    )
    .aliases(["log-level", "log_level"])
    .default_value("INFO")
    .value_parser(ValueParser::new(|name: &str| {
        logging::level(name).ok_or("the levels are DEBUG, INFO, WARNING, ERROR and CRITICAL")
    }))
}

fn runtime_argument() -> Arg {
    let argument = flag("runtime", "smol|threads", "What drives the sessions")
        .value_parser(ValueParser::new(|name: &str| name.parse::<Runtime>()));
    match Runtime::preferred() {
        Some(runtime) => argument.default_value(runtime.name()),
        None => argument,
    }
}

fn serve(matches: &ArgMatches) -> Result<Serve, Failure> {
    let (start, end) = (
        value::<u16>(matches, "passive-ports-start")?,
        value::<u16>(matches, "passive-ports-end")?,
    );
    if start > end {
        return Err(Failure::Usage(format!(
            "--passive-ports-start {start} is above --passive-ports-end {end}; give the lower port first"
        )));
    }
    let (charset, utf8) = names(matches)?;
    Ok(Serve {
        charset,
        utf8,
        mode_z: value(matches, "mode-z")?,
        listen_address: value(matches, "listen-address")?,
        port: value(matches, "port")?,
        passive_ports: start..=end,
        masquerade_address: optional(matches, "masquerade-address"),
        bucket_endpoints: optional(matches, "bucket-endpoints").unwrap_or_default(),
        config: optional(matches, "config"),
        settings: settings(OSS.iter(), matches),
        log_level: value(matches, "loglevel")?,
        runtime: runtime(matches)?,
    })
}

/// Those of `all` that were given.
fn settings(
    all: impl Iterator<Item = &'static Setting<GatewayConfig>>,
    matches: &ArgMatches,
) -> Settings {
    let given = all.filter_map(|setting| {
        let text = optional::<String>(matches, &flag_name(setting.name))?;
        Some((setting.name, text))
    });
    Settings(given.collect())
}

fn runtime(matches: &ArgMatches) -> Result<Runtime, Failure> {
    optional(matches, "runtime")
        .ok_or_else(|| Failure::Run(ossftp::server::ServerError::NoRuntime.to_string()))
}

fn optional<T: Clone + Send + Sync + 'static>(matches: &ArgMatches, name: &str) -> Option<T> {
    matches.get_one::<T>(name).cloned()
}

/// The value of a flag that is required or has a default.
fn value<T: Clone + Send + Sync + 'static>(matches: &ArgMatches, name: &str) -> Result<T, Failure> {
    optional(matches, name)
        .ok_or_else(|| Failure::Usage(format!("--{name} is missing; give it a value")))
}

fn ipv4(text: &str) -> Result<Ipv4Addr, &'static str> {
    text.parse()
        .map_err(|_| "the reply to PASV can only name an IPv4 address, such as 203.0.113.7")
}

fn boolean(text: &str) -> Result<bool, &'static str> {
    match text.to_ascii_lowercase().as_str() {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err("it is True or False"),
    }
}

/// `bucket.endpoint,…`, each split at its first dot.
fn bucket_endpoints(text: &str) -> Result<Vec<(String, Endpoint)>, String> {
    text.split(',')
        .map(str::trim)
        .filter(|item| !item.is_empty())
        .map(|item| {
            let (bucket, rest) = item
                .split_once('.')
                .filter(|(bucket, _)| !bucket.is_empty())
                .ok_or_else(|| {
                    format!("'{item}' is no bucket.endpoint, such as mybucket.oss-cn-beijing.aliyuncs.com")
                })?;
            Ok((bucket.to_owned(), config::endpoint(rest)?))
        })
        .collect()
}

/// What clap has to say, on one line, and where to read more in place of the usage.
fn one_sentence(error: &clap::Error, arguments: &[OsString]) -> String {
    let text = error.render().to_string();
    let mut sentence = String::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if line.starts_with("Usage:") || line.starts_with("For more information") {
            break;
        }
        let line = line.strip_prefix("error: ").unwrap_or(line);
        let (tip, line) = match line.strip_prefix("tip: ") {
            Some(line) => (true, line),
            None => (false, line),
        };
        if !sentence.is_empty() {
            sentence.push_str(if tip { "; " } else { " " });
        }
        sentence.push_str(line);
    }
    let word = arguments
        .get(1)
        .and_then(|word| word.to_str())
        .unwrap_or_default();
    let known = command()
        .find_subcommand(word)
        .map(|known| format!("{} ", known.get_name()));
    sentence.push_str(&format!(
        "; see oss-ftp {}--help",
        known.unwrap_or_default()
    ));
    sentence
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(arguments: &[&str]) -> Result<Invocation, Failure> {
        let arguments = std::iter::once("oss-ftp").chain(arguments.iter().copied());
        parse(arguments.map(OsString::from))
    }

    fn served(arguments: &[&str]) -> Serve {
        match parsed(arguments) {
            Ok(Invocation::Serve(serve)) => serve,
            other => panic!("{arguments:?}: {other:?}"),
        }
    }

    #[test]
    fn without_a_word_it_serves_with_the_old_defaults() {
        let serve = served(&[]);
        assert_eq!(serve, served(&["serve"]));
        assert_eq!(serve.listen_address, "127.0.0.1");
        assert_eq!(serve.port, 2048);
        assert_eq!(serve.passive_ports, 51000..=53000);
        assert_eq!(serve.log_level, LevelFilter::Info);
    }

    #[test]
    fn mode_z_is_offered_on_demand_only() {
        assert!(!served(&[]).mode_z);
        assert!(served(&["--mode-z", "True"]).mode_z);
        assert!(!served(&["--mode_z=false"]).mode_z);
    }

    #[test]
    fn hyphens_and_underscores_are_the_same() {
        let hyphens = served(&[
            "serve",
            "--listen-address=0.0.0.0",
            "--passive-ports-start=60000",
            "--passive-ports-end=60009",
            "--masquerade-address=203.0.113.7",
            "--bucket-endpoints=b.oss-cn-beijing.aliyuncs.com",
        ]);
        let underscores = served(&[
            "--listen_address",
            "0.0.0.0",
            "--passive_ports_start",
            "60000",
            "--passive_ports_end",
            "60009",
            "--masquerade_address",
            "203.0.113.7",
            "--bucket_endpoints",
            "b.oss-cn-beijing.aliyuncs.com",
        ]);
        assert_eq!(hyphens, underscores);
        assert_eq!(hyphens.passive_ports, 60000..=60009);
    }

    fn configured(arguments: &[&str]) -> GatewayConfig {
        let mut config = GatewayConfig::default();
        served(arguments).settings.apply(&mut config).unwrap();
        config
    }

    #[test]
    fn switches_in_all_their_forms() {
        for (arguments, internal) in [
            (&["--internal=True"][..], true),
            (&["--internal=true"], true),
            (&["--internal", "True"], true),
            (&["--internal"], true),
            (&["--internal", "--port=1"], true),
            (&["--internal=False"], false),
            (&["--internal", "false"], false),
        ] {
            assert_eq!(
                configured(arguments).internal,
                Some(internal),
                "{arguments:?}"
            );
        }
        assert_eq!(configured(&[]).internal, None);
        assert!(configured(&["--keep_directories"]).keep_directories);
    }

    #[test]
    fn every_setting_is_a_flag() {
        let config = configured(&["--transfer-memory=16M", "--partial", "resume"]);
        assert_eq!(config.transfer_memory, 16 << 20);
        assert_eq!(configured(&["--part_size=1M"]).part_size, 1 << 20);
        let names: Vec<_> = serve_arguments()
            .iter()
            .map(|a| a.get_id().to_string())
            .collect();
        for setting in OSS {
            assert!(
                names.contains(&setting.name.replace('_', "-")),
                "{}",
                setting.name
            );
        }
        let bad = parsed(&["--transfer-memory=much"]);
        assert!(matches!(bad, Err(Failure::Usage(text)) if text.contains("no size")));
    }

    #[test]
    fn bucket_endpoints_split_at_the_first_dot() {
        let list = "mybucket.oss-cn-beijing.aliyuncs.com, b.127.0.0.1:9000,c.https://127.0.0.1,";
        let endpoints: Vec<(String, String)> = served(&["--bucket-endpoints", list])
            .bucket_endpoints
            .into_iter()
            .map(|(bucket, endpoint)| (bucket, endpoint.to_string()))
            .collect();
        let wanted = [
            ("mybucket", "https://oss-cn-beijing.aliyuncs.com"),
            ("b", "http://127.0.0.1:9000"),
            ("c", "https://127.0.0.1"),
        ];
        assert_eq!(
            endpoints,
            wanted.map(|(bucket, endpoint)| (bucket.into(), endpoint.into()))
        );
    }

    #[test]
    fn regions_by_id_or_location() {
        for text in ["cn-hangzhou", "oss-cn-hangzhou"] {
            let config = configured(&["--region", text]);
            assert_eq!(config.region.as_deref(), Some("cn-hangzhou"));
        }
    }

    #[test]
    fn passive_ports_of_no_port_are_refused() {
        let start_after_end = ["--passive-ports-start=2", "--passive-ports-end=1"];
        assert!(matches!(parsed(&start_after_end), Err(Failure::Usage(_))));
    }
}
