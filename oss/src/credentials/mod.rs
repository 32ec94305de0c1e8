//! Where access keys come from.
//!
//! Decides what a client asks before it signs: a fixed key, or a [`CredentialProvider`]. The providers here read the
//! environment ([`Environment`]), the file of ossutil ([`OssutilFile`]), the RAM role of an ECS machine
//! ([`EcsRamRole`]) and the output of a command ([`Process`]). Temporary keys are renewed before they end: one caller
//! renews while the others go on with the keys there are.
//!
//! No secret is in a `Debug` text or in an error.
//!
//! ```no_run
//! use ossftp_oss::credentials::EcsRamRole;
//! use ossftp_oss::{Client, ClientConfig, Credentials, Endpoint};
//!
//! let endpoint = Endpoint::parse("oss-cn-hangzhou-internal.aliyuncs.com")?;
//! // A fixed key, or whatever a provider says at the time of each signature.
//! let fixed = Client::new(ClientConfig::new(endpoint.clone(), Credentials::new("id", "secret")))?;
//! let of_the_machine = Client::new(ClientConfig::new(endpoint, EcsRamRole::new()))?;
//! # Ok::<(), ossftp_oss::Error>(())
//! ```

mod ecs;
mod environment;
mod ossutil;
mod process;
mod refresh;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub use ecs::EcsRamRole;
pub use environment::Environment;
pub use ossutil::{OssutilConfig, OssutilFile};
pub use process::Process;

use crate::error::{Error, Result};
use crate::sign::Credentials;
use crate::time;

/// Something that knows the access key of the moment.
///
/// It is asked before every signature, so it must remember what it found out, and must not wait without a bound: a
/// deadline of the client does not end it.
pub trait CredentialProvider: Send + Sync + fmt::Debug {
    /// The key to sign with now.
    ///
    /// # Errors
    /// [`Error::Credentials`] if there is none. The call that asked fails with it and is not tried again.
    fn credentials(&self) -> Result<Credentials>;

    /// OSS has refused the key of the moment: its token has ended, or there is no such key. Returns whether another one
    /// may be had by asking again; the call is then sent once more.
    ///
    /// A provider that remembers keys forgets them here, for its clock may have stood still while the machine slept.
    fn refused(&self) -> bool {
        false
    }
}

impl CredentialProvider for Credentials {
    fn credentials(&self) -> Result<Credentials> {
        Ok(self.clone())
    }
}

/// What a client signs with.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum CredentialSource {
    /// Always this key.
    Fixed(Credentials),
    /// The key that the provider names at the time of each signature.
    Provider(Arc<dyn CredentialProvider>),
}

impl CredentialSource {
    /// The key to sign with now, checked.
    pub(crate) fn get(&self) -> Result<Cow<'_, Credentials>> {
        match self {
            Self::Fixed(credentials) => Ok(Cow::Borrowed(credentials)),
            Self::Provider(provider) => {
                let credentials = provider.credentials()?;
                check(&credentials)?;
                Ok(Cow::Owned(credentials))
            }
        }
    }

    /// Whether there may be another key after this error.
    pub(crate) fn renew_after(&self, error: &Error) -> bool {
        let refused = matches!(
            error.code(),
            "InvalidSecurityToken" | "SecurityTokenExpired" | "InvalidAccessKeyId"
        );
        match self {
            Self::Provider(provider) if refused => provider.refused(),
            _ => false,
        }
    }

    /// Refuses a fixed key that can't be one; a provider is not asked yet.
    pub(crate) fn check(&self) -> Result<()> {
        match self {
            Self::Fixed(credentials) => check(credentials),
            Self::Provider(_) => Ok(()),
        }
    }
}

impl From<Credentials> for CredentialSource {
    fn from(credentials: Credentials) -> Self {
        Self::Fixed(credentials)
    }
}

impl From<Arc<dyn CredentialProvider>> for CredentialSource {
    fn from(provider: Arc<dyn CredentialProvider>) -> Self {
        Self::Provider(provider)
    }
}

macro_rules! provider_is_a_source {
    ($($provider:ty),*) => {$(
        impl From<$provider> for CredentialSource {
            fn from(provider: $provider) -> Self {
                Self::Provider(Arc::new(provider))
            }
        }
    )*};
}
provider_is_a_source!(EcsRamRole, Environment, OssutilFile, Process);

/// The id comes from whoever logs in, and stands in the Authorization header between separators.
fn check(credentials: &Credentials) -> Result<()> {
    let visible = |text: &str| text.bytes().all(|b| b.is_ascii_graphic());
    let id = &credentials.access_key_id;
    let token = credentials.security_token.as_ref();
    if id.is_empty() || !visible(id) || id.contains([',', '/', ':', ';', '=']) {
        return Err(Error::Invalid("this can't be an AccessKeyId"));
    }
    if token.is_some_and(|token| !visible(token.reveal())) {
        return Err(Error::Invalid("this can't be a security token"));
    }
    Ok(())
}

/// A key that may end.
#[derive(Debug)]
struct Temporary {
    credentials: Credentials,
    /// How long it is valid from now on; `None` for always.
    life: Option<Duration>,
}

impl Temporary {
    /// Reads `AccessKeyId`, `AccessKeySecret`, `SecurityToken` and `Expiration` of a JSON object. `now` is the time in
    /// Unix seconds by the clock of whoever wrote it; `None` takes that of this machine.
    fn read(json: &[u8], now: Option<i64>) -> Result<Self> {
        // What serde says of the place could show a piece of the text.
        let value: serde_json::Value = serde_json::from_slice(json).map_err(|_| bad("no JSON"))?;
        let text = |name: &str| {
            value
                .get(name)
                .and_then(serde_json::Value::as_str)
                .filter(|text| !text.is_empty())
        };
        if text("Code").is_some_and(|code| code != "Success") {
            return Err(bad("the answer is not a success"));
        }
        let (Some(id), Some(secret)) = (text("AccessKeyId"), text("AccessKeySecret")) else {
            return Err(bad("no AccessKeyId and AccessKeySecret"));
        };
        let mut credentials = Credentials::new(id, secret);
        if let Some(token) = text("SecurityToken") {
            credentials = credentials.with_token(token);
        }
        let life = match text("Expiration") {
            Some(at) => {
                let at = time::parse_iso(at).ok_or_else(|| bad("Expiration is no time"))?;
                let left = at.saturating_sub(now.unwrap_or_else(local_time));
                Some(Duration::from_secs(u64::try_from(left).unwrap_or(0)))
            }
            None => None,
        };
        Ok(Self { credentials, life })
    }
}

fn local_time() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

/// No key, and why: never with a piece of what was read.
fn bad(what: impl Into<String>) -> Error {
    Error::Credentials(what.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_keys_are_read() {
        let json = br#"{"AccessKeyId":"STS.a","AccessKeySecret":"s","SecurityToken":"t",
            "Expiration":"2012-02-24T06:07:48Z","LastUpdated":"2012-02-24T00:07:48Z","Code":"Success"}"#;
        let read = Temporary::read(json, time::parse_iso("2012-02-24T06:07:00Z")).unwrap();
        assert_eq!(read.credentials.access_key_id, "STS.a");
        assert_eq!(read.credentials.access_key_secret.reveal(), "s");
        assert_eq!(read.credentials.security_token.unwrap().reveal(), "t");
        assert_eq!(read.life, Some(Duration::from_secs(48)));
        let read = Temporary::read(json, time::parse_iso("2013-01-01T00:00:00Z")).unwrap();
        assert_eq!(read.life, Some(Duration::ZERO));
        let read = Temporary::read(br#"{"AccessKeyId":"a","AccessKeySecret":"s"}"#, None).unwrap();
        assert!(read.life.is_none() && read.credentials.security_token.is_none());
    }

    #[test]
    fn json_without_keys_is_refused_and_not_shown() {
        for json in [
            "",
            "hush",
            "[]",
            r#"{"AccessKeyId":"hush"}"#,
            r#"{"AccessKeyId":"","AccessKeySecret":"hush"}"#,
            r#"{"AccessKeyId":"a","AccessKeySecret":"hush","Code":"Failed"}"#,
            r#"{"AccessKeyId":"a","AccessKeySecret":"hush","Expiration":"soon"}"#,
            r#"{"AccessKeyId":"a","AccessKeySecret":"hush"#,
        ] {
            let failed = Temporary::read(json.as_bytes(), None).unwrap_err();
            assert!(matches!(failed, Error::Credentials(_)), "{json}");
            assert!(!format!("{failed} {failed:?}").contains("hush"), "{failed}");
        }
    }

    #[test]
    fn what_a_provider_says_is_checked() {
        let source = CredentialSource::from(
            Arc::new(Credentials::new("a\r\nx: y", "s")) as Arc<dyn CredentialProvider>
        );
        assert!(source.check().is_ok());
        assert!(matches!(source.get(), Err(Error::Invalid(_))));
    }
}
