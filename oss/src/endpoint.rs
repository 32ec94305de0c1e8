//! Where OSS is reached.
//!
//! Decides what an endpoint text means, where the bucket stands (host, path, or nowhere), and what the host name tells
//! about the region. Which endpoint is tried first is left to the caller.
//!
//! | endpoint | region | bucket stands in |
//! |---|---|---|
//! | `oss-R.aliyuncs.com`, `oss-R-internal.aliyuncs.com` | R | the host |
//! | `oss-accelerate.aliyuncs.com`, `oss-accelerate-overseas.aliyuncs.com` | to be given | the host |
//! | `R.oss.aliyuncs.com` (IPv4 and IPv6) | R | the host |
//! | `s3.oss-R[-internal].aliyuncs.com` | R | the host |
//! | `cb-ID.R.oss-cloudbox[-control].aliyuncs.com` | cb-ID, with the product `oss-cloudbox` | the host |
//! | a domain of one's own, [`AddressStyle::Cname`] | to be given | nowhere |
//! | an IP address, `localhost` | to be given | the path |
//!
//! New accounts may use the public endpoints of mainland China for listing buckets, but not for data: those calls go to
//! a domain that is bound to the bucket. Two clients that share their connections do both:
//!
//! ```no_run
//! use ossftp_oss::{AddressStyle, Client, ClientConfig, Credentials, Endpoint};
//!
//! let public = Endpoint::parse("oss-cn-hangzhou.aliyuncs.com")?;
//! let client = Client::new(ClientConfig::new(public, Credentials::new("id", "secret")))?;
//! let domain = Endpoint::parse("files.example.com")?.with_style(AddressStyle::Cname);
//! let bound = client.with_endpoint(domain, client.region().map(str::to_owned))?;
//! for bucket in client.list_buckets("", None, 100)?.buckets {
//!     println!("{}", bucket.name);
//! }
//! bound.bucket("examplebucket").head_object("k")?;
//! # Ok::<(), ossftp_oss::Error>(())
//! ```

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use crate::encode;
use crate::error::Error;

/// Where the bucket stands in a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AddressStyle {
    /// In the host: `https://bucket.endpoint/key`. The only style that OSS takes on its own names.
    VirtualHost,
    /// In the path: `https://endpoint/bucket/key`. For IP addresses and `localhost`.
    Path,
    /// Nowhere: the host is a domain of the user's own that is bound to the bucket.
    Cname,
}

/// What a host name says about an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EndpointKind {
    /// `oss-R.aliyuncs.com`: from anywhere.
    Public,
    /// `oss-R-internal.aliyuncs.com`: only from machines of the same region.
    Internal,
    /// `oss-accelerate.aliyuncs.com`: over the nearest entry; the bucket must have it switched on.
    Accelerate,
    /// `oss-accelerate-overseas.aliyuncs.com`: the same for entries outside mainland China.
    AccelerateOverseas,
    /// `R.oss.aliyuncs.com`: over IPv4 and IPv6, in some regions.
    DualStack,
    /// `s3.oss-R[-internal].aliyuncs.com`: the names of the S3 protocol.
    S3,
    /// `cb-ID.R.oss-cloudbox.aliyuncs.com`: the data of a cloud box.
    CloudBox,
    /// `cb-ID.R.oss-cloudbox-control.aliyuncs.com`: the buckets of a cloud box.
    CloudBoxControl,
    /// An IP address or `localhost`.
    Address,
    /// Any other name: a domain of the user's own, a proxy, or a service that is like OSS.
    Other,
}

/// The scheme, host and port of an OSS service, and its address style.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Endpoint {
    https: bool,
    host: String,
    port: Option<u16>,
    style: AddressStyle,
}

impl Endpoint {
    /// Parses `[http://|https://]host[:port][/]`. Without a scheme it is https. An IP address (IPv6 in brackets) and
    /// `localhost` get the path style, any other host the virtual-host style; [`Endpoint::with_style`] changes that.
    ///
    /// # Errors
    /// [`Error::Invalid`] for anything else: another scheme, a path, a user, a bad port or host.
    pub fn parse(text: &str) -> Result<Self, Error> {
        const BAD: Error = Error::Invalid("the endpoint must be [http://|https://]host[:port]");
        let text = text.trim();
        let (https, rest) = match text.split_once("://") {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => (true, rest),
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => (false, rest),
            Some(_) => return Err(BAD),
            None => (true, text),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (host, port) = match rest.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
            _ => (rest, None),
        };
        let port = match port {
            Some(port) if !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) => Some(
                port.parse::<u16>()
                    .ok()
                    .filter(|port| *port != 0)
                    .ok_or(BAD)?,
            ),
            Some(_) => return Err(BAD),
            None => None,
        };
        let host = host.to_ascii_lowercase();
        let inner = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'));
        let good = match inner {
            Some(inner) => inner.parse::<Ipv6Addr>().is_ok(),
            None => is_host_name(&host),
        };
        if !good {
            return Err(BAD);
        }
        let style = if is_address(&host) {
            AddressStyle::Path
        } else {
            AddressStyle::VirtualHost
        };
        Ok(Self {
            https,
            host,
            port,
            style,
        })
    }

    /// The endpoint of a region, over https. Of [`EndpointKind`], public, internal, dual stack and both accelerate ones
    /// have such a name; the accelerate ones are the same for all regions.
    ///
    /// # Errors
    /// [`Error::Invalid`] for another kind, or if this can't be a region id.
    pub fn of_region(region: &str, kind: EndpointKind) -> Result<Self, Error> {
        if !is_region(region) || is_accelerate(region) {
            return Err(Error::Invalid(
                "a region has lower-case letters, digits and hyphens",
            ));
        }
        Self::parse(&match kind {
            EndpointKind::Public => format!("oss-{region}.aliyuncs.com"),
            EndpointKind::Internal => format!("oss-{region}-internal.aliyuncs.com"),
            EndpointKind::Accelerate => "oss-accelerate.aliyuncs.com".to_owned(),
            EndpointKind::AccelerateOverseas => "oss-accelerate-overseas.aliyuncs.com".to_owned(),
            EndpointKind::DualStack => format!("{region}.oss.aliyuncs.com"),
            _ => return Err(Error::Invalid("a region has no such endpoint")),
        })
    }

    /// What kind of endpoint the host name says it is.
    #[must_use]
    pub fn kind(&self) -> EndpointKind {
        if is_address(&self.host) {
            EndpointKind::Address
        } else if let Some((_, control)) = self.cloud_box() {
            if control {
                EndpointKind::CloudBoxControl
            } else {
                EndpointKind::CloudBox
            }
        } else if let Some(standard) = self.standard() {
            match (standard.s3, standard.internal) {
                (true, _) => EndpointKind::S3,
                (false, true) => EndpointKind::Internal,
                (false, false) => EndpointKind::Public,
            }
        } else if self.dual_stack().is_some() {
            EndpointKind::DualStack
        } else {
            match self.host.as_str() {
                "oss-accelerate.aliyuncs.com" => EndpointKind::Accelerate,
                "oss-accelerate-overseas.aliyuncs.com" => EndpointKind::AccelerateOverseas,
                _ => EndpointKind::Other,
            }
        }
    }

    /// The same endpoint in another address style.
    #[must_use]
    pub fn with_style(mut self, style: AddressStyle) -> Self {
        self.style = style;
        self
    }

    /// The same endpoint with or without TLS.
    #[must_use]
    pub fn with_https(mut self, https: bool) -> Self {
        self.https = https;
        self
    }

    /// Whether TLS is used.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.https
    }

    /// The host in lower case, without port; an IPv6 address in brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, if it is not the scheme's own.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// The address style.
    #[must_use]
    pub fn style(&self) -> AddressStyle {
        self.style
    }

    /// The region id that the host name tells: of `oss-R[-internal].aliyuncs.com`, `R.oss.aliyuncs.com` and
    /// `s3.oss-R[-internal].aliyuncs.com`, and the box id of a cloud box. Accelerate endpoints tell none.
    #[must_use]
    pub fn region(&self) -> Option<&str> {
        if let Some((cloud_box, _)) = self.cloud_box() {
            return Some(cloud_box);
        }
        if let Some(standard) = self.standard() {
            return Some(standard.region);
        }
        self.dual_stack()
    }

    /// The product of V4 scopes: `oss`, or `oss-cloudbox` for a cloud box.
    #[must_use]
    pub fn product(&self) -> &'static str {
        if self.cloud_box().is_some() {
            "oss-cloudbox"
        } else {
            "oss"
        }
    }

    /// Whether this is an internal endpoint, reachable only from within its region.
    #[must_use]
    pub fn is_internal(&self) -> bool {
        self.standard().is_some_and(|standard| standard.internal)
    }

    /// The public twin of an `oss-R[-internal].aliyuncs.com` endpoint; `None` for any other.
    #[must_use]
    pub fn public(&self) -> Option<Self> {
        self.twin(false)
    }

    /// The internal twin of an `oss-R[-internal].aliyuncs.com` endpoint; `None` for any other.
    #[must_use]
    pub fn internal(&self) -> Option<Self> {
        self.twin(true)
    }

    /// The endpoint that OSS sends a request to which went to the wrong region (the `Endpoint` element of a 403).
    ///
    /// Followed only between `oss-R.aliyuncs.com` names that differ by region alone: same scheme, port and style, both
    /// public or both internal. `None` for anything else: keys must not be sent to a host that an answer names freely.
    #[must_use]
    pub fn redirected(&self, host: &str) -> Option<Self> {
        let target = Self {
            host: host.trim().to_ascii_lowercase(),
            ..self.clone()
        };
        let (from, to) = (self.standard()?, target.standard()?);
        let alike = !from.s3 && !to.s3 && from.internal == to.internal && from.region != to.region;
        (alike && self.style == AddressStyle::VirtualHost).then_some(target)
    }

    /// Host and port of a request, as in the URL and the Host header.
    pub(crate) fn authority(&self, bucket: Option<&str>) -> String {
        let mut out = String::new();
        if let (AddressStyle::VirtualHost, Some(bucket)) = (self.style, bucket) {
            out.push_str(bucket);
            out.push('.');
        }
        out.push_str(&self.host);
        if let Some(port) = self.port {
            out.push(':');
            out.push_str(&port.to_string());
        }
        out
    }

    /// The path of a request, percent-encoded.
    pub(crate) fn path(&self, bucket: Option<&str>, key: Option<&str>) -> String {
        let key = encode::path(key.unwrap_or_default());
        match (self.style, bucket) {
            (AddressStyle::Path, Some(bucket)) => format!("/{bucket}/{key}"),
            _ => format!("/{key}"),
        }
    }

    fn twin(&self, internal: bool) -> Option<Self> {
        let standard = self.standard()?;
        let host = format!(
            "{}oss-{}{}.aliyuncs.com",
            if standard.s3 { "s3." } else { "" },
            standard.region,
            if internal { "-internal" } else { "" }
        );
        Some(Self {
            host,
            ..self.clone()
        })
    }

    fn standard(&self) -> Option<Standard<'_>> {
        let name = self.host.strip_suffix(".aliyuncs.com")?;
        let (s3, name) = match name.strip_prefix("s3.") {
            Some(name) => (true, name),
            None => (false, name),
        };
        let name = name.strip_prefix("oss-")?;
        let (internal, region) = match name.strip_suffix("-internal") {
            Some(region) => (true, region),
            None => (false, name),
        };
        (is_region(region) && !is_accelerate(region)).then_some(Standard {
            s3,
            internal,
            region,
        })
    }

    /// The region in `R.oss.aliyuncs.com`.
    fn dual_stack(&self) -> Option<&str> {
        let region = self.host.strip_suffix(".oss.aliyuncs.com")?;
        is_region(region).then_some(region)
    }

    /// The id of the cloud box in `cb-ID.R.oss-cloudbox[-control].aliyuncs.com`, and whether it is its control host.
    fn cloud_box(&self) -> Option<(&str, bool)> {
        let host = &self.host;
        let (name, control) = match host.strip_suffix(".oss-cloudbox.aliyuncs.com") {
            Some(name) => (name, false),
            None => (
                host.strip_suffix(".oss-cloudbox-control.aliyuncs.com")?,
                true,
            ),
        };
        let (id, region) = name.split_once('.')?;
        (id.starts_with("cb-") && is_region(id) && is_region(region)).then_some((id, control))
    }
}

/// Whether the host is an IP address or `localhost`.
fn is_address(host: &str) -> bool {
    host == "localhost" || host.starts_with('[') || host.parse::<Ipv4Addr>().is_ok()
}

/// Of `oss-accelerate.aliyuncs.com` this is no region.
fn is_accelerate(region: &str) -> bool {
    matches!(region, "accelerate" | "accelerate-overseas")
}

/// The parts of `[s3.]oss-R[-internal].aliyuncs.com`.
struct Standard<'a> {
    s3: bool,
    internal: bool,
    region: &'a str,
}

fn is_region(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

fn is_host_name(host: &str) -> bool {
    host.len() <= 253
        && host.split('.').all(|label| {
            !label.is_empty()
                && label.len() <= 63
                && label
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        })
}

impl FromStr for Endpoint {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::parse(text)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.https { "https" } else { "http" };
        write!(f, "{scheme}://{}", self.authority(None))
    }
}

#[cfg(test)]
mod tests;
