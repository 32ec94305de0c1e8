//! MODE Z, and TYPE A that changes nothing.

use super::*;
use ossftp_core::Event;
use ossftp_core::deflate::Deflater;
use ossftp_core::sim::{DataPlan, Step};
use std::time::Duration;

fn deflated(bytes: &[u8]) -> Vec<u8> {
    let (mut deflater, mut wire) = (Deflater::new(6), Vec::new());
    deflater.write(bytes, &mut wire);
    deflater.finish(&mut wire);
    wire
}

fn mode_z() -> Script {
    demo().send("MODE Z").expect(200)
}

#[test]
fn parameters() {
    play(
        &each(
            demo(),
            &[
                ("MODE Z", 200),
                ("OPTS MODE Z LEVEL 0", 200),
                ("opts mode z level 9", 200),
                ("OPTS MODE Z LEVEL 10", 501),
                ("OPTS MODE Z LEVEL", 501),
                ("OPTS MODE Z", 501),
                ("OPTS MODE S LEVEL 1", 501),
                ("OPTS MODE Z ENGINE ZLIB", 501),
            ],
        )
        .send("STAT")
        .expect_text(211, "TYPE I; STRU F; MODE Z")
        .send("MODE S")
        .expect(200)
        .send("STAT")
        .expect_text(211, "MODE S"),
    );
    let mut config = SessionConfig::default();
    config.offer_deflate = false;
    let script = each(demo(), &[("MODE Z", 504), ("OPTS MODE Z LEVEL 1", 501)]);
    let run = play_with(config, &store(), &script.retrieves("a.txt", "hello"));
    assert_eq!(run.transcript().downloads().next(), Some(&b"hello"[..]));
}

#[test]
fn both_ways() {
    let text = "all work and no play\n".repeat(5000);
    let store = store().with_chunk_size(1000);
    for level in 0..=9 {
        let run = play_on(
            &store,
            &mode_z()
                .send(format!("OPTS MODE Z LEVEL {level}"))
                .expect(200)
                .stores("long", text.as_str())
                .retrieves("long", &text)
                .stores("nothing", "")
                .retrieves("nothing", "")
                .send("REST 100000")
                .expect(350)
                .retrieves("long", &text[100_000..])
                .transfers("APPE nothing", DataPlan::upload("x"))
                .transfers("NLST dir", DataPlan::download())
                .expect_download("b.txt\r\n")
                .transfers("MLSD", DataPlan::download())
                .send("MODE S")
                .expect(200)
                .retrieves("a.txt", "hello"),
        );
        let sent = run.transcript().downloads().next().unwrap().len();
        assert!(level == 0 || sent < text.len() / 50, "{sent} at {level}");
    }
    assert_eq!(store.file("/long").unwrap(), text.as_bytes());
    assert_eq!(store.file("/nothing").unwrap(), b"x");
}

/// Line ends are changed before the stream is deflated, and after it is inflated.
#[test]
fn with_lines() {
    let store = store().with_file("/unix", "a\nb\n").with_chunk_size(3);
    play_on(
        &store,
        &mode_z()
            .send("TYPE A")
            .expect(200)
            .retrieves("unix", "a\r\nb\r\n")
            .transfers(
                "STOR lines",
                DataPlan::upload("one\r\ntwo\r\n\r").in_pieces(1, Duration::ZERO),
            )
            .retrieves("lines", "one\r\ntwo\r\n\r"),
    );
    assert_eq!(store.file("/lines").unwrap(), b"one\ntwo\n\r");
}

#[test]
fn the_150_names_no_size_and_the_226_what_went_over_the_wire() {
    let wire = deflated(b"hello").len();
    let run = play(
        &mode_z()
            .send("SIZE a.txt")
            .expect_text(213, "213 5\r\n")
            .send("EPSV")
            .expect(229)
            .send("RETR a.txt")
            .expect(150)
            .expect_text(226, format!(" {wire} bytes"))
            .expect_download("hello"),
    );
    let opening = run.transcript().replies().find(|r| r.starts_with(b"150"));
    assert!(!opening.unwrap().windows(5).any(|w| w == b"bytes"));
}

#[test]
fn what_is_no_whole_stream_is_426_and_leaves_the_old_file() {
    let whole = deflated(b"another file");
    let cut = whole[..whole.len() - 1].to_vec();
    let mut damaged = whole.clone();
    damaged[whole.len() - 1] ^= 1;
    let twice = whole.repeat(2);
    for wire in [b"plain".to_vec(), Vec::new(), cut, damaged, twice] {
        for piece in [1, 1000] {
            let store = store();
            let plan = DataPlan::upload(wire.as_slice()).as_it_is();
            play_on(
                &store,
                &mode_z()
                    .send("EPSV")
                    .expect(229)
                    .data(plan.in_pieces(piece, Duration::ZERO))
                    .send("STOR a.txt")
                    .expect(150)
                    .expect_text(426, "zlib")
                    .send("MODE S")
                    .expect(200)
                    .retrieves("a.txt", "hello"),
            );
            assert_eq!(store.open_uploads(), 0);
        }
    }
    let store = store();
    let plan = DataPlan::upload(whole).as_it_is();
    play_on(&store, &mode_z().transfers("STOR a.txt", plan));
    assert_eq!(store.file("/a.txt").unwrap(), b"another file");
}

#[test]
fn a_strict_allo_counts_what_is_stored() {
    let text = "a".repeat(10_000);
    let mut config = SessionConfig::default();
    config.strict_allo = true;
    let store = store();
    let promised = |count: u32| mode_z().send(format!("ALLO {count}")).expect(200);
    let enough = promised(10_000).stores("x", text.as_str());
    play_with(config.clone(), &store, &enough);
    assert_eq!(store.file("/x").unwrap(), text.as_bytes());
    let short = promised(10_001)
        .send("EPSV")
        .expect(229)
        .data(DataPlan::upload(text.as_str()))
        .send("STOR x")
        .expect(150)
        .expect(426);
    play_with(config, &store, &short);
}

#[test]
fn a_download_can_be_aborted() {
    let store = store().with_file("/zeros", vec![0; 1 << 20]);
    let run = play_on(
        &store,
        &mode_z()
            .send("EPSV")
            .expect(229)
            .data(DataPlan::download().after(10).holds())
            .send("RETR zeros")
            .expect(150)
            .quiet()
            .send("ABOR")
            .expect(426)
            .expect(226)
            .retrieves("a.txt", "hello"),
    );
    let logged = |event: &Event| matches!(event, Event::Transfer { code: 426, .. });
    assert_eq!(run.transcript().events().filter(|e| logged(e)).count(), 1);
}

/// A bomb of a few bytes is stored in pieces, and a store that is full ends it.
#[test]
fn a_bomb_ends_where_the_store_does() {
    let store = store().with_capacity(100_000);
    play_on(
        &store,
        &mode_z()
            .send("EPSV")
            .expect(229)
            .data(DataPlan::upload(vec![0; 4 << 20]))
            .send("STOR x")
            .expect(150)
            .expect(552)
            .step(Step::Quiet),
    );
    assert_eq!((store.file("/x"), store.open_uploads()), (None, 0));
}

#[test]
fn a_type_a_that_changes_nothing_is_a_type_i() {
    let mut config = SessionConfig::default();
    config.convert_ascii = false;
    let store = store().with_file("/unix", "a\nb\r\n");
    let script = Script::new()
        .login("demo", "secret")
        .send("TYPE A")
        .expect_text(200, "stay as they are")
        .retrieves("unix", "a\nb\r\n")
        .stores("text", "x\r\ny\n")
        .send("SIZE text")
        .expect_text(213, "213 5\r\n")
        .send("REST 3")
        .expect(350)
        .retrieves("text", "y\n")
        .send("REST 3")
        .expect(350)
        .stores("text", "z")
        .send("EPSV")
        .expect(229)
        .send("RETR text")
        .expect_text(150, "(4 bytes)")
        .expect(226)
        .expect_download("x\r\nz")
        .send("STAT")
        .expect_text(211, "TYPE A;");
    play_with(config, &store, &script);
    assert_eq!(store.file("/text").unwrap(), b"x\r\nz");
}
