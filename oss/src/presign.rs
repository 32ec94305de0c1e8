//! URLs that carry their signature: whoever has one can make that one request, without a key.
//!
//! Decides what such a URL covers. Who gets it, and for how long, is left to the caller.

use std::fmt;
use std::time::Duration;

use crate::bucket::Bucket;
use crate::call::check_names;
use crate::client::is_token;
use crate::error::{Error, Result};
use crate::sign::{Request, SignatureVersion, URL_PARAMETERS, v1, v4};
use crate::time;

/// The longest life of a URL with a V4 signature: seven days.
const LONGEST: u64 = 604_800;

/// What a signed URL allows. The default is a GET within ten minutes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presign {
    /// The method, in upper case.
    pub method: String,
    /// How long the URL is valid, in whole seconds; at most seven days with V4. With a temporary key it ends with the
    /// key at the latest.
    pub lifetime: Duration,
    /// Headers that the request will be sent with. Content-Type, Content-MD5 and all `x-oss-` headers are signed, and
    /// those of [`crate::ClientConfig::additional_headers`] with V4: without exactly these the URL is refused.
    pub headers: Vec<(String, String)>,
    /// Further parameters, such as `response-content-disposition` or `x-oss-process`: raw, not percent-encoded.
    pub query: Vec<(String, Option<String>)>,
}

impl Default for Presign {
    fn default() -> Self {
        Self {
            method: "GET".to_owned(),
            lifetime: Duration::from_secs(600),
            headers: Vec::new(),
            query: Vec::new(),
        }
    }
}

/// A signed URL. It is as good as a key for what it allows, so `Debug` does not show its parameters.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PresignedUrl {
    /// The method of the request.
    pub method: String,
    /// The URL, percent-encoded. It is to be requested as it is: a client that takes `..` out of paths breaks it.
    pub url: String,
    /// The headers to send with it, which are those that were asked for.
    pub headers: Vec<(String, String)>,
    /// Until when it is valid, in Unix seconds by the clock of OSS.
    pub expires: i64,
}

impl fmt::Debug for PresignedUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (url, _) = self.url.split_once('?').unwrap_or((&self.url, ""));
        f.debug_struct("PresignedUrl")
            .field("method", &self.method)
            .field("url", &format_args!("{url}?.."))
            .field("expires", &self.expires)
            .finish_non_exhaustive()
    }
}

impl Bucket {
    /// A URL for one request on an object, signed as [`crate::ClientConfig::signature`] says. Nothing is sent.
    ///
    /// ```
    /// # use ossftp_oss::{Client, ClientConfig, Credentials, Endpoint};
    /// use ossftp_oss::Presign;
    /// use std::time::Duration;
    ///
    /// # let endpoint = Endpoint::parse("oss-cn-hangzhou.aliyuncs.com")?;
    /// # let client = Client::new(ClientConfig::new(endpoint, Credentials::new("id", "secret")))?;
    /// let upload = client.bucket("examplebucket").presign("in/report.pdf", &Presign {
    ///     method: "PUT".to_owned(),
    ///     lifetime: Duration::from_secs(3600),
    ///     headers: vec![("Content-Type".to_owned(), "application/pdf".to_owned())],
    ///     ..Presign::default()
    /// })?;
    /// println!("curl -T report.pdf -H 'Content-Type: application/pdf' '{}'", upload.url);
    /// # Ok::<(), ossftp_oss::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Invalid`] if bucket, key, method, headers, parameters or lifetime can't be, or the region for V4 is not
    /// known; [`Error::Credentials`] if there is no key.
    pub fn presign(&self, key: &str, presign: &Presign) -> Result<PresignedUrl> {
        check_names(Some(self.name()), Some(key))?;
        check(presign)?;
        let client = &self.client;
        let config = client.config();
        let credentials = config.credentials.get()?;
        let now = client.shared.now();
        let lifetime = presign.lifetime.as_secs();
        let mut headers = presign.headers.clone();
        if client.signs_host() {
            let host = config.endpoint.authority(Some(self.name()));
            headers.push(("Host".to_owned(), host));
        }
        let request = Request {
            method: &presign.method,
            bucket: Some(self.name()),
            key: Some(key),
            query: &presign.query,
            headers: &headers,
        };
        let expires = now.saturating_add(i64::try_from(lifetime).unwrap_or(i64::MAX));
        let query = match config.signature {
            SignatureVersion::V4 => {
                let lifetime = u32::try_from(lifetime)
                    .ok()
                    .filter(|lifetime| u64::from(*lifetime) <= LONGEST)
                    .ok_or(Error::Invalid("a V4 URL is valid for seven days at most"))?;
                let timestamp = time::format_basic(now);
                let scope = v4::Scope {
                    timestamp: &timestamp,
                    region: client.v4_region()?,
                    product: config.endpoint.product(),
                };
                let wanted = &config.additional_headers;
                v4::presign(&request, &credentials, &scope, lifetime, wanted).query
            }
            SignatureVersion::V1 => v1::presign(&request, &credentials, expires).query,
        };
        Ok(PresignedUrl {
            method: presign.method.clone(),
            url: client.url(Some(self.name()), Some(key), &query),
            headers: presign.headers.clone(),
            expires,
        })
    }
}

/// Refuses what could not be a request, or would clash with the signature.
fn check(presign: &Presign) -> Result<()> {
    let method = &presign.method;
    if method.is_empty() || !method.bytes().all(|b| b.is_ascii_uppercase()) {
        return Err(Error::Invalid("a method has upper-case letters"));
    }
    if presign.lifetime.as_secs() == 0 {
        return Err(Error::Invalid("a URL must be valid for a second at least"));
    }
    for (name, value) in &presign.headers {
        if !is_token(name) || name.eq_ignore_ascii_case("host") {
            return Err(Error::Invalid("this can't be a header to sign"));
        }
        if !value.bytes().all(|b| (b' '..=b'~').contains(&b)) {
            return Err(Error::Invalid("a header value must be printable ASCII"));
        }
    }
    let clash = |(name, _): &(String, Option<String>)| {
        name.is_empty() || URL_PARAMETERS.contains(&name.as_str())
    };
    if presign.query.iter().any(clash) {
        return Err(Error::Invalid("the signature sets this parameter"));
    }
    Ok(())
}
