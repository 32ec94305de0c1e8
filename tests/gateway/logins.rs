//! Logins: what is checked, what is remembered, and what is said when it fails.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use ossftp_core::driver::{Cancel, LoginRequest, Storage};
use ossftp_core::{ErrorKind, Need, Secret};
use ossftp_oss::Endpoint;

use crate::proxy::Act;
use crate::world::{BUCKET, ID, SECRET, World};

const NONE: [&str; 0] = [];

fn user() -> String {
    format!("{ID}/{BUCKET}")
}

#[test]
fn one_listing_is_enough() {
    let world = World::new();
    let requests = world.requests(|| {
        let (_, welcome) = world.login(&user(), SECRET).unwrap();
        assert_eq!(welcome, "Logged in to bucket demo-bucket.");
    });
    assert_eq!(requests, ["ListObjectsV2 "]);
}

/// FEAT says the same before a login, from the configuration, and after it.
#[test]
fn a_login_says_what_the_storage_can_do() {
    let world = World::new();
    let peer = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let request = LoginRequest::new(user(), Secret::new(SECRET), peer);
    let (_, info) = world.storage.login(&request, &Cancel::new()).unwrap();
    let able = world.storage.capabilities();
    assert_eq!(info.capabilities, able);
    for need in [
        Need::AnyHash,
        Need::Modes,
        Need::Copy,
        Need::Symlinks,
        Need::Restore,
        Need::RemoveTree,
    ] {
        assert!(able.fulfil(need), "{need:?}");
    }
    for need in [Need::AnyFact, Need::Space, Need::Combine, Need::Tls] {
        assert!(!able.fulfil(need), "{need:?}");
    }
}

#[test]
fn a_good_login_is_remembered_and_no_other() {
    let world = World::new();
    world.login(&user(), SECRET).unwrap();
    assert_eq!(
        world.requests(|| world.login(&user(), SECRET).unwrap()),
        NONE
    );
    for _ in 0..2 {
        let wrong = world.requests(|| world.login(&user(), "wrong").err().unwrap());
        assert_eq!(wrong, ["ListObjectsV2 "]);
    }
    let forgetful = World::with(|config| config.login_memory = Duration::ZERO);
    forgetful.login(&user(), SECRET).unwrap();
    let again = forgetful.requests(|| forgetful.login(&user(), SECRET).unwrap());
    assert_eq!(again, ["ListObjectsV2 "]);
}

#[test]
fn failures_say_why_and_tell_no_secret() {
    let world = World::new();
    for (user, secret, kind, part) in [
        (user(), "wrong-secret", ErrorKind::Denied, "Secret is wrong"),
        (
            format!("nobody/{BUCKET}"),
            "wrong-secret",
            ErrorKind::Denied,
            "no such AccessKeyId",
        ),
        (
            format!("{ID}/not-there"),
            SECRET,
            ErrorKind::NotFound,
            "no bucket not-there",
        ),
        (
            "anonymous".to_owned(),
            SECRET,
            ErrorKind::Denied,
            "AccessKeyId/bucket",
        ),
        (
            format!("{ID}/Not_a_bucket"),
            SECRET,
            ErrorKind::Denied,
            "AccessKeyId/bucket",
        ),
        (
            format!("a b/{BUCKET}"),
            SECRET,
            ErrorKind::Denied,
            "no AccessKeyId",
        ),
    ] {
        let error = world.login(&user, secret).err().unwrap();
        assert_eq!(error.kind, kind, "{user}: {error}");
        assert!(error.message.contains(part), "{user}: {error}");
        assert!(!error.message.contains(secret), "{error}");
    }
}

#[test]
fn a_missing_right_is_named() {
    let world = World::new();
    world
        .proxy
        .rule("ListObjectsV2", 0, 1, Act::Refuse(403, "AccessDenied"));
    for api in ["GetBucketLocation", "ListBuckets"] {
        world
            .proxy
            .rule(api, 0, 1, Act::Refuse(403, "AccessDenied"));
    }
    let error = world.login(&user(), SECRET).err().unwrap();
    assert_eq!(error.kind, ErrorKind::Denied);
    assert!(error.message.contains("oss:ListObjects"), "{error}");
    assert!(
        error
            .message
            .contains("(OSS request 65A0B1C2D3E4F5061728394A)"),
        "{error}"
    );
    assert!(!error.message.contains("never to be shown"), "{error}");
}

#[test]
fn a_wrong_region_is_named() {
    let world = World::with(|config| config.region = Some("cn-beijing".to_owned()));
    let error = world.login(&user(), SECRET).err().unwrap();
    assert_eq!(error.kind, ErrorKind::Denied);
    assert!(error.message.contains("region"), "{error}");
    assert!(error.message.contains(BUCKET), "{error}");
}

#[test]
fn no_oss_at_all() {
    // A port that was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let world = World::with(|config| {
        config.endpoint = Some(Endpoint::parse(&format!("http://{port}")).unwrap());
    });
    let error = world.login(&user(), SECRET).err().unwrap();
    assert_eq!(error.kind, ErrorKind::Unavailable);
    assert!(error.message.contains("cannot be reached"), "{error}");
}

#[test]
fn buckets_may_have_endpoints_of_their_own() {
    let world = World::with(|config| {
        let right = config
            .endpoint
            .replace(Endpoint::parse("http://127.0.0.1:1").unwrap());
        config
            .buckets
            .entry(BUCKET.to_owned())
            .or_default()
            .endpoint = right;
    });
    world.login(&user(), SECRET).unwrap();
    let error = world
        .login(&format!("{ID}/other-bucket"), SECRET)
        .err()
        .unwrap();
    assert_eq!(error.kind, ErrorKind::Unavailable);
}

#[test]
fn the_old_signature_works_too() {
    let world = World::with(|config| config.signature = ossftp_oss::SignatureVersion::V1);
    let session = world.session();
    session.stor("/a b/中", b"1").unwrap();
    assert_eq!(session.list("/a b").unwrap(), ["中"]);
}
