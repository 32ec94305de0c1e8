//! Symbolic links: made, followed, listed as what they point to, and deleted themselves.

use ossftp::gateway::Mtime;
use ossftp_core::{EntryKind, ErrorKind, Operation};
use ossftp_oss::PutObject;

use crate::proxy::Act;
use crate::world::{Done, Session, World, kind, path};

fn symlink(session: &Session, target: &str, link: &str) -> Done {
    session.done(Operation::Symlink {
        target: path(target),
        link: path(link),
    })
}

/// Makes a link past the gateway.
fn put(world: &World, link: &str, target: &str) {
    let put = PutObject::default();
    world.store().put_symlink(link, target, &put).unwrap();
}

#[test]
fn a_link_is_made_and_followed() {
    let world = World::new();
    world.put("d/中 file%20", b"hello");
    let session = world.session();
    let requests = world.requests(|| symlink(&session, "/d/中 file%20", "/link").unwrap());
    assert_eq!(requests, ["HeadObject d/中 file%20", "PutSymlink link"]);
    let entry = session.stat("/link").unwrap();
    assert_eq!((entry.kind, entry.size), (EntryKind::File, 5));
    assert_eq!(session.retr("/link").unwrap(), b"hello");
    assert_eq!(session.retr_from("/link", 3).unwrap(), b"lo");
    let leads_to = world.store().get_symlink("link").unwrap().target;
    assert_eq!(leads_to, "d/中 file%20");
}

#[test]
fn a_link_is_deleted_and_not_what_it_points_to() {
    let world = World::new();
    world.put("f", b"1");
    put(&world, "link", "f");
    put(&world, "nowhere", "gone");
    put(&world, "twice", "link");
    let session = world.session();
    for link in ["/link", "/nowhere", "/twice"] {
        session.dele(link).unwrap();
        assert_eq!(kind(session.dele(link)), ErrorKind::NotFound, "{link}");
    }
    assert_eq!(world.keys(), ["f"]);
}

#[test]
fn a_link_that_points_nowhere() {
    let world = World::new();
    put(&world, "nowhere", "gone");
    let session = world.session();
    assert_eq!(kind(session.retr("/nowhere")), ErrorKind::NotFound);
    assert_eq!(kind(session.stat("/nowhere")), ErrorKind::NotFound);
    // It shows, so that it can be deleted.
    let entries = session.entries("/", true).unwrap();
    assert_eq!(
        (entries[0].name.as_slice(), entries[0].size),
        (&b"nowhere"[..], 0)
    );
    session.stor("/nowhere", b"a file again").unwrap();
    assert_eq!(world.get("nowhere"), b"a file again");
}

#[test]
fn listings_show_what_links_point_to() {
    for mtime in [Mtime::Listing, Mtime::Meta] {
        let world = World::with(|config| config.mtime = mtime);
        world.put("d/file", b"12345");
        for n in 0..20 {
            put(&world, &format!("d/link{n:02}"), "d/file");
        }
        put(&world, "d/nowhere", "gone");
        put(&world, "d/twice", "d/link00");
        let session = world.session();
        let requests = world.requests(|| {
            let entries = session.entries("/d", true).unwrap();
            let sizes: Vec<u64> = entries.iter().map(|entry| entry.size).collect();
            assert_eq!(sizes[..21], [5; 21]);
            assert_eq!(sizes[21..], [0, 0]);
            let names: Vec<_> = entries.iter().map(|entry| &entry.name).collect();
            assert!(names.is_sorted());
        });
        // One HEAD each; of the file itself only where its time needs one.
        let heads = if mtime == Mtime::Meta { 23 } else { 22 };
        assert_eq!(requests.len(), 1 + heads, "{mtime:?}");
    }
}

#[test]
fn a_link_that_cannot_be_asked_for_now_is_no_end() {
    let world = World::new();
    world.put("file", b"1");
    put(&world, "link", "file");
    let session = world.session();
    let refuse = Act::Refuse(503, "ServiceUnavailable");
    world.proxy.rule("HeadObject", 0, 9, refuse);
    assert_eq!(kind(session.list("/")), ErrorKind::Busy);
    world.proxy.clear();
    // One that this key may not read spoils nothing.
    world
        .proxy
        .rule("HeadObject", 0, 9, Act::Refuse(403, "AccessDenied"));
    assert_eq!(session.list("/").unwrap(), ["file", "link"]);
}

#[test]
fn what_no_link_can_be() {
    let world = World::new();
    world.put("file", b"1");
    world.put("d/x", b"1");
    put(&world, "link", "file");
    let session = world.session();
    assert_eq!(
        kind(symlink(&session, "/none", "/new")),
        ErrorKind::NotFound
    );
    assert_eq!(kind(symlink(&session, "/link", "/new")), ErrorKind::BadName);
    assert_eq!(kind(symlink(&session, "/new", "/new")), ErrorKind::BadName);
    assert_eq!(kind(symlink(&session, "/file", "/d/x")), ErrorKind::Exists);
    assert_eq!(
        kind(symlink(&session, "/", "/new")),
        ErrorKind::IsADirectory
    );
    session.list("/").unwrap();
    assert_eq!(
        kind(symlink(&session, "/d", "/new")),
        ErrorKind::IsADirectory
    );
    assert_eq!(kind(symlink(&session, "/file", "/d")), ErrorKind::Exists);
    assert_eq!(world.keys(), ["d/x", "file", "link"]);
}

#[test]
fn a_link_of_a_home_stays_in_it() {
    use ossftp::gateway::Access;
    use ossftp_core::FtpPath;
    use ossftp_core::driver::Cancel;
    use ossftp_oss::Credentials;

    let world = World::new();
    world.put("home/me/x", b"mine");
    world.put("x", b"another's");
    let credentials = Credentials::new(crate::world::ID, crate::world::SECRET);
    let mut access = Access::new(credentials, crate::world::BUCKET);
    access.home = FtpPath::root().join(b"home/me").unwrap();
    let volume = world.storage.enter(&access, &Cancel::new()).unwrap();
    let session = Session { volume };
    symlink(&session, "/x", "/y").unwrap();
    let leads_to = world.store().get_symlink("home/me/y").unwrap().target;
    assert_eq!(leads_to, "home/me/x");
}
