//! Names: whatever FTP and OSS can both say.

use ossftp_core::driver::Cancel;
use ossftp_core::{ErrorKind, FtpPath, Operation};

use crate::world::{World, kind};

#[test]
fn odd_names_live_a_whole_life() {
    let world = World::new();
    let session = world.session();
    let long = "长".repeat(66) + "ab";
    assert_eq!(long.len(), 200);
    for name in [
        "中文 图片.jpg",
        "#%+ ?&=;:@$,!*'()[]",
        "\"quoted\" 'single' `back`",
        "-leading dash",
        ".hidden",
        "...",
        "%2F%2e%2E",
        "a\\b",
        "~",
        "trailing space ",
        " ",
        "<&>",
        "🦀",
        "a+b c%20d",
        "CON",
        &long,
    ] {
        let directory = format!("/{name}");
        let file = format!("{directory}/{name}");
        let renamed = format!("{directory}/new {name}");
        session.mkd(&directory).unwrap();
        session.cwd(&directory).unwrap();
        session.stor(&file, name.as_bytes()).unwrap();
        assert_eq!(world.keys(), [format!("{name}/"), format!("{name}/{name}")]);
        assert_eq!(session.list("/").unwrap(), [format!("{name}/")]);
        assert_eq!(session.list(&directory).unwrap(), [name]);
        assert_eq!(session.stat(&file).unwrap().size, name.len() as u64);
        assert_eq!(session.retr(&file).unwrap(), name.as_bytes());
        session.rename(&file, &renamed).unwrap();
        session.dele(&renamed).unwrap();
        session.rename(&directory, "/moved").unwrap();
        session.rmd("/moved").unwrap();
        assert_eq!(world.keys(), [""; 0]);
    }
}

#[test]
fn what_oss_cannot_hold() {
    let world = World::new();
    let session = world.session();
    let long = format!("/{}", "x".repeat(1024));
    let requests = world.requests(|| {
        for name in ["/\\a", long.as_str()] {
            assert_eq!(kind(session.stor(name, b"1")), ErrorKind::BadName);
            assert_eq!(kind(session.mkd(name)), ErrorKind::BadName);
            assert_eq!(kind(session.rnto("/a", name)), ErrorKind::BadName);
            assert_eq!(kind(session.retr(name)), ErrorKind::BadName);
        }
        let bytes = FtpPath::root().join(b"caf\xe9").unwrap();
        let stat = session
            .volume
            .perform(&Operation::Stat(bytes), &Cancel::new());
        assert_eq!(kind(stat), ErrorKind::BadName);
    });
    assert_eq!(requests, [""; 0]);
    // The longest name has no room for the slash of a directory.
    let longest = &long[..1024];
    session.stor(longest, b"1").unwrap();
    assert_eq!(session.stat(longest).unwrap().size, 1);
    session.dele(longest).unwrap();
    assert_eq!(kind(session.stat(longest)), ErrorKind::NotFound);
    assert_eq!(kind(session.mkd(longest)), ErrorKind::BadName);
}
