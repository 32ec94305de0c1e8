//! The settings of OSS: their names, and what they set.
//!
//! Decides what each setting is called, how its value is written, and what it changes. The same
//! table serves the flags of `oss-ftp serve` (`--transfer-memory=256M`) and the file
//! `oss-ftp.toml` (`transfer_memory = "256M"`, see [`mod@file`]). What a setting does is described
//! where it is kept: [`GatewayConfig`].
//!
//! ```
//! use ossftp::config::OSS;
//! use ossftp::gateway::GatewayConfig;
//!
//! let mut config = GatewayConfig::default();
//! let setting = OSS.iter().find(|setting| setting.name == "transfer_memory").expect("a setting");
//! setting.set(&mut config, "64M")?;
//! assert_eq!(config.transfer_memory, 64 << 20);
//! # Ok::<(), String>(())
//! ```

pub mod file;
#[cfg(any(test, feature = "fuzz"))]
pub mod fuzz;
mod values;

use ossftp_oss::AddressStyle;

use crate::gateway::{BucketSettings, GatewayConfig, is_bucket_name};
use values::{
    boolean, count, days, directory, duration, mtime, partial, positive, signature, size,
    storage_class,
};
pub use values::{endpoint, region};

/// What a setting does with its value.
type Set<T> = fn(&mut T, &str) -> Result<(), String>;

/// One setting of a `T`.
#[derive(Debug)]
pub struct Setting<T> {
    /// Its name in the file; a flag has hyphens for the underscores.
    pub name: &'static str,
    /// What its value looks like, for help texts.
    pub value: &'static str,
    /// The value that changes nothing; empty if there is none that can be written.
    pub default: &'static str,
    /// What it does, in a few words.
    pub help: &'static str,
    set: Set<T>,
}

impl<T> Setting<T> {
    /// Reads `text` and sets what it says.
    ///
    /// # Errors
    /// What is wrong with the text, as the end of a sentence.
    pub fn set(&self, target: &mut T, text: &str) -> Result<(), String> {
        (self.set)(target, text.trim())
    }

    /// Whether it is on or off, so that its name alone means on.
    #[must_use]
    pub fn is_switch(&self) -> bool {
        self.value == SWITCH
    }
}

/// The text for this build, of that for a large and that for a small one.
const fn built(large: &'static str, small: &'static str) -> &'static str {
    if GatewayConfig::IS_SMALL {
        small
    } else {
        large
    }
}

const SWITCH: &str = "True|False";

const fn setting<T>(
    name: &'static str,
    value: &'static str,
    default: &'static str,
    help: &'static str,
    set: Set<T>,
) -> Setting<T> {
    Setting {
        name,
        value,
        default,
        help,
        set,
    }
}

/// The settings for all buckets: the section `[oss]` of the file, and the flags.
pub const OSS: &[Setting<GatewayConfig>] = &[
    setting(
        "endpoint",
        "ENDPOINT",
        "",
        "Where buckets are that have no endpoint of their own",
        |c, text| endpoint(text).map(|value| c.endpoint = Some(value)),
    ),
    setting(
        "cname",
        SWITCH,
        "False",
        "The endpoint is a domain that is bound to the bucket",
        |c, text| boolean(text).map(|value| c.cname = value),
    ),
    setting(
        "region",
        "REGION",
        "",
        "Region to sign for, where the endpoint does not tell it",
        |c, text| region(text).map(|value| c.region = Some(value)),
    ),
    setting(
        "internal",
        SWITCH,
        "",
        "Use OSS's internal endpoints; without it, find out",
        |c, text| boolean(text).map(|value| c.internal = Some(value)),
    ),
    setting(
        "signature",
        "V4|V1",
        "V4",
        "How requests are signed; V1 is for old accounts only",
        |c, text| signature(text).map(|value| c.signature = value),
    ),
    setting(
        "storage_class",
        "CLASS",
        "",
        "Storage class of new files: Standard, IA, Archive, ColdArchive or DeepColdArchive",
        |c, text| storage_class(text).map(|value| c.storage_class = Some(value)),
    ),
    setting(
        "home",
        "DIRECTORY",
        "/",
        "Directory of the bucket that is the root of a login, such as /incoming",
        |c, text| directory(text).map(|value| c.home = value),
    ),
    setting(
        "partial",
        "discard|resume",
        "discard",
        "What becomes of broken uploads: thrown away, or kept in OSS to go on from",
        |c, text| partial(text).map(|value| c.partial = value),
    ),
    setting(
        "partial_max_age",
        "TIME",
        "3d",
        "When a broken upload that was kept is given up, such as 3d",
        |c, text| duration(text).map(|value| c.partial_max_age = value),
    ),
    setting(
        "transfer_memory",
        "SIZE",
        built("256M", "16M"),
        "Memory for the buffers of all transfers together, such as 64M",
        |c, text| size(text, 1 << 20, u64::MAX).map(|value| c.transfer_memory = value),
    ),
    setting(
        "part_size",
        "SIZE",
        built("8M", "1M"),
        "Size of an upload's first parts, such as 8M; a smaller file is sent in one request",
        |c, text| size(text, 100 << 10, 4 << 30).map(|value| c.part_size = value),
    ),
    setting(
        "buffered_part",
        "SIZE",
        built("32M", "4M"),
        "Larger parts are sent while they come: one after the other, and only once",
        |c, text| size(text, 1 << 20, 4 << 30).map(|value| c.buffered_part = value),
    ),
    setting(
        "part_parallelism",
        "COUNT",
        "4",
        "Requests that a transfer begins with at a time",
        |c, text| positive(text).map(|value| c.part_parallelism = value),
    ),
    setting(
        "max_parallelism",
        "COUNT",
        "16",
        "Requests that a transfer has under way at most",
        |c, text| positive(text).map(|value| c.max_parallelism = value),
    ),
    setting(
        "max_threads",
        "COUNT",
        "64",
        "Threads for such requests, for all transfers together",
        |c, text| count(text).map(|value| c.max_threads = value),
    ),
    setting(
        "read_size",
        "SIZE",
        built("4M", "1M"),
        "Size of one request of a download, such as 4M",
        |c, text| size(text, 64 << 10, 1 << 30).map(|value| c.read_size = value),
    ),
    setting(
        "mtime",
        "listing|meta",
        "listing",
        "The time that files show: OSS's own, or one that clients can set, at a request per file",
        |c, text| mtime(text).map(|value| c.mtime = value),
    ),
    setting(
        "keep_directories",
        SWITCH,
        "False",
        "Keep a directory whose last file was deleted, at two requests per deletion",
        |c, text| boolean(text).map(|value| c.keep_directories = value),
    ),
    setting(
        "restore_days",
        "DAYS",
        "1",
        "How long SITE RESTORE makes an archived file readable",
        |c, text| days(text).map(|value| c.restore_days = value),
    ),
    setting(
        "copy_limit",
        "SIZE",
        "1G",
        "Files of more bytes are copied in parts, such as 1G",
        |c, text| size(text, 1, 5 << 30).map(|value| c.copy_limit = value),
    ),
    setting(
        "copy_part_size",
        "SIZE",
        "64M",
        "Size of such a part, such as 64M",
        |c, text| size(text, 100 << 10, 4 << 30).map(|value| c.copy_part_size = value),
    ),
    setting(
        "copies_at_once",
        "COUNT",
        "4",
        "Copies that a rename makes at a time",
        |c, text| positive(text).map(|value| c.copies_at_once = value),
    ),
    setting(
        "max_rename",
        "COUNT",
        "100000",
        "A directory with more objects below it is not renamed",
        |c, text| positive(text).map(|value| c.max_rename = value),
    ),
    setting(
        "attempts",
        "COUNT",
        "3",
        "How often a request to OSS is tried, the first time included",
        |c, text| {
            let attempts = positive(text)?;
            c.retry.attempts = u32::try_from(attempts).unwrap_or(u32::MAX);
            Ok(())
        },
    ),
    setting(
        "connect_timeout",
        "TIME",
        "5s",
        "How long a connection to OSS may take to come about, such as 5s",
        |c, text| duration(text).map(|value| c.timeouts.connect = value),
    ),
    setting(
        "progress_timeout",
        "TIME",
        "30s",
        "How long a request to OSS may make no progress, such as 30s",
        |c, text| {
            let value = duration(text)?;
            (c.timeouts.read, c.timeouts.write) = (value, value);
            Ok(())
        },
    ),
    setting(
        "command_timeout",
        "TIME",
        "15s",
        "How long OSS may take in all for a command other than a transfer, such as 15s",
        |c, text| duration(text).map(|value| c.command_timeout = value),
    ),
    setting(
        "login_memory",
        "TIME",
        "60s",
        "How long a good login is not checked again, such as 60s",
        |c, text| duration(text).map(|value| c.login_memory = value),
    ),
];

/// The settings of one bucket: a section `[[bucket]]` of the file, besides its `name`.
pub const BUCKET: &[Setting<BucketSettings>] = &[
    setting(
        "endpoint",
        "ENDPOINT",
        "",
        "Where the bucket is",
        |b, text| endpoint(text).map(|value| b.endpoint = Some(value)),
    ),
    setting(
        "cname",
        SWITCH,
        "",
        "The endpoint is a domain that is bound to the bucket",
        |b, text| boolean(text).map(|value| b.cname = value),
    ),
    setting("region", "REGION", "", "Region to sign for", |b, text| {
        region(text).map(|value| b.region = Some(value))
    }),
    setting(
        "internal",
        SWITCH,
        "",
        "Use OSS's internal endpoint; without it, find out",
        |b, text| boolean(text).map(|value| b.internal = Some(value)),
    ),
    setting(
        "signature",
        "V4|V1",
        "",
        "How requests are signed",
        |b, text| signature(text).map(|value| b.signature = Some(value)),
    ),
    setting(
        "storage_class",
        "CLASS",
        "",
        "Storage class of new files",
        |b, text| storage_class(text).map(|value| b.storage_class = Some(value)),
    ),
    setting(
        "home",
        "DIRECTORY",
        "",
        "Directory of the bucket that is the root of a login",
        |b, text| directory(text).map(|value| b.home = Some(value)),
    ),
];

/// Whether all settings go together.
///
/// # Errors
/// A sentence that says which do not, and what to do.
pub fn check(config: &GatewayConfig) -> Result<(), String> {
    let all = (None, config.cname, config.endpoint.as_ref(), None);
    let own = config.buckets.iter().map(|(name, bucket)| {
        let region = bucket.region.as_deref();
        (Some(name), bucket.cname, bucket.endpoint.as_ref(), region)
    });
    for (bucket, cname, endpoint, region) in std::iter::once(all).chain(own) {
        if !cname {
            continue;
        }
        let of = bucket.map_or_else(String::new, |name| format!(" of bucket {name}"));
        let Some(endpoint) = endpoint else {
            return Err(format!(
                "cname{of} needs an endpoint: the domain that is bound to the bucket"
            ));
        };
        if endpoint.style() == AddressStyle::Path {
            return Err(format!(
                "the endpoint{of} is an address, and cname needs a domain name"
            ));
        }
        if endpoint
            .region()
            .or(region)
            .or(config.region.as_deref())
            .is_none()
        {
            return Err(format!(
                "cname{of} needs a region, such as cn-hangzhou: a domain of your own does not tell it"
            ));
        }
    }
    if let Some(name) = config.buckets.keys().find(|name| !is_bucket_name(name)) {
        return Err(format!(
            "'{}' is no bucket name: it has 3 to 63 of a-z, 0-9 and -, with no - at its ends",
            name.escape_debug()
        ));
    }
    if config.part_parallelism > config.max_parallelism {
        return Err(format!(
            "part_parallelism {} is above max_parallelism {}; raise the latter",
            config.part_parallelism, config.max_parallelism
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::{Mtime, Partial};

    fn set(name: &str, text: &str) -> Result<GatewayConfig, String> {
        let mut config = GatewayConfig::default();
        let setting = OSS.iter().find(|s| s.name == name).unwrap();
        setting.set(&mut config, text).map(|()| config)
    }

    /// A good value of each setting that differs from its default.
    const GOOD: &[(&str, &str)] = &[
        ("endpoint", "oss-cn-beijing.aliyuncs.com"),
        ("cname", "true"),
        ("region", "oss-cn-beijing"),
        ("internal", "False"),
        ("signature", "v1"),
        ("storage_class", "ia"),
        ("home", "in/coming/"),
        ("partial", "Resume"),
        ("partial_max_age", "12h"),
        ("transfer_memory", "16M"),
        ("part_size", "100K"),
        ("buffered_part", "8M"),
        ("part_parallelism", "2"),
        ("max_parallelism", "8"),
        ("max_threads", "0"),
        ("read_size", "1MiB"),
        ("mtime", "meta"),
        ("keep_directories", "true"),
        ("restore_days", "7"),
        ("copy_limit", "1048576"),
        ("copy_part_size", "1M"),
        ("copies_at_once", "1"),
        ("max_rename", "5"),
        ("attempts", "1"),
        ("connect_timeout", "500ms"),
        ("progress_timeout", "1s"),
        ("command_timeout", "2"),
        ("login_memory", "0s"),
    ];

    #[test]
    fn each_setting_changes_something_and_refuses_nonsense() {
        assert_eq!(GOOD.len(), OSS.len());
        for setting in OSS {
            let (_, text) = GOOD.iter().find(|(name, _)| *name == setting.name).unwrap();
            let config = set(setting.name, text).unwrap();
            assert_ne!(config, GatewayConfig::default(), "{}", setting.name);
            for text in ["", "\u{7f}!", "a\u{7}b"] {
                assert!(
                    set(setting.name, text).is_err(),
                    "{} {text:?}",
                    setting.name
                );
            }
        }
        assert_eq!(set("partial", "resume").unwrap().partial, Partial::Resume);
        assert_eq!(set("mtime", "meta").unwrap().mtime, Mtime::Meta);
    }

    #[test]
    fn defaults_are_the_defaults() {
        for setting in OSS.iter().filter(|setting| !setting.default.is_empty()) {
            let config = set(setting.name, setting.default).unwrap();
            assert_eq!(config, GatewayConfig::default(), "{}", setting.name);
        }
    }

    #[test]
    fn settings_of_a_bucket_are_settings_of_all() {
        for setting in BUCKET {
            let of_all = OSS.iter().find(|s| s.name == setting.name).unwrap();
            assert_eq!(of_all.value, setting.value);
            let (_, text) = GOOD.iter().find(|(name, _)| *name == setting.name).unwrap();
            let mut bucket = BucketSettings::default();
            setting.set(&mut bucket, text).unwrap();
            assert_ne!(bucket, BucketSettings::default(), "{}", setting.name);
        }
    }

    #[test]
    fn a_bucket_that_cannot_be_is_a_mistake() {
        let mut config = GatewayConfig::default();
        config
            .buckets
            .insert("photos".into(), BucketSettings::default());
        assert_eq!(check(&config), Ok(()));
        config
            .buckets
            .insert("Photos".into(), BucketSettings::default());
        assert!(
            check(&config)
                .unwrap_err()
                .contains("'Photos' is no bucket name")
        );
    }

    #[test]
    fn a_domain_needs_a_region() {
        let mut config = set("cname", "true").unwrap();
        assert!(check(&config).unwrap_err().contains("needs an endpoint"));
        config.endpoint = Some("127.0.0.1".parse().unwrap());
        assert!(check(&config).unwrap_err().contains("domain name"));
        config.endpoint = Some("files.example.com".parse().unwrap());
        assert!(check(&config).unwrap_err().contains("needs a region"));
        config.region = Some("cn-hangzhou".to_owned());
        assert_eq!(check(&config), Ok(()));
        config.max_parallelism = 3;
        assert!(check(&config).unwrap_err().contains("max_parallelism"));
    }

    #[test]
    fn seeds_of_the_fuzz_target() {
        let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/seeds/config");
        let mut seeds = 0;
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            println!("{}", path.display());
            fuzz::config(&std::fs::read(&path).unwrap());
            seeds += 1;
        }
        assert!(seeds >= 20, "only {seeds} seeds");
    }
}
