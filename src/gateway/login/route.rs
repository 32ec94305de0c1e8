//! Which endpoint a bucket is reached at.
//!
//! Decides the order of the questions (DESIGN 4, Login): the endpoint that was configured, else a
//! first guess; where OSS says that the bucket must be addressed; GetBucketLocation; and only then
//! ListBuckets, for which many keys have no right. And whether it is the internal endpoint of that
//! region. How OSS is asked is behind [`Ask`].

use ossftp_oss::{AddressStyle, Endpoint, Error, Result};

use crate::gateway::config::GatewayConfig;

/// The region that is asked first when nothing is configured.
const FIRST_REGION: &str = "cn-hangzhou";

/// An endpoint and the region id of signatures for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Route {
    /// The endpoint.
    pub(crate) endpoint: Endpoint,
    /// The region id.
    pub(crate) region: String,
}

/// Asks OSS about one bucket, with the key that is logging in.
pub(crate) trait Ask {
    /// Lists at most one object: the right that every login needs.
    fn list(&self, route: &Route) -> Result<()>;

    /// GetBucketLocation, such as `oss-cn-hangzhou`.
    fn location(&self, route: &Route) -> Result<String>;

    /// The location of the bucket in ListBuckets; `None` if it is not among them.
    fn listed_location(&self, route: &Route) -> Result<Option<String>>;

    /// Whether the internal endpoint of this route answers anything at once.
    fn is_reachable(&self, route: &Route) -> bool;
}

/// Where the search begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Start {
    /// The first route to try.
    pub(crate) route: Route,
    /// Whether nothing was configured that speaks for this route.
    guessed: bool,
}

/// Where to look for `bucket` first.
///
/// # Errors
/// [`Error::Invalid`] if the configured region can't be part of a host name.
pub(crate) fn start(config: &GatewayConfig, bucket: &str) -> Result<Start> {
    let own = config.buckets.get(bucket);
    let configured = match own.and_then(|own| Some((own.endpoint.as_ref()?, own.cname))) {
        Some(own) => Some(own),
        None => config.endpoint.as_ref().map(|all| (all, config.cname)),
    };
    let region = own
        .and_then(|own| own.region.as_deref())
        .or(config.region.as_deref());
    let (endpoint, guessed) = match (configured, region) {
        (Some((endpoint, true)), _) => (endpoint.clone().with_style(AddressStyle::Cname), false),
        (Some((endpoint, false)), _) => (endpoint.clone(), false),
        (None, Some(region)) => (standard(region)?, false),
        (None, None) => (standard(FIRST_REGION)?, true),
    };
    // What the host says counts more: buckets with endpoints of their own may be anywhere.
    let region = endpoint.region().or(region).unwrap_or(FIRST_REGION);
    Ok(Start {
        route: Route {
            region: region.to_owned(),
            endpoint,
        },
        guessed,
    })
}

fn standard(region: &str) -> Result<Endpoint> {
    Endpoint::parse(&format!("oss-{region}.aliyuncs.com"))
}

/// Finds the route to the bucket, and makes sure that its objects may be listed.
///
/// # Errors
/// The first answer that says why not: a wrong key, no such bucket, a missing right.
pub(crate) fn find(start: &Start, internal: Option<bool>, ask: &dyn Ask) -> Result<Route> {
    // The internal endpoint of a guess is reachable for hardly anyone.
    let first = if start.guessed {
        start.route.clone()
    } else {
        choose(&start.route, internal, ask)
    };
    let error = match ask.list(&first) {
        Ok(()) if start.guessed => {
            let chosen = choose(&first, internal, ask);
            if chosen != first {
                ask.list(&chosen)?;
            }
            return Ok(chosen);
        }
        Ok(()) => return Ok(first),
        Err(error) => error,
    };
    let Some(elsewhere) = elsewhere(&first, &error, ask) else {
        return Err(error);
    };
    let chosen = choose(&elsewhere, internal, ask);
    ask.list(&chosen)?;
    Ok(chosen)
}

/// The same route over the internal or the public endpoint of its region, as wanted.
fn choose(route: &Route, internal: Option<bool>, ask: &dyn Ask) -> Route {
    let at = |endpoint: Option<Endpoint>| Route {
        endpoint: endpoint.unwrap_or_else(|| route.endpoint.clone()),
        region: route.region.clone(),
    };
    // A name of the user's own that is bound to the bucket has no twin.
    if route.endpoint.style() != AddressStyle::VirtualHost {
        return route.clone();
    }
    match internal {
        Some(true) => at(route.endpoint.internal()),
        Some(false) => at(route.endpoint.public()),
        None if route.endpoint.is_internal() => route.clone(),
        None => match route.endpoint.internal() {
            Some(endpoint) if ask.is_reachable(&at(Some(endpoint.clone()))) => at(Some(endpoint)),
            _ => route.clone(),
        },
    }
}

/// Where the bucket is, after OSS refused it at `route`; always in another region.
fn elsewhere(route: &Route, error: &Error, ask: &dyn Ask) -> Option<Route> {
    if is_everywhere(&route.endpoint) {
        let region = region_of_bucket(route, error, ask)?;
        return (region != route.region).then(|| Route {
            endpoint: route.endpoint.clone(),
            region,
        });
    }
    if let Some(hint) = error.service().and_then(|s| s.endpoint.as_deref()) {
        return redirected(route, hint);
    }
    // A signature for another region than the bucket's is a 400; a wrong key is neither.
    if !(error.is_denied() || error.status() == 400) {
        return None;
    }
    match ask.location(route) {
        Ok(location) => return redirected(route, &format!("{location}.aliyuncs.com")),
        Err(error) => {
            if let Some(hint) = error.service().and_then(|s| s.endpoint.as_deref()) {
                return redirected(route, hint);
            }
        }
    }
    let location = ask.listed_location(route).ok()??;
    redirected(route, &format!("{location}.aliyuncs.com"))
}

/// Whether the endpoint serves all regions, as the accelerate endpoints do. Requests to it are
/// still signed for the region of the bucket.
fn is_everywhere(endpoint: &Endpoint) -> bool {
    endpoint.style() == AddressStyle::VirtualHost
        && endpoint.host().ends_with(".aliyuncs.com")
        && endpoint.region().is_none()
}

/// The region of a bucket whose endpoint does not tell it, from an answer that does.
fn region_of_bucket(route: &Route, error: &Error, ask: &dyn Ask) -> Option<String> {
    let of_host = |host: &str| Some(Endpoint::parse(host).ok()?.region()?.to_owned());
    let hint = |error: &Error| of_host(error.service()?.endpoint.as_deref()?);
    if let Some(region) = hint(error) {
        return Some(region);
    }
    if !(error.is_denied() || error.status() == 400) {
        return None;
    }
    // Where the location can be asked for: at an endpoint of some region.
    let somewhere = Route {
        endpoint: standard(&route.region).ok()?,
        region: route.region.clone(),
    };
    let location = match ask.location(&somewhere) {
        Ok(location) => location,
        Err(error) => match hint(&error) {
            Some(region) => return Some(region),
            None => ask.listed_location(&somewhere).ok()??,
        },
    };
    of_host(&format!("{location}.aliyuncs.com"))
}

/// The public endpoint of another region that OSS named; `None` for any other host.
fn redirected(route: &Route, host: &str) -> Option<Route> {
    let from = route
        .endpoint
        .public()
        .unwrap_or_else(|| route.endpoint.clone());
    // An internal endpoint is told the internal names of others.
    let host = Endpoint::parse(host)
        .ok()?
        .public()
        .map_or_else(|| host.to_owned(), |public| public.host().to_owned());
    let endpoint = from.redirected(&host)?;
    let region = endpoint.region()?.to_owned();
    Some(Route { endpoint, region })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ossftp_oss::ServiceError;
    use std::cell::RefCell;

    const INTERNAL: &str = "oss-cn-shenzhen-internal.aliyuncs.com";
    const PUBLIC: &str = "oss-cn-shenzhen.aliyuncs.com";
    const GUESS: &str = "oss-cn-hangzhou.aliyuncs.com";

    /// A bucket in Shenzhen.
    struct Fake {
        hint: Option<&'static str>,
        refusal: (u16, &'static str),
        location: Option<&'static str>,
        listed: Option<&'static str>,
        inside: bool,
        asked: RefCell<Vec<String>>,
    }

    impl Default for Fake {
        fn default() -> Self {
            Self {
                hint: None,
                refusal: (403, "AccessDenied"),
                location: None,
                listed: None,
                inside: false,
                asked: RefCell::default(),
            }
        }
    }

    impl Fake {
        fn note(&self, what: &str, route: &Route) {
            let line = format!("{what} {} {}", route.endpoint.host(), route.region);
            self.asked.borrow_mut().push(line);
        }

        fn refusal(&self) -> Error {
            let (status, code) = self.refusal;
            let hint = self.hint.map(|h| format!("<Endpoint>{h}</Endpoint>"));
            let xml = format!(
                "<Error><Code>{code}</Code>{}</Error>",
                hint.unwrap_or_default()
            );
            ServiceError::read(status, |_| None, xml.as_bytes()).into()
        }

        fn denied() -> Error {
            let xml = b"<Error><Code>AccessDenied</Code></Error>";
            ServiceError::read(403, |_| None, xml).into()
        }
    }

    impl Ask for Fake {
        fn list(&self, route: &Route) -> Result<()> {
            self.note("list", route);
            let right = route.region == "cn-shenzhen"
                && (!route.endpoint.is_internal() || self.inside)
                || route.endpoint.style() == AddressStyle::Path;
            if right { Ok(()) } else { Err(self.refusal()) }
        }

        fn location(&self, route: &Route) -> Result<String> {
            self.note("location", route);
            self.location.map(str::to_owned).ok_or_else(Self::denied)
        }

        fn listed_location(&self, route: &Route) -> Result<Option<String>> {
            self.note("buckets", route);
            Ok(self.listed.map(str::to_owned))
        }

        fn is_reachable(&self, route: &Route) -> bool {
            self.note("probe", route);
            self.inside
        }
    }

    fn run(config: &GatewayConfig, fake: &Fake) -> (std::result::Result<String, u16>, Vec<String>) {
        let found = find(&start(config, "b").unwrap(), config.internal, fake);
        let asked = fake.asked.borrow().clone();
        let found = found
            .map(|route| route.endpoint.host().to_owned())
            .map_err(|e| e.status());
        (found, asked)
    }

    fn asked(lines: &[(&str, &str)]) -> Vec<String> {
        lines
            .iter()
            .map(|(what, host)| {
                let region = Endpoint::parse(host).unwrap().region().unwrap().to_owned();
                format!("{what} {host} {region}")
            })
            .collect()
    }

    #[test]
    fn follows_the_hint_once() {
        let fake = Fake {
            hint: Some(PUBLIC),
            ..Fake::default()
        };
        let (found, log) = run(&GatewayConfig::default(), &fake);
        assert_eq!(found.unwrap(), PUBLIC);
        assert_eq!(
            log,
            asked(&[("list", GUESS), ("probe", INTERNAL), ("list", PUBLIC)])
        );
    }

    #[test]
    fn never_follows_a_stranger() {
        for hint in [
            "evil.example.com",
            "oss-cn-shenzhen.aliyuncs.com.evil.com",
            "127.0.0.1",
        ] {
            let fake = Fake {
                hint: Some(hint),
                ..Fake::default()
            };
            let (found, log) = run(&GatewayConfig::default(), &fake);
            assert_eq!(found, Err(403), "{hint}");
            assert_eq!(log, asked(&[("list", GUESS)]));
        }
        // Nor from an endpoint of the user's own.
        let own = Endpoint::parse("files.example.com").unwrap();
        for endpoint in [own.clone(), own.with_style(AddressStyle::Cname)] {
            let config = GatewayConfig {
                endpoint: Some(endpoint),
                ..GatewayConfig::default()
            };
            let fake = Fake {
                hint: Some(PUBLIC),
                ..Fake::default()
            };
            assert_eq!(run(&config, &fake).0, Err(403));
        }
    }

    #[test]
    fn asks_for_the_location_and_only_then_for_the_buckets() {
        let fake = Fake {
            refusal: (400, "InvalidArgument"),
            location: Some("oss-cn-shenzhen"),
            ..Fake::default()
        };
        let (found, log) = run(&GatewayConfig::default(), &fake);
        assert_eq!(found.unwrap(), PUBLIC);
        assert_eq!(log.len(), 4, "{log:?}");
        let fake = Fake {
            listed: Some("oss-cn-shenzhen"),
            ..Fake::default()
        };
        let (found, log) = run(&GatewayConfig::default(), &fake);
        assert_eq!(found.unwrap(), PUBLIC);
        assert_eq!(
            log,
            asked(&[
                ("list", GUESS),
                ("location", GUESS),
                ("buckets", GUESS),
                ("probe", INTERNAL),
                ("list", PUBLIC)
            ])
        );
    }

    #[test]
    fn the_first_refusal_counts() {
        for (refusal, questions) in [
            ((403, "InvalidAccessKeyId"), 1),
            ((403, "SignatureDoesNotMatch"), 1),
            ((404, "NoSuchBucket"), 1),
            ((403, "AccessDenied"), 3),
        ] {
            let fake = Fake {
                refusal,
                ..Fake::default()
            };
            let (found, log) = run(&GatewayConfig::default(), &fake);
            assert_eq!(found, Err(refusal.0));
            assert_eq!(log.len(), questions, "{log:?}");
        }
    }

    #[test]
    fn internal_is_probed_forced_or_left() {
        let shenzhen = |internal| GatewayConfig {
            region: Some("cn-shenzhen".to_owned()),
            internal,
            ..GatewayConfig::default()
        };
        let inside = || Fake {
            inside: true,
            ..Fake::default()
        };
        let (found, log) = run(&shenzhen(None), &inside());
        assert_eq!(found.unwrap(), INTERNAL);
        assert_eq!(log, asked(&[("probe", INTERNAL), ("list", INTERNAL)]));
        assert_eq!(run(&shenzhen(None), &Fake::default()).0.unwrap(), PUBLIC);
        let (found, log) = run(&shenzhen(Some(false)), &inside());
        assert_eq!((found.unwrap().as_str(), log.len()), (PUBLIC, 1));
        let (found, log) = run(&shenzhen(Some(true)), &inside());
        assert_eq!((found.unwrap().as_str(), log.len()), (INTERNAL, 1));
    }

    #[test]
    fn a_wrong_internal_endpoint_is_left_too() {
        let config = GatewayConfig {
            endpoint: Some(Endpoint::parse("oss-cn-beijing-internal.aliyuncs.com").unwrap()),
            ..GatewayConfig::default()
        };
        for hint in [PUBLIC, INTERNAL] {
            let fake = Fake {
                hint: Some(hint),
                inside: true,
                ..Fake::default()
            };
            assert_eq!(run(&config, &fake).0.unwrap(), INTERNAL);
        }
    }

    #[test]
    fn an_accelerate_endpoint_stays_and_learns_its_region() {
        let accelerate = "oss-accelerate.aliyuncs.com";
        for (hint, location, listed, questions) in [
            (Some(PUBLIC), None, None, 2),
            (None, Some("oss-cn-shenzhen"), None, 3),
            (None, None, Some("oss-cn-shenzhen"), 4),
        ] {
            let config = GatewayConfig {
                endpoint: Some(Endpoint::parse(accelerate).unwrap()),
                ..GatewayConfig::default()
            };
            let fake = Fake {
                hint,
                location,
                listed,
                refusal: (400, "InvalidArgument"),
                ..Fake::default()
            };
            let (found, log) = run(&config, &fake);
            assert_eq!(found.unwrap(), accelerate);
            assert_eq!(log.len(), questions, "{log:?}");
            assert_eq!(
                log.last().unwrap(),
                "list oss-accelerate.aliyuncs.com cn-shenzhen"
            );
        }
        let fake = Fake::default();
        let config = GatewayConfig {
            endpoint: Some(Endpoint::parse(accelerate).unwrap()),
            ..GatewayConfig::default()
        };
        assert_eq!(run(&config, &fake).0, Err(403));
    }

    #[test]
    fn a_domain_of_a_bucket_is_taken_as_it_is() {
        let mut config = GatewayConfig {
            region: Some("cn-shenzhen".to_owned()),
            ..GatewayConfig::default()
        };
        let own = config.buckets.entry("b".to_owned()).or_default();
        own.endpoint = Some(Endpoint::parse("files.example.com").unwrap());
        own.cname = true;
        let first = start(&config, "b").unwrap().route;
        assert_eq!(first.endpoint.style(), AddressStyle::Cname);
        let (found, log) = run(&config, &Fake::default());
        assert_eq!(found.unwrap(), "files.example.com");
        assert_eq!(log, ["list files.example.com cn-shenzhen"]);
        // Another bucket is where its region is.
        let other = start(&config, "c").unwrap().route.endpoint;
        assert_eq!(other.host(), "oss-cn-shenzhen.aliyuncs.com");
    }

    #[test]
    fn own_endpoints_are_taken_as_they_are() {
        let mut config = GatewayConfig {
            endpoint: Some(Endpoint::parse("http://127.0.0.1:9000").unwrap()),
            ..GatewayConfig::default()
        };
        let (found, log) = run(&config, &Fake::default());
        assert_eq!(found.unwrap(), "127.0.0.1");
        assert_eq!(log, ["list 127.0.0.1 cn-hangzhou"]);
        config.buckets.entry("b".to_owned()).or_default().endpoint =
            Some(Endpoint::parse(PUBLIC).unwrap());
        assert_eq!(start(&config, "b").unwrap().route.region, "cn-shenzhen");
        assert_eq!(start(&config, "c").unwrap().route.region, "cn-hangzhou");
    }
}
