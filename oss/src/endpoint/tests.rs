use super::*;

fn endpoint(text: &str) -> Endpoint {
    Endpoint::parse(text).unwrap()
}

#[test]
fn scheme_port_and_style() {
    let e = endpoint("oss-cn-hangzhou.aliyuncs.com");
    assert_eq!(e.to_string(), "https://oss-cn-hangzhou.aliyuncs.com");
    assert_eq!(e.authority(Some("b")), "b.oss-cn-hangzhou.aliyuncs.com");
    assert_eq!(e.path(Some("b"), Some("a b/c")), "/a%20b/c");
    let e = endpoint("http://127.0.0.1:9000/");
    assert_eq!(
        (e.to_string().as_str(), e.style()),
        ("http://127.0.0.1:9000", AddressStyle::Path)
    );
    assert_eq!(e.authority(Some("b")), "127.0.0.1:9000");
    assert_eq!(e.path(Some("b"), None), "/b/");
    assert_eq!(e.path(None, None), "/");
    assert_eq!(endpoint("HTTP://[::1]:80").authority(None), "[::1]:80");
    assert_eq!(endpoint("[::1]").style(), AddressStyle::Path);
    assert_eq!(endpoint("LocalHost").style(), AddressStyle::Path);
    let e = endpoint("files.example.com").with_style(AddressStyle::Cname);
    assert_eq!(e.authority(Some("b")), "files.example.com");
    assert_eq!(e.path(Some("b"), Some("k")), "/k");
}

#[test]
fn refuses_what_is_no_endpoint() {
    for text in [
        "",
        "ftp://h",
        "http://",
        "h:0",
        "h:65536",
        "h:+1",
        "h:x",
        "a b",
        "u@h",
        "h/path",
        "h?q",
        "[::1",
        "[x]",
        "a..b",
        "http://h:",
    ] {
        assert!(Endpoint::parse(text).is_err(), "{text}");
    }
}

#[test]
fn kinds_products_regions_and_urls() {
    use EndpointKind as Kind;
    for (host, kind, region, product, url) in [
        (
            "oss-cn-hangzhou.aliyuncs.com",
            Kind::Public,
            Some("cn-hangzhou"),
            "oss",
            "bkt.oss-cn-hangzhou.aliyuncs.com/k",
        ),
        (
            "oss-cn-hangzhou-internal.aliyuncs.com",
            Kind::Internal,
            Some("cn-hangzhou"),
            "oss",
            "bkt.oss-cn-hangzhou-internal.aliyuncs.com/k",
        ),
        (
            "oss-accelerate.aliyuncs.com",
            Kind::Accelerate,
            None,
            "oss",
            "bkt.oss-accelerate.aliyuncs.com/k",
        ),
        (
            "oss-accelerate-overseas.aliyuncs.com",
            Kind::AccelerateOverseas,
            None,
            "oss",
            "bkt.oss-accelerate-overseas.aliyuncs.com/k",
        ),
        (
            "cn-hangzhou.oss.aliyuncs.com",
            Kind::DualStack,
            Some("cn-hangzhou"),
            "oss",
            "bkt.cn-hangzhou.oss.aliyuncs.com/k",
        ),
        (
            "s3.oss-us-west-1.aliyuncs.com",
            Kind::S3,
            Some("us-west-1"),
            "oss",
            "bkt.s3.oss-us-west-1.aliyuncs.com/k",
        ),
        (
            "cb-1.cn-hangzhou.oss-cloudbox.aliyuncs.com",
            Kind::CloudBox,
            Some("cb-1"),
            "oss-cloudbox",
            "bkt.cb-1.cn-hangzhou.oss-cloudbox.aliyuncs.com/k",
        ),
        (
            "cb-1.cn-hangzhou.oss-cloudbox-control.aliyuncs.com",
            Kind::CloudBoxControl,
            Some("cb-1"),
            "oss-cloudbox",
            "bkt.cb-1.cn-hangzhou.oss-cloudbox-control.aliyuncs.com/k",
        ),
        (
            "192.0.2.1:8080",
            Kind::Address,
            None,
            "oss",
            "192.0.2.1:8080/bkt/k",
        ),
        (
            "[2001:db8::1]",
            Kind::Address,
            None,
            "oss",
            "[2001:db8::1]/bkt/k",
        ),
        (
            "localhost:9000",
            Kind::Address,
            None,
            "oss",
            "localhost:9000/bkt/k",
        ),
        (
            "files.example.com",
            Kind::Other,
            None,
            "oss",
            "bkt.files.example.com/k",
        ),
        (
            "oss.aliyuncs.com",
            Kind::Other,
            None,
            "oss",
            "bkt.oss.aliyuncs.com/k",
        ),
        (
            "x.1.oss-cloudbox.aliyuncs.com",
            Kind::Other,
            None,
            "oss",
            "bkt.x.1.oss-cloudbox.aliyuncs.com/k",
        ),
    ] {
        let e = endpoint(host);
        assert_eq!(
            (e.kind(), e.region(), e.product()),
            (kind, region, product),
            "{host}"
        );
        assert_eq!(
            format!(
                "{}{}",
                e.authority(Some("bkt")),
                e.path(Some("bkt"), Some("k"))
            ),
            url
        );
        assert_eq!(e.is_internal(), kind == Kind::Internal);
        let made = Endpoint::of_region(region.unwrap_or("cn-hangzhou"), kind);
        match kind {
            Kind::Public
            | Kind::Internal
            | Kind::DualStack
            | Kind::Accelerate
            | Kind::AccelerateOverseas => {
                assert_eq!(made.unwrap(), e);
            }
            _ => assert!(made.is_err(), "{host}"),
        }
    }
    let bound = endpoint("files.example.com").with_style(AddressStyle::Cname);
    assert_eq!(bound.authority(Some("bkt")), "files.example.com");
    assert!(Endpoint::of_region("a.b", EndpointKind::Public).is_err());
    assert!(Endpoint::of_region("accelerate", EndpointKind::Public).is_err());
}

#[test]
fn regions_from_hosts() {
    for (host, region) in [
        ("oss-cn-hangzhou.aliyuncs.com", Some("cn-hangzhou")),
        ("oss-cn-hangzhou-internal.aliyuncs.com", Some("cn-hangzhou")),
        ("cn-shanghai.oss.aliyuncs.com", Some("cn-shanghai")),
        ("s3.oss-us-west-1.aliyuncs.com", Some("us-west-1")),
        ("oss-accelerate.aliyuncs.com", None),
        ("oss-accelerate-overseas.aliyuncs.com", None),
        ("oss.aliyuncs.com", None),
        ("files.example.com", None),
        ("127.0.0.1", None),
        (
            "cb-123.cn-hangzhou.oss-cloudbox.aliyuncs.com",
            Some("cb-123"),
        ),
    ] {
        assert_eq!(endpoint(host).region(), region, "{host}");
    }
    assert_eq!(
        endpoint("cb-1.cn-hangzhou.oss-cloudbox-control.aliyuncs.com").product(),
        "oss-cloudbox"
    );
}

#[test]
fn twins() {
    let public = endpoint("http://oss-cn-hangzhou.aliyuncs.com:8080");
    let internal = public.internal().unwrap();
    assert_eq!(
        internal.to_string(),
        "http://oss-cn-hangzhou-internal.aliyuncs.com:8080"
    );
    assert!(internal.is_internal());
    assert_eq!(internal.public(), Some(public));
    assert_eq!(endpoint("127.0.0.1").internal(), None);
    assert_eq!(endpoint("oss-accelerate.aliyuncs.com").internal(), None);
}

#[test]
fn redirects_stay_at_home() {
    let from = endpoint("oss-cn-hangzhou.aliyuncs.com");
    assert_eq!(
        from.redirected("oss-cn-shenzhen.aliyuncs.com")
            .unwrap()
            .to_string(),
        "https://oss-cn-shenzhen.aliyuncs.com"
    );
    for host in [
        "evil.example.com",
        "oss-cn-shenzhen.aliyuncs.com.evil.com",
        "oss-cn-shenzhen-internal.aliyuncs.com",
        "oss-cn-hangzhou.aliyuncs.com",
        "oss-x.evil.aliyuncs.com",
        "u@oss-cn-shenzhen.aliyuncs.com",
        "",
    ] {
        assert_eq!(from.redirected(host), None, "{host}");
    }
    assert_eq!(
        endpoint("files.example.com").redirected("oss-cn-shenzhen.aliyuncs.com"),
        None
    );
    assert_eq!(
        endpoint("oss-cn-hangzhou.aliyuncs.com")
            .with_style(AddressStyle::Cname)
            .redirected("oss-cn-shenzhen.aliyuncs.com"),
        None
    );
}
