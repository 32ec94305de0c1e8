//! Keys that FTP cannot name: they are counted, and left alone.

use ossftp_core::driver::Cancel;
use ossftp_core::{Answer, ErrorKind, Operation};

use crate::world::{Session, World, kind, path};

const ODD: [&str; 6] = ["d//x", "d/./y", "d/../z", "d/a\nb", "d/\u{7f}", "d/\u{1}/z"];

fn world() -> World {
    let world = World::new();
    for key in ODD {
        world.put(key, b"1");
    }
    world.put("d/ok", b"1");
    world
}

/// The names of a listing, and how many it left out.
fn listed(session: &Session, at: &str) -> (Vec<String>, u64) {
    let cancel = Cancel::new();
    let mut lister = session.volume.open_list(&path(at), true, &cancel).unwrap();
    let mut names = Vec::new();
    while let Some(page) = lister.next_page().unwrap() {
        let name = |entry: ossftp_core::Entry| String::from_utf8(entry.name).unwrap();
        names.extend(page.into_iter().map(name));
    }
    (names, lister.hidden())
}

#[test]
fn they_are_counted() {
    let world = world();
    let session = world.session();
    assert_eq!(listed(&session, "/d"), (vec!["ok".to_owned()], 6));
    assert_eq!(listed(&session, "/"), (vec!["d".to_owned()], 0));
    assert_eq!(listed(&session, "/d/ok"), (vec!["ok".to_owned()], 0));
    let list = Operation::List {
        path: path("/d"),
        limit: 10,
    };
    let Ok(Answer::Listing {
        entries,
        more,
        directory,
        hidden,
        ..
    }) = session.perform(list)
    else {
        panic!("no listing")
    };
    assert_eq!(
        (entries.len(), more, directory, hidden),
        (1, false, true, 6)
    );
}

#[test]
fn they_are_left_alone() {
    let world = world();
    let session = world.session();
    session.dele("/d/ok").unwrap();
    assert_eq!(kind(session.rmd("/d")), ErrorKind::NotEmpty);
    session.cwd("/d").unwrap();
    assert_eq!(world.keys().len(), ODD.len());
}

/// A directory of nothing else is a directory, and an empty one for FTP.
#[test]
fn a_directory_of_them_alone() {
    let world = World::new();
    world.put("d//x", b"1");
    let session = world.session();
    assert_eq!(listed(&session, "/d"), (vec![], 1));
    session.cwd("/d").unwrap();
    assert_eq!(kind(session.mkd("/d")), ErrorKind::Exists);
    assert_eq!(kind(session.rmd("/d")), ErrorKind::NotEmpty);
}
