//! Long listings: how many requests they take, and pages that say little.

use ossftp_core::ErrorKind;
use ossftp_core::driver::Cancel;

use crate::proxy::Act;
use crate::world::{World, kind, path};

/// A page of a listing without anything on it.
fn empty_page(next: Option<&str>) -> Act {
    let next = next.map_or(String::new(), |token| {
        format!("<NextContinuationToken>{token}</NextContinuationToken>")
    });
    Act::Give(format!(
        "<ListBucketResult><Name>demo-bucket</Name><Prefix>d/</Prefix><MaxKeys>1000</MaxKeys>\
         <IsTruncated>{}</IsTruncated>{next}<KeyCount>0</KeyCount></ListBucketResult>",
        !next.is_empty()
    ))
}

/// A token of the store for the page after `key`.
fn token(world: &World, after: &str) -> String {
    let list = ossftp_oss::ListObjects {
        prefix: "d/".to_owned(),
        delimiter: "/".to_owned(),
        max_keys: Some(1),
        ..Default::default()
    };
    let page = world.store().list_objects_v2(&list).unwrap();
    assert_eq!(page.objects[0].key, after);
    page.next.unwrap()
}

/// Names `0000000` and up, in the order of which they are listed.
fn many(world: &World, count: u64) {
    world.generate("d/", count);
}

#[test]
fn a_thousand_names_take_one_request() {
    for threads in [0, 64] {
        let world = World::with(|config| config.max_threads = threads);
        many(&world, 1_000);
        let session = world.session();
        let requests = world.requests(|| assert_eq!(session.list("/d").unwrap().len(), 1_000));
        assert_eq!(requests, ["ListObjectsV2 d/"]);
        many(&world, 2_001);
        let requests = world.requests(|| {
            let names = session.list("/d").unwrap();
            assert_eq!(names.len(), 2_001);
            assert!(names.is_sorted());
        });
        assert_eq!(requests, ["ListObjectsV2 d/"; 3]);
    }
}

/// One page is fetched ahead of the client, and no more.
#[test]
fn one_page_ahead() {
    let world = World::new();
    many(&world, 3_001);
    let session = world.session();
    world.proxy.take();
    let cancel = Cancel::new();
    let mut lister = session
        .volume
        .open_list(&path("/d"), true, &cancel)
        .unwrap();
    for page in 1..=4 {
        let entries = lister.next_page().unwrap().unwrap();
        assert_eq!(entries.len(), if page == 4 { 1 } else { 1_000 });
        assert!(world.proxy.seen().len() <= page + 1);
    }
    assert!(lister.next_page().unwrap().is_none());
    assert_eq!(world.proxy.seen().len(), 4);
}

#[test]
fn a_cancelled_listing_ends() {
    let world = World::new();
    many(&world, 1_001);
    let session = world.session();
    let cancel = Cancel::new();
    world.proxy.rule("ListObjectsV2", 1, 1, Act::Stall);
    let mut lister = session
        .volume
        .open_list(&path("/d"), true, &cancel)
        .unwrap();
    assert_eq!(lister.next_page().unwrap().unwrap().len(), 1_000);
    // The one that stalls must be this listing's second page, not the next listing's first.
    while world.proxy.seen().len() < 2 {
        std::thread::yield_now();
    }
    cancel.cancel();
    assert_eq!(kind(lister.next_page()), ErrorKind::Cancelled);
    assert_eq!(session.list("/d").unwrap().len(), 1_001);
}

#[test]
fn a_page_that_fails_is_an_error_and_no_end() {
    for threads in [0, 64] {
        let world = World::with(|config| config.max_threads = threads);
        many(&world, 1_001);
        let session = world.session();
        let refuse = Act::Refuse(403, "AccessDenied");
        world.proxy.rule("ListObjectsV2", 1, 1, refuse);
        let error = session.list("/d").unwrap_err();
        assert!(error.message.contains("oss:ListObjects"), "{error}");
        // What was not whole answers nothing.
        assert_eq!(
            world.requests(|| session.dele("/d/0000000").unwrap()),
            ["HeadObject d/0000000", "DeleteObject d/0000000"]
        );
    }
}

/// OSS may stop a page early, with nothing on it, and say that there are more.
#[test]
fn an_empty_page_is_not_the_end() {
    let world = World::new();
    many(&world, 3);
    let token = token(&world, "d/0000000");
    let session = world.session();
    let truncated = || {
        world
            .proxy
            .rule("ListObjectsV2", 0, 1, empty_page(Some(&token)));
    };
    truncated();
    assert_eq!(session.list("/d").unwrap(), ["0000001", "0000002"]);
    truncated();
    session.cwd("/d").unwrap();
    truncated();
    assert_eq!(kind(session.mkd("/d")), ErrorKind::Exists);
    truncated();
    assert_eq!(kind(session.rmd("/d")), ErrorKind::NotEmpty);
    truncated();
    let (names, more, _) = session.status("/d", 1).unwrap();
    assert_eq!((names, more), (vec!["0000001".to_owned()], true));
    // In the middle of a listing, too.
    world
        .proxy
        .rule("ListObjectsV2", 0, 1, empty_page(Some("x")));
    world
        .proxy
        .rule("ListObjectsV2", 0, 1, empty_page(Some(&token)));
    assert_eq!(session.list("/d").unwrap(), ["0000001", "0000002"]);
}

#[test]
fn pages_that_lead_nowhere_end_too() {
    let world = World::new();
    let session = world.session();
    world
        .proxy
        .rule("ListObjectsV2", 0, 9, empty_page(Some("same")));
    assert_eq!(kind(session.list("/d")), ErrorKind::Unavailable);
    assert_eq!(kind(session.cwd("/d")), ErrorKind::Unavailable);
    assert_eq!(world.requests(|| session.rmd("/d").unwrap_err()).len(), 2);
    world.proxy.clear();
    for i in 0..200 {
        let page = empty_page(Some(&i.to_string()));
        world.proxy.rule("ListObjectsV2", 0, 1, page);
    }
    let requests = world.requests(|| assert_eq!(kind(session.cwd("/d")), ErrorKind::Unavailable));
    assert_eq!(requests.len(), 100);
}
