//! `oss-ftp.toml`: the settings in a file.
//!
//! The section `[oss]` holds the settings for all buckets, each `[[bucket]]` those of the one that
//! its `name` says. What stands nowhere keeps its default; what is unknown is an error, since a
//! misspelt name would otherwise silently do nothing.
//!
//! ```toml
//! [oss]
//! region = "cn-hangzhou"
//! partial = "resume"
//! transfer_memory = "64M"
//!
//! [[bucket]]
//! name = "photos"
//! endpoint = "files.example.com"
//! cname = true
//! ```

use std::fmt;

use toml::de::{DeTable, DeValue};
use toml::{Spanned, de};

use super::{BUCKET, OSS, Setting};
use crate::gateway::{BucketSettings, GatewayConfig, is_bucket_name};

/// What is wrong with a file, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FileError {
    /// The line, from 1; 0 where there is none.
    pub line: usize,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line > 0 {
            write!(f, "line {}: ", self.line)?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for FileError {}

/// Sets what `text`, the contents of a file, says.
///
/// # Errors
/// No TOML, an unknown name, a bad value, or a bucket that comes twice.
pub fn apply(text: &str, config: &mut GatewayConfig) -> Result<(), FileError> {
    let reader = Reader { text };
    let document = DeTable::parse(text).map_err(|error| reader.no_toml(&error))?;
    for (name, value) in document.get_ref() {
        match (name.get_ref().as_ref(), value.get_ref()) {
            ("oss", DeValue::Table(table)) => {
                for (name, value) in table {
                    reader.set(OSS, "[oss]", config, name, value)?;
                }
            }
            ("bucket", DeValue::Array(buckets)) => {
                for bucket in buckets {
                    reader.bucket(bucket, config)?;
                }
            }
            ("oss", _) => return Err(reader.at(name, "oss is a section: write [oss]")),
            ("bucket", _) => {
                return Err(reader.at(name, "each bucket is a section: write [[bucket]]"));
            }
            (other, _) => {
                let message = if named(OSS, other).is_some() {
                    format!("'{other}' belongs into the section [oss]: write [oss] in a line above")
                } else {
                    format!("unknown section '{other}'; there are [oss] and [[bucket]]")
                };
                return Err(reader.at(name, message));
            }
        }
    }
    Ok(())
}

/// The setting of this name, with hyphens or underscores.
fn named<'a, T>(settings: &'a [Setting<T>], name: &str) -> Option<&'a Setting<T>> {
    let name = name.replace('-', "_");
    settings.iter().find(|setting| setting.name == name)
}

type Name<'a> = Spanned<de::DeString<'a>>;

struct Reader<'a> {
    text: &'a str,
}

impl Reader<'_> {
    fn bucket(
        &self,
        bucket: &Spanned<DeValue<'_>>,
        config: &mut GatewayConfig,
    ) -> Result<(), FileError> {
        let DeValue::Table(table) = bucket.get_ref() else {
            return Err(self.at(bucket, "each bucket is a section: write [[bucket]]"));
        };
        let (mut settings, mut called) = (BucketSettings::default(), None);
        for (name, value) in table {
            if name.get_ref() == "name" {
                called = Some(self.text_of(name, value)?);
            } else {
                self.set(BUCKET, "[[bucket]]", &mut settings, name, value)?;
            }
        }
        let Some(called) = called.filter(|name| !name.is_empty()) else {
            return Err(self.at(bucket, "a bucket needs its name: name = \"…\""));
        };
        if !is_bucket_name(&called) {
            let message = format!("'{called}' is no bucket name: 3 to 63 of a-z, 0-9 and -");
            return Err(self.at(bucket, message));
        }
        if config.buckets.contains_key(&called) {
            return Err(self.at(bucket, format!("bucket '{called}' is there twice")));
        }
        config.buckets.insert(called, settings);
        Ok(())
    }

    fn set<T>(
        &self,
        settings: &[Setting<T>],
        section: &str,
        target: &mut T,
        name: &Name<'_>,
        value: &Spanned<DeValue<'_>>,
    ) -> Result<(), FileError> {
        let Some(setting) = named(settings, name.get_ref()) else {
            let name_there = name.get_ref();
            let message = if named(OSS, name_there).is_some() {
                format!("'{name_there}' is set for all buckets at once: it belongs into [oss]")
            } else {
                let names: Vec<&str> = settings.iter().map(|setting| setting.name).collect();
                format!(
                    "unknown setting '{name_there}' in {section}; there are {}",
                    names.join(", ")
                )
            };
            return Err(self.at(name, message));
        };
        let text = self.text_of(name, value)?;
        setting
            .set(target, &text)
            .map_err(|error| self.at(value, format!("{}: {error}", setting.name)))
    }

    /// A value as a flag would have it.
    fn text_of(&self, name: &Name<'_>, value: &Spanned<DeValue<'_>>) -> Result<String, FileError> {
        match value.get_ref() {
            DeValue::String(text) => Ok(text.to_string()),
            DeValue::Integer(number) if number.radix() == 10 => Ok(number.as_str().to_owned()),
            DeValue::Boolean(value) => Ok(value.to_string()),
            _ => {
                let message = format!(
                    "{}: it is a text, a whole number, true or false",
                    name.get_ref()
                );
                Err(self.at(value, message))
            }
        }
    }

    fn at<T>(&self, place: &Spanned<T>, message: impl Into<String>) -> FileError {
        FileError {
            line: self.line(place.span().start),
            message: one_line(message.into()),
        }
    }

    fn no_toml(&self, error: &de::Error) -> FileError {
        FileError {
            line: error.span().map_or(0, |span| self.line(span.start)),
            message: one_line(format!("no TOML: {}", error.message())),
        }
    }

    fn line(&self, offset: usize) -> usize {
        let before = self.text.as_bytes().iter().take(offset);
        before.filter(|byte| **byte == b'\n').count() + 1
    }
}

/// What was found in the file goes into sentences that end on a terminal or in a log.
fn one_line(text: String) -> String {
    text.replace(char::is_control, " ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::Partial;

    fn read(text: &str) -> Result<GatewayConfig, FileError> {
        let mut config = GatewayConfig::default();
        apply(text, &mut config).map(|()| config)
    }

    #[test]
    fn sections_and_buckets() {
        let config = read(
            "[oss]\nregion = \"cn-beijing\"\npartial = \"resume\"\npart-parallelism = 2\n\
             internal = false\n[[bucket]]\nname = \"a-b\"\nendpoint = 'files.example.com'\n\
             cname = true\n[[bucket]]\nname = \"c-d\"\n",
        )
        .unwrap();
        assert_eq!(config.region.as_deref(), Some("cn-beijing"));
        assert_eq!(config.partial, Partial::Resume);
        assert_eq!((config.part_parallelism, config.internal), (2, Some(false)));
        assert!(config.buckets["a-b"].cname);
        assert_eq!(config.buckets["c-d"], BucketSettings::default());
        assert_eq!(read(""), Ok(GatewayConfig::default()));
    }

    #[test]
    fn mistakes_have_a_line() {
        for (text, line, part) in [
            (
                "[oss]\nregoin = \"x\"\n",
                2,
                "unknown setting 'regoin' in [oss]",
            ),
            ("[oss]\nport = 1\n", 2, "there are endpoint, cname, "),
            ("\n[os]\n", 2, "unknown section 'os'"),
            ("region = \"x\"\n", 1, "belongs into the section [oss]"),
            (
                "[[bucket]]\npartial = \"resume\"\n",
                2,
                "it belongs into [oss]",
            ),
            ("oss = 1\n", 1, "write [oss]"),
            ("[bucket]\nname = \"a\"\n", 1, "write [[bucket]]"),
            ("[[bucket]]\nname = \"A\"\n", 1, "no bucket name"),
            ("[[bucket]]\nregion = \"x\"\n", 1, "needs its name"),
            (
                "[[bucket]]\nname=\"abc\"\n[[bucket]]\nname=\"abc\"\n",
                3,
                "twice",
            ),
            (
                "[oss]\npart_size = \"1K\"\n",
                2,
                "part_size: '1K' is too small",
            ),
            ("[oss]\npart_size = 1.5\n", 2, "whole number"),
            ("[oss]\nregion = [\"x\"]\n", 2, "it is a text"),
            ("[oss]\nregion = \n", 2, "no TOML"),
            ("[oss]\na = 1\na = 2\n", 3, "no TOML"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.message.contains(part), "{text:?}: {error}");
            assert_eq!(error.line, line, "{text:?}: {error}");
        }
    }
}
