//! Listings go out page by page.

use crate::job::{transfer, volume};
use crate::store;
use crate::wire::{Wire, bytes, first};
use ossftp_core::TransferFailure;
use ossftp_core::driver::{Cancel, Job};

/// What `command` lists of a store whose pages have `page` entries.
fn listed(page: usize, command: &str) -> String {
    let store = store().with_page_size(page);
    let transfer = transfer(true, command);
    let (mut job, size) = Job::open(volume(&store).as_ref(), transfer, Cancel::new()).unwrap();
    assert_eq!(size, None, "nobody knows how long a listing is");
    let mut wire = Wire::default();
    assert_eq!(job.pump(&mut wire), Ok(()));
    let seen = wire.seen();
    let text = seen.borrow().written.clone();
    assert_eq!(job.progress().bytes(), u64::try_from(text.len()).unwrap());
    String::from_utf8(text).unwrap()
}

#[test]
fn pages_do_not_show() {
    for command in [
        "LIST dir",
        "NLST dir",
        "MLSD dir",
        "LIST a.txt",
        "NLST a.txt",
    ] {
        let whole = listed(1000, command);
        assert_eq!(listed(1, command), whole, "{command}");
        assert!(whole.ends_with("\r\n"), "{command}");
    }
    assert_eq!(listed(2, "NLST dir"), "b\r\nc\r\nsub\r\n");
    assert_eq!(listed(2, "NLST dir/sub"), "");
    let facts = listed(2, "MLSD dir");
    let lines: Vec<_> = facts.lines().collect();
    assert_eq!(lines.len(), 3);
    assert!(lines[0].contains("size=1;") && lines[0].ends_with("; b"));
    assert!(lines[2].contains("type=dir;") && lines[2].ends_with("; sub"));
    let long = listed(2, "LIST dir");
    let lines: Vec<_> = long.lines().collect();
    assert_eq!(lines.len(), 3);
    assert!(lines[0].starts_with('-') && lines[0].ends_with(" b"));
    assert!(lines[2].starts_with('d') && lines[2].ends_with(" sub"));
}

#[test]
fn a_listing_that_is_given_up_ends_with_its_page() {
    let store = store().with_page_size(1);
    let transfer = transfer(false, "NLST dir");
    let (mut job, _) = Job::open(volume(&store).as_ref(), transfer, Cancel::new()).unwrap();
    let cancel = job.cancel().clone();
    let mut wire = Wire::writing([first(move || cancel.cancel()), bytes("...")]);
    assert_eq!(job.pump(&mut wire), Err(TransferFailure::Cancelled));
    assert_eq!(wire.seen().borrow().written, b"b\r\n");
    assert!(!wire.seen().borrow().finished);
}
