use super::*;
use crate::driver::write_all;
use crate::{Entry, Secret};
use core::net::{IpAddr, Ipv4Addr};

fn path(text: &str) -> FtpPath {
    FtpPath::root().join(text.as_bytes()).unwrap()
}

fn store() -> MemoryStore {
    MemoryStore::new()
        .with_user("u", "p", true)
        .with_user("reader", "p", false)
}

fn login(store: &MemoryStore, user: &str, password: &str) -> Result<Arc<dyn Volume>, ErrorKind> {
    let peer = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let request = LoginRequest::new(user, Secret::new(password), peer);
    store
        .login(&request, &Cancel::new())
        .map(|(volume, _)| volume)
        .map_err(|e| e.kind)
}

fn ask(store: &MemoryStore, operation: Operation) -> Result<Answer, ErrorKind> {
    login(store, "u", "p")?
        .perform(&operation, &Cancel::new())
        .map_err(|e| e.kind)
}

fn rename(store: &MemoryStore, from: &str, to: &str) -> Result<Answer, ErrorKind> {
    let (from, to) = (path(from), path(to));
    ask(store, Operation::Rename { from, to })
}

fn upload(store: &MemoryStore, name: &str, mode: StoreMode, bytes: &[u8]) -> Result<(), ErrorKind> {
    let volume = login(store, "u", "p")?;
    let write = || {
        let mut writer = volume.open_write(&path(name), mode, None, &Cancel::new())?;
        write_all(writer.as_mut(), bytes)?;
        writer.commit()
    };
    write().map_err(|e: StorageError| e.kind)
}

fn names(store: &MemoryStore, directory: &str) -> Vec<Vec<String>> {
    let volume = login(store, "u", "p").unwrap();
    let mut lister = volume
        .open_list(&path(directory), true, &Cancel::new())
        .unwrap();
    let mut pages = Vec::new();
    while let Some(page) = lister.next_page().unwrap() {
        let shown = page.iter().map(|e| {
            let slash = if e.is_dir() { "/" } else { "" };
            String::from_utf8_lossy(&e.name).into_owned() + slash
        });
        pages.push(shown.collect());
    }
    pages
}

#[test]
fn logins() {
    let store = store();
    assert!(login(&store, "u", "p").is_ok());
    for (user, password) in [("u", ""), ("u", "pp"), ("U", "p"), ("", "")] {
        assert_eq!(
            login(&store, user, password).err(),
            Some(ErrorKind::Denied),
            "{user}"
        );
    }
    assert!(!alloc::format!("{store:?}").contains("password"));
}

#[test]
fn a_reader_changes_nothing() {
    let store = store().with_file("/a", "1");
    let volume = login(&store, "reader", "p").unwrap();
    let cancel = Cancel::new();
    for operation in [
        Operation::MakeDirectory(path("d")),
        Operation::RemoveDirectory(path("d")),
        Operation::Delete(path("a")),
        Operation::Rename {
            from: path("a"),
            to: path("b"),
        },
    ] {
        let error = volume.perform(&operation, &cancel).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Denied, "{operation:?}");
    }
    let refused = volume.open_write(&path("b"), StoreMode::Replace, None, &cancel);
    assert_eq!(refused.err().map(|e| e.kind), Some(ErrorKind::Denied));
    let entry = volume.perform(&Operation::Stat(path("a")), &cancel);
    assert_eq!(
        entry,
        Ok(Answer::Entry(Entry::file("a", 1, Some(1_700_000_000))))
    );
}

#[test]
fn an_upload_is_seen_only_when_it_is_committed() {
    let store = store().with_file("/a", "old");
    let volume = login(&store, "u", "p").unwrap();
    let cancel = Cancel::new();
    let open = || volume.open_write(&path("a"), StoreMode::Replace, None, &cancel);
    let mut first = open().unwrap();
    write_all(first.as_mut(), b"new").unwrap();
    assert_eq!(store.open_uploads(), 1);
    assert_eq!(store.file("/a").unwrap(), b"old");
    first.discard();
    let mut second = open().unwrap();
    write_all(second.as_mut(), b"new").unwrap();
    drop(second);
    assert_eq!(store.open_uploads(), 0);
    assert_eq!(store.file("/a").unwrap(), b"old");
    upload(&store, "a", StoreMode::Replace, b"new").unwrap();
    assert_eq!(store.file("/a").unwrap(), b"new");
}

#[test]
fn where_the_bytes_of_an_upload_go() {
    let store = store();
    upload(&store, "a", StoreMode::Append, b"ab").unwrap();
    upload(&store, "a", StoreMode::Append, b"cd").unwrap();
    assert_eq!(store.file("/a").unwrap(), b"abcd");
    upload(&store, "a", StoreMode::At(1), b"X").unwrap();
    assert_eq!(store.file("/a").unwrap(), b"aX");
    upload(&store, "a", StoreMode::At(2), b"Y").unwrap();
    assert_eq!(store.file("/a").unwrap(), b"aXY");
    let beyond = upload(&store, "a", StoreMode::At(4), b"Z");
    assert_eq!(beyond, Err(ErrorKind::BadOffset));
    let missing = upload(&store, "b", StoreMode::At(1), b"Z");
    assert_eq!(missing, Err(ErrorKind::BadOffset));
    upload(&store, "deep/er/file", StoreMode::Replace, b"").unwrap();
    assert_eq!(store.file("/deep/er/file").unwrap(), b"");
    let onto_a_directory = upload(&store, "deep/er", StoreMode::Replace, b"x");
    assert_eq!(onto_a_directory, Err(ErrorKind::IsADirectory));
    let onto_the_root = upload(&store, "/", StoreMode::Replace, b"x");
    assert_eq!(onto_the_root, Err(ErrorKind::IsADirectory));
    let long = "x".repeat(tree::MAX_KEY + 1);
    let too_long = upload(&store, &long, StoreMode::Replace, b"x");
    assert_eq!(too_long, Err(ErrorKind::BadName));
}

#[test]
fn directories_are_prefixes() {
    let store = store().with_file("/a/b/c", "1");
    assert_eq!(
        ask(&store, Operation::ChangeDirectory(path("/a/b"))),
        Ok(Answer::Done)
    );
    for (operation, expected) in [
        (
            Operation::ChangeDirectory(path("/a/b/c")),
            ErrorKind::NotADirectory,
        ),
        (Operation::ChangeDirectory(path("/x")), ErrorKind::NotFound),
        (Operation::Stat(path("/x")), ErrorKind::NotFound),
        (Operation::MakeDirectory(path("/a")), ErrorKind::Exists),
        (Operation::MakeDirectory(path("/")), ErrorKind::Exists),
        (Operation::RemoveDirectory(path("/a")), ErrorKind::NotEmpty),
        (
            Operation::RemoveDirectory(path("/a/b/c")),
            ErrorKind::NotADirectory,
        ),
        (Operation::RemoveDirectory(path("/x")), ErrorKind::NotFound),
        (Operation::RemoveDirectory(path("/")), ErrorKind::Denied),
        (Operation::Delete(path("/a")), ErrorKind::IsADirectory),
        (Operation::Delete(path("/x")), ErrorKind::NotFound),
        (Operation::Delete(path("/")), ErrorKind::IsADirectory),
    ] {
        assert_eq!(
            ask(&store, operation.clone()),
            Err(expected),
            "{operation:?}"
        );
    }
}

#[test]
fn a_directory_outlives_its_last_child() {
    let store = store().with_file("/a/b/c", "1");
    ask(&store, Operation::Delete(path("/a/b/c"))).unwrap();
    assert!(store.directories().contains(&b"/a/b"[..]));
    ask(&store, Operation::RemoveDirectory(path("/a/b"))).unwrap();
    assert!(store.directories().contains(&b"/a"[..]));
    ask(&store, Operation::RemoveDirectory(path("/a"))).unwrap();
    assert!(store.directories().is_empty());
    assert!(store.files().is_empty());
}

#[test]
fn renames() {
    let store = store()
        .with_file("/a", "1")
        .with_file("/b", "2")
        .with_file("/d/e/f", "3")
        .with_directory("/d/g")
        .with_directory("/h");
    for (from, to, expected) in [
        ("/x", "/y", ErrorKind::NotFound),
        ("/x", "/x", ErrorKind::NotFound),
        ("/a", "/d", ErrorKind::IsADirectory),
        ("/a", "/", ErrorKind::IsADirectory),
        ("/a", "/a/b", ErrorKind::BadName),
        ("/d", "/d/x", ErrorKind::BadName),
        ("/", "/x", ErrorKind::BadName),
        ("/d", "/a", ErrorKind::Exists),
        ("/d", "/h", ErrorKind::Exists),
    ] {
        assert_eq!(rename(&store, from, to), Err(expected), "{from} {to}");
    }
    rename(&store, "/a", "/a").unwrap();
    rename(&store, "/d", "/d").unwrap();
    rename(&store, "/a", "/b").unwrap();
    assert_eq!(store.file("/b").unwrap(), b"1");
    assert_eq!(store.file("/a"), None);
    rename(&store, "/d", "/n/m").unwrap();
    assert_eq!(store.file("/n/m/e/f").unwrap(), b"3");
    let directories = ["/h", "/n", "/n/m", "/n/m/e", "/n/m/g"];
    let directories: BTreeSet<Vec<u8>> = directories.map(Vec::from).into();
    assert_eq!(store.directories(), directories);
    rename(&store, "/n/m/e/f", "/f").unwrap();
    assert!(store.directories().contains(&b"/n/m/e"[..]));
    let long = "x".repeat(tree::MAX_KEY - 2);
    assert_eq!(rename(&store, "/n", &long), Err(ErrorKind::BadName));
    assert!(store.directories().contains(&b"/n"[..]));
}

#[test]
fn listings_come_in_pages() {
    let store = store()
        .with_page_size(2)
        .with_file("/a", "")
        .with_file("/a/x", "")
        .with_file("/a0", "")
        .with_file("/b/1/2", "")
        .with_file("/b/3", "")
        .with_directory("/c");
    let all: Vec<String> = names(&store, "/").concat();
    assert_eq!(all, ["a", "a/", "a0", "b/", "c/"]);
    assert!(names(&store, "/").iter().all(|page| page.len() <= 2));
    assert_eq!(names(&store, "/b").concat(), ["1/", "3"]);
    assert_eq!(names(&store, "/b/3").concat(), ["3"]);
    assert_eq!(names(&store, "/c").concat(), Vec::<String>::new());
    let volume = login(&store, "u", "p").unwrap();
    let facts_of_a_file = volume.open_list(&path("/b/3"), false, &Cancel::new());
    assert_eq!(
        facts_of_a_file.err().map(|e| e.kind),
        Some(ErrorKind::NotADirectory)
    );
    let Ok(Answer::Listing { entries, more, .. }) = ask(
        &store,
        Operation::List {
            path: path("/"),
            limit: 3,
        },
    ) else {
        panic!("no listing")
    };
    assert_eq!((entries.len(), more), (3, true));
}

#[test]
fn reading() {
    let store = store().with_chunk_size(2).with_file("/a", "hello");
    let volume = login(&store, "u", "p").unwrap();
    let cancel = Cancel::new();
    let mut reader = volume.open_read(&path("a"), 1, &cancel).unwrap();
    store.put("/a", "replaced");
    assert_eq!(reader.remaining(), Some(4));
    let mut read = Vec::new();
    loop {
        let chunk = reader.fill().unwrap().to_vec();
        if chunk.is_empty() {
            break;
        }
        assert!(chunk.len() <= 2);
        reader.consume(1);
        read.push(chunk[0]);
    }
    assert_eq!(read, b"ello");
    let at_the_end = volume.open_read(&path("a"), 8, &cancel).unwrap();
    assert_eq!(at_the_end.remaining(), Some(0));
    let refused = |name: &str, offset| {
        let opened = volume.open_read(&path(name), offset, &cancel);
        opened.err().map(|e| e.kind)
    };
    assert_eq!(refused("a", 9), Some(ErrorKind::BadOffset));
    assert_eq!(refused("a", u64::MAX), Some(ErrorKind::BadOffset));
    assert_eq!(refused("b", 0), Some(ErrorKind::NotFound));
    assert_eq!(refused("/", 0), Some(ErrorKind::IsADirectory));
    cancel.cancel();
    assert_eq!(refused("a", 0), Some(ErrorKind::Cancelled));
}

#[test]
fn failures_come_where_they_were_asked_for() {
    let store = store().with_chunk_size(1).with_file("/a", "hello");
    store.fail_next(Fault::Login, ErrorKind::Busy);
    assert_eq!(login(&store, "u", "p").err(), Some(ErrorKind::Busy));
    store.fail_next(Fault::Perform, ErrorKind::Unavailable);
    let stat = || ask(&store, Operation::Stat(path("/a"))).err();
    assert_eq!(stat(), Some(ErrorKind::Unavailable));
    assert_eq!(stat(), None);
    store.fail_next(Fault::Open, ErrorKind::Denied);
    let append = || upload(&store, "/a", StoreMode::Append, b"!!");
    assert_eq!(append(), Err(ErrorKind::Denied));
    store.fail_next(Fault::Chunk(1), ErrorKind::NoSpace);
    assert_eq!(append(), Err(ErrorKind::NoSpace));
    store.fail_next(Fault::Commit, ErrorKind::Unavailable);
    assert_eq!(append(), Err(ErrorKind::Unavailable));
    assert_eq!(store.file("/a").unwrap(), b"hello");
    assert_eq!(append(), Ok(()));
    assert_eq!(store.file("/a").unwrap(), b"hello!!");
    store.fail_next(Fault::Chunk(2), ErrorKind::Unavailable);
    let volume = login(&store, "u", "p").unwrap();
    let mut reader = volume.open_read(&path("/a"), 0, &Cancel::new()).unwrap();
    for _ in 0..2 {
        assert_eq!(reader.fill().map(<[u8]>::len), Ok(1));
        reader.consume(1);
    }
    assert_eq!(
        reader.fill().map_err(|e| e.kind),
        Err(ErrorKind::Unavailable)
    );
    assert_eq!(store.open_uploads(), 0);
}

#[test]
fn it_is_bounded() {
    let store = store().with_capacity(10);
    upload(&store, "a", StoreMode::Replace, b"12345678").unwrap();
    upload(&store, "a", StoreMode::Replace, b"123456789").unwrap();
    let full = upload(&store, "b", StoreMode::Replace, b"");
    assert_eq!(full, Err(ErrorKind::NoSpace));
    let full = upload(&store, "a", StoreMode::Append, b"01");
    assert_eq!(full, Err(ErrorKind::NoSpace));
    let full = ask(&store, Operation::MakeDirectory(path("/d")));
    assert_eq!(full, Err(ErrorKind::NoSpace));
    ask(&store, Operation::Delete(path("/a"))).unwrap();
    upload(&store, "b", StoreMode::Replace, b"").unwrap();
}

#[test]
fn a_copy_made_by_configuring_is_independent() {
    let first = store().with_file("/a", "1");
    let second = first.clone().with_chunk_size(1).with_file("/b", "2");
    assert_eq!(first.files().len(), 1);
    assert_eq!(second.files().len(), 2);
    first.clone().put("/c", "3");
    assert_eq!(first.files().len(), 2);
    first.set_time(5);
    first.put("/t", "");
    let Ok(Answer::Entry(entry)) = ask(&first, Operation::Stat(path("/t"))) else {
        panic!("no entry")
    };
    assert_eq!(entry.modified, Some(5));
}
