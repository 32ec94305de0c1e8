//! Keys of the RAM role of an ECS machine.
//!
//! Decides how the metadata service is asked, as the ECS pages "Instance RAM roles" and "Instance metadata" describe
//! it. When, is decided in `refresh`.

use std::fmt;
use std::io::Read;
use std::time::{Duration, Instant};

use ureq::Agent;
use ureq::http::{HeaderMap, Request};

use super::refresh::Refreshing;
use super::{CredentialProvider, Temporary, bad};
use crate::error::{Error, Result};
use crate::sign::Credentials;
use crate::time;

/// Where the metadata service of every ECS machine is.
const METADATA: &str = "http://100.100.100.200";
const ROLES: &str = "latest/meta-data/ram/security-credentials/";
/// The longest answer that is read.
const MAX_ANSWER: u64 = 64 << 10;
const ATTEMPTS: u32 = 3;

/// Asks the metadata service of the ECS machine that this process runs on for the keys of its RAM role.
///
/// Each renewal first asks for a token (the hardened mode of the service) and goes on without one where there is
/// none, unless [`EcsRamRole::requiring_token`]. A renewal is tried three times, all of it within a limit of 10 s.
pub struct EcsRamRole {
    agent: Agent,
    url: String,
    role: Option<String>,
    token_required: bool,
    limit: Duration,
    keys: Refreshing,
}

impl EcsRamRole {
    /// The role that the machine says it has.
    #[must_use]
    pub fn new() -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .max_idle_connections(0)
            .build();
        let limit = Duration::from_secs(10);
        Self {
            agent: Agent::new_with_config(config),
            url: METADATA.to_owned(),
            role: None,
            token_required: false,
            limit,
            keys: Refreshing::new(limit * 2),
        }
    }

    /// The role of this name, which saves asking for it.
    ///
    /// # Errors
    /// [`Error::Invalid`] if no role can have this name.
    pub fn with_role(mut self, role: &str) -> Result<Self> {
        self.role = Some(checked_role(role).ok_or(Error::Invalid("this can't be a RAM role"))?);
        Ok(self)
    }

    /// Another metadata service: `http://host[:port]`.
    #[must_use]
    pub fn with_metadata_url(mut self, url: &str) -> Self {
        self.url = url.trim_end_matches('/').to_owned();
        self
    }

    /// Another limit for one renewal, over all its tries. Default 10 s.
    #[must_use]
    pub fn with_limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self.keys = Refreshing::new(limit.saturating_mul(2));
        self
    }

    /// Never asks without a token.
    #[must_use]
    pub fn requiring_token(mut self) -> Self {
        self.token_required = true;
        self
    }

    fn fetch(&self) -> Result<Temporary> {
        let until = Instant::now() + self.limit;
        let mut attempt = 1;
        loop {
            let failure = match self.fetch_once(until) {
                Ok(key) => return Ok(key),
                Err(failure) => failure,
            };
            let pause = self.limit / 20;
            if failure.is_final || attempt >= ATTEMPTS || Instant::now() + pause >= until {
                return Err(failure.error);
            }
            attempt += 1;
            std::thread::sleep(pause);
        }
    }

    fn fetch_once(&self, until: Instant) -> std::result::Result<Temporary, Failure> {
        let token = self.token(until)?;
        let token = token.as_deref();
        let role = match &self.role {
            Some(role) => role.clone(),
            None => {
                let (_, body) = self.get(ROLES, token, until)?;
                let text = String::from_utf8_lossy(&body);
                checked_role(text.trim())
                    .ok_or_else(|| bad("the metadata service names no RAM role"))?
            }
        };
        let (headers, body) = self.get(&format!("{ROLES}{role}"), token, until)?;
        let now = headers
            .get("date")
            .and_then(|date| date.to_str().ok())
            .and_then(time::parse_http);
        Ok(Temporary::read(&body, now)?)
    }

    /// The token of the hardened mode, if it can be had.
    fn token(&self, until: Instant) -> Result<Option<String>> {
        let request = Request::put(format!("{}/latest/api/token", self.url))
            .header("X-aliyun-ecs-metadata-token-ttl-seconds", "60")
            .header("Content-Length", "0");
        // Where the answer to a PUT gets lost, as in a container, the time must do for the rest as well.
        let until = until.min(Instant::now() + self.limit / 5);
        let token = self
            .run(request, until)
            .ok()
            .and_then(|(_, body)| String::from_utf8(body).ok())
            .map(|token| token.trim().to_owned())
            .filter(|token| !token.is_empty() && token.bytes().all(|b| b.is_ascii_graphic()));
        if token.is_none() && self.token_required {
            return Err(bad("the metadata service gives no token"));
        }
        Ok(token)
    }

    fn get(
        &self,
        path: &str,
        token: Option<&str>,
        until: Instant,
    ) -> std::result::Result<(HeaderMap, Vec<u8>), Failure> {
        let mut request = Request::get(format!("{}/{path}", self.url));
        if let Some(token) = token {
            request = request.header("X-aliyun-ecs-metadata-token", token);
        }
        self.run(request, until)
    }

    fn run(
        &self,
        request: ureq::http::request::Builder,
        until: Instant,
    ) -> std::result::Result<(HeaderMap, Vec<u8>), Failure> {
        let left = until.saturating_duration_since(Instant::now());
        let request = request
            .body(())
            .map_err(|_| Error::Invalid("this can't be the URL of a metadata service"))?;
        let request = self
            .agent
            .configure_request(request)
            .timeout_global(Some(left.max(Duration::from_millis(1))))
            .build();
        let unreachable = |_| bad("the metadata service does not answer");
        let response = self.agent.run(request).map_err(unreachable)?;
        let (parts, body) = response.into_parts();
        let status = parts.status.as_u16();
        if status != 200 {
            return Err(Failure {
                error: bad(format!("the metadata service answers {status}")),
                // There is no such role, and there will be none.
                is_final: status == 404,
            });
        }
        let mut out = Vec::new();
        body.into_reader()
            .take(MAX_ANSWER + 1)
            .read_to_end(&mut out)
            .map_err(|_| bad("the answer of the metadata service broke off"))?;
        if out.len() as u64 > MAX_ANSWER {
            return Err(bad("the answer of the metadata service is too long").into());
        }
        Ok((parts.headers, out))
    }
}

/// A failed try, and whether another one makes no sense.
struct Failure {
    error: Error,
    is_final: bool,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self {
            is_final: matches!(error, Error::Invalid(_)),
            error,
        }
    }
}

impl Default for EcsRamRole {
    fn default() -> Self {
        Self::new()
    }
}

impl CredentialProvider for EcsRamRole {
    fn credentials(&self) -> Result<Credentials> {
        self.keys.get(Instant::now, || self.fetch())
    }

    fn refused(&self) -> bool {
        self.keys.forget(Instant::now())
    }
}

impl fmt::Debug for EcsRamRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EcsRamRole")
            .field("url", &self.url)
            .field("role", &self.role)
            .finish_non_exhaustive()
    }
}

/// The name comes from the network and gets into a URL.
fn checked_role(name: &str) -> Option<String> {
    let good = !name.is_empty()
        && name.len() <= 64
        && !name.starts_with('.')
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b".@_-".contains(&b));
    good.then(|| name.to_owned())
}
