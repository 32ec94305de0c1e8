//! Keys from environment variables.

use std::fmt;

use super::{CredentialProvider, bad};
use crate::error::Result;
use crate::sign::Credentials;

/// The names of id, secret and token: those of the OSS tools, then those of the other Alibaba Cloud tools.
const NAMES: [[&str; 3]; 2] = [
    [
        "OSS_ACCESS_KEY_ID",
        "OSS_ACCESS_KEY_SECRET",
        "OSS_SESSION_TOKEN",
    ],
    [
        "ALIBABA_CLOUD_ACCESS_KEY_ID",
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET",
        "ALIBABA_CLOUD_SECURITY_TOKEN",
    ],
];

/// Reads `OSS_ACCESS_KEY_ID`, `OSS_ACCESS_KEY_SECRET` and `OSS_SESSION_TOKEN`; if there is no such id,
/// `ALIBABA_CLOUD_ACCESS_KEY_ID`, `ALIBABA_CLOUD_ACCESS_KEY_SECRET` and `ALIBABA_CLOUD_SECURITY_TOKEN`. An empty
/// variable is one that is not set.
#[derive(Clone, Copy)]
pub struct Environment {
    look_up: fn(&str) -> Option<String>,
}

impl Environment {
    /// The environment of this process.
    #[must_use]
    pub fn new() -> Self {
        Self {
            look_up: |name| std::env::var(name).ok(),
        }
    }

    /// Another look-up in place of the environment's.
    #[must_use]
    pub fn with_look_up(look_up: fn(&str) -> Option<String>) -> Self {
        Self { look_up }
    }
}

impl Default for Environment {
    fn default() -> Self {
        Self::new()
    }
}

impl CredentialProvider for Environment {
    fn credentials(&self) -> Result<Credentials> {
        let get = |name| (self.look_up)(name).filter(|value| !value.is_empty());
        for [id, secret, token] in NAMES {
            let Some(found) = get(id) else { continue };
            let Some(secret) = get(secret) else {
                return Err(bad(format!("{id} is set, but {secret} is not")));
            };
            let credentials = Credentials::new(found, secret);
            return Ok(match get(token) {
                Some(token) => credentials.with_token(token),
                None => credentials,
            });
        }
        Err(bad("OSS_ACCESS_KEY_ID is not set"))
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Environment")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(look_up: fn(&str) -> Option<String>) -> String {
        match Environment::with_look_up(look_up).credentials() {
            Ok(key) => format!(
                "{} {} {}",
                key.access_key_id,
                key.access_key_secret.reveal(),
                key.security_token.as_ref().map_or("-", |t| t.reveal())
            ),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn the_names_of_the_oss_tools_go_first() {
        assert_eq!(
            shown(|name| Some(name.to_owned())),
            "OSS_ACCESS_KEY_ID OSS_ACCESS_KEY_SECRET OSS_SESSION_TOKEN"
        );
        assert_eq!(
            shown(|name| name.starts_with("ALIBABA").then(|| name.to_owned())),
            "ALIBABA_CLOUD_ACCESS_KEY_ID ALIBABA_CLOUD_ACCESS_KEY_SECRET ALIBABA_CLOUD_SECURITY_TOKEN"
        );
        assert_eq!(
            shown(|name| Some(if name.contains("_KEY_") { "x" } else { "" }.to_owned())),
            "x x -"
        );
    }

    #[test]
    fn half_a_key_is_an_error() {
        assert_eq!(
            shown(|name| (name != "OSS_ACCESS_KEY_SECRET").then(|| name.to_owned())),
            "no access key: OSS_ACCESS_KEY_ID is set, but OSS_ACCESS_KEY_SECRET is not"
        );
        assert_eq!(
            shown(|_| None),
            "no access key: OSS_ACCESS_KEY_ID is not set"
        );
    }
}
