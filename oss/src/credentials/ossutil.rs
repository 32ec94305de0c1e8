//! Keys from the file of ossutil.
//!
//! Decides what is read of `~/.ossutilconfig`: the sections of ossutil 1.x (`[Credentials]`, `[Bucket-Endpoint]`,
//! `[Bucket-Cname]`) and the profiles of 2.x (`[default]`, `[profile NAME]`). Modes that need another service, such as
//! assuming a role, are refused.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use super::{CredentialProvider, bad};
use crate::error::Result;
use crate::sign::Credentials;

/// The longest file that is read.
const MAX_FILE: u64 = 1 << 20;

/// What the file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct OssutilConfig {
    /// The key.
    pub credentials: Option<Credentials>,
    /// How 2.x gets its key, such as `AK`, `StsToken` or `EcsRamRole`; `None` for a key that stands in the file.
    pub mode: Option<String>,
    /// The endpoint.
    pub endpoint: Option<String>,
    /// The region id.
    pub region: Option<String>,
    /// 1.x: the endpoints of single buckets. They go before `endpoint`.
    pub bucket_endpoints: Vec<(String, String)>,
    /// 1.x: the domains that buckets are bound to. They go before `bucket_endpoints`.
    pub bucket_cnames: Vec<(String, String)>,
}

impl OssutilConfig {
    /// Where the file is: `OSSUTIL_CONFIG_FILE`, or `.ossutilconfig` in the home directory.
    #[must_use]
    pub fn default_path() -> Option<PathBuf> {
        let get = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        let home = || Some(PathBuf::from(get("HOME").or_else(|| get("USERPROFILE"))?));
        get("OSSUTIL_CONFIG_FILE")
            .map(PathBuf::from)
            .or_else(|| Some(home()?.join(".ossutilconfig")))
    }

    /// Reads a file. `profile` names one of 2.x; `None` takes `[Credentials]`, or `[default]`.
    ///
    /// # Errors
    /// [`crate::Error::Credentials`] if the file can't be read or is not of this form.
    pub fn load(path: &Path, profile: Option<&str>) -> Result<Self> {
        let unreadable =
            |error: std::io::Error| bad(format!("{} can't be read: {error}", path.display()));
        let mut text = String::new();
        File::open(path)
            .and_then(|file| file.take(MAX_FILE + 1).read_to_string(&mut text))
            .map_err(unreadable)?;
        if text.len() as u64 > MAX_FILE {
            return Err(bad(format!("{} is too long", path.display())));
        }
        Self::parse(&text, profile)
    }

    /// Reads the text of a file, as [`OssutilConfig::load`] does.
    ///
    /// # Errors
    /// [`crate::Error::Credentials`] if a line is none of such a file, half a key stands in it, or the profile is
    /// missing.
    pub fn parse(text: &str, profile: Option<&str>) -> Result<Self> {
        let sections = sections(text)?;
        let named = |wanted: &str| {
            let is = |name: &str| name.eq_ignore_ascii_case(wanted);
            sections.iter().find(|section| is(&section.name))
        };
        let section = match profile {
            Some(profile) => named(&format!("profile {profile}"))
                .or_else(|| named(profile))
                .ok_or_else(|| bad(format!("there is no profile {profile:?}")))?,
            None => match named("Credentials").or_else(|| named("default")) {
                Some(section) => section,
                None => return Err(bad("there is no section [Credentials] or [default]")),
            },
        };
        let pairs = |name: &str| named(name).map_or_else(Vec::new, |found| found.pairs.clone());
        Ok(Self {
            credentials: section.key()?,
            mode: section.get(&["mode"]),
            endpoint: section.get(&["endpoint", "host"]),
            region: section.get(&["region"]),
            bucket_endpoints: pairs("Bucket-Endpoint"),
            bucket_cnames: pairs("Bucket-Cname"),
        })
    }

    /// The key, or why there is none.
    fn into_key(self) -> Result<Credentials> {
        if let Some(mode) = &self.mode
            && !["AK", "StsToken"]
                .iter()
                .any(|m| mode.eq_ignore_ascii_case(m))
        {
            return Err(bad(format!("the mode {mode:?} is not supported")));
        }
        self.credentials
            .ok_or_else(|| bad("the file of ossutil has no accessKeyID"))
    }
}

/// The lines of a section.
#[derive(Default)]
struct Section {
    name: String,
    pairs: Vec<(String, String)>,
}

impl Section {
    /// The value of the first of these names that stands in the section.
    fn get(&self, names: &[&str]) -> Option<String> {
        let find = |name: &&str| {
            self.pairs
                .iter()
                .find(|(other, value)| other.eq_ignore_ascii_case(name) && !value.is_empty())
        };
        names.iter().find_map(find).map(|(_, value)| value.clone())
    }

    /// The key under the names that ossutil takes.
    fn key(&self) -> Result<Option<Credentials>> {
        let id = self.get(&["accessKeyID", "access_key_id", "access-id", "access-key-id"]);
        let secret = self.get(&[
            "accessKeySecret",
            "access_key_secret",
            "access-key",
            "access-key-secret",
        ]);
        let token = self.get(&["stsToken", "sts_token", "sts-token"]);
        match (id, secret) {
            (Some(id), Some(secret)) => {
                let credentials = Credentials::new(id, secret);
                Ok(Some(match token {
                    Some(token) => credentials.with_token(token),
                    None => credentials,
                }))
            }
            (None, None) => Ok(None),
            _ => Err(bad("only half an access key stands in the file of ossutil")),
        }
    }
}

/// The sections in their order. Lines before the first one belong to none.
fn sections(text: &str) -> Result<Vec<Section>> {
    let mut out: Vec<Section> = Vec::new();
    for (number, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(name) = line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
            out.push(Section {
                name: name.trim().to_owned(),
                ..Section::default()
            });
        } else if let Some((name, value)) = line.split_once('=')
            && let Some(section) = out.last_mut()
        {
            section
                .pairs
                .push((name.trim().to_owned(), value.trim().to_owned()));
        } else {
            // The line itself may be half of a secret.
            return Err(bad(format!("line {} makes no sense", number + 1)));
        }
    }
    Ok(out)
}

/// The key in a file of ossutil. The file is read again when its time changes.
pub struct OssutilFile {
    path: PathBuf,
    profile: Option<String>,
    read: Mutex<Option<(SystemTime, Credentials)>>,
}

impl OssutilFile {
    /// The file at this path, and the profile in it ([`OssutilConfig::load`]).
    #[must_use]
    pub fn new(path: impl Into<PathBuf>, profile: Option<&str>) -> Self {
        Self {
            path: path.into(),
            profile: profile.map(str::to_owned),
            read: Mutex::new(None),
        }
    }

    /// The file of this user ([`OssutilConfig::default_path`]) and the profile that `OSSUTIL_PROFILE` names, if any.
    #[must_use]
    pub fn of_user() -> Option<Self> {
        let profile = std::env::var("OSSUTIL_PROFILE").ok();
        let profile = profile.as_deref().filter(|profile| !profile.is_empty());
        Some(Self::new(OssutilConfig::default_path()?, profile))
    }
}

impl CredentialProvider for OssutilFile {
    fn credentials(&self) -> Result<Credentials> {
        let changed = std::fs::metadata(&self.path)
            .and_then(|metadata| metadata.modified())
            .ok();
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if let (Some((at, credentials)), Some(changed)) = (&*read, changed)
            && *at == changed
        {
            return Ok(credentials.clone());
        }
        let config = OssutilConfig::load(&self.path, self.profile.as_deref())?;
        let credentials = config.into_key()?;
        *read = changed.map(|changed| (changed, credentials.clone()));
        Ok(credentials)
    }
}

impl fmt::Debug for OssutilFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OssutilFile")
            .field("path", &self.path)
            .field("profile", &self.profile)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    #[test]
    fn the_file_of_1() {
        let text = "[Credentials]\nlanguage=EN\nendpoint = oss-cn-hangzhou.aliyuncs.com\n# note\naccessKeyID=LTAI1\n\
            accessKeySecret = a=b==\nstsToken=\n[Bucket-Endpoint]\nphotos=oss-cn-shanghai.aliyuncs.com\n\
            [Bucket-Cname]\nsite = files.example.com\n[Default]\nuserAgent=x\n";
        let config = OssutilConfig::parse(text, None).unwrap();
        let key = config.credentials.clone().unwrap();
        assert_eq!(key, Credentials::new("LTAI1", "a=b=="));
        assert_eq!(
            config.endpoint.as_deref(),
            Some("oss-cn-hangzhou.aliyuncs.com")
        );
        let pair = |name: &str, value: &str| vec![(name.to_owned(), value.to_owned())];
        assert_eq!(
            config.bucket_endpoints,
            pair("photos", "oss-cn-shanghai.aliyuncs.com")
        );
        assert_eq!(config.bucket_cnames, pair("site", "files.example.com"));
        assert!(!format!("{config:?}").contains("a=b"), "{config:?}");
    }

    #[test]
    fn the_profiles_of_2() {
        let text = "\u{feff}[default]\r\naccessKeyID = one\r\naccessKeySecret = s1\r\nregion = cn-hangzhou\r\n\
            [profile dev]\nmode = StsToken\naccess_key_id = two\naccess_key_secret = s2\nsts-token = t2\n\
            [profile machine]\nmode = EcsRamRole\n";
        let config = OssutilConfig::parse(text, None).unwrap();
        assert_eq!(config.region.as_deref(), Some("cn-hangzhou"));
        assert_eq!(config.into_key().unwrap(), Credentials::new("one", "s1"));
        let config = OssutilConfig::parse(text, Some("dev")).unwrap();
        assert_eq!(
            config.into_key().unwrap(),
            Credentials::new("two", "s2").with_token("t2")
        );
        let config = OssutilConfig::parse(text, Some("machine")).unwrap();
        assert_eq!(
            config.into_key().unwrap_err(),
            bad("the mode \"EcsRamRole\" is not supported")
        );
        assert!(OssutilConfig::parse(text, Some("none")).is_err());
    }

    #[test]
    fn what_makes_no_sense_is_refused_and_not_shown() {
        for text in [
            "",
            "hush = 1",
            "[Credentials]\nhush",
            "[Credentials]\naccessKeySecret=hush",
            "[Other]\naccessKeyID=hush\naccessKeySecret=hush",
            "[Credentials\naccessKeyID=hush",
        ] {
            let failed = OssutilConfig::parse(text, None).unwrap_err();
            assert!(matches!(failed, Error::Credentials(_)), "{text}");
            assert!(!failed.to_string().contains("hush"), "{failed}");
        }
    }
}
