//! Options and wildcards of LIST and NLST.

use super::*;
use ossftp_core::sim::{DataPlan, Fault, Step};
use ossftp_core::{ErrorKind, Event};

fn many() -> MemoryStore {
    store()
        .with_file("/b.txt", "b")
        .with_file("/c.bin", "c")
        .with_file("/dir/c.txt", "c")
        .with_file("/dir/d.bin", "d")
        .with_file("/x*y", "star")
        .with_file("/xay", "a")
        .with_page_size(2)
}

fn listed(command: &str) -> String {
    let run = play_on(&many(), &demo().transfers(command, DataPlan::download()));
    let bytes: Vec<u8> = run.transcript().downloads().next().unwrap().to_vec();
    String::from_utf8(bytes).unwrap()
}

#[test]
fn patterns() {
    assert_eq!(listed("NLST *.txt"), "a.txt\r\nb.txt\r\n");
    assert_eq!(listed("NLST ?.b[h-j]n"), "c.bin\r\n");
    assert_eq!(listed("NLST d*"), "dir\r\n");
    assert_eq!(listed("NLST *.jpg"), "");
    assert_eq!(listed("LIST *.jpg"), "");
    let text = listed("LIST -la *.txt");
    assert!(text.lines().next().unwrap().ends_with(" a.txt"), "{text}");
    assert_eq!(text.lines().count(), 2);
}

/// So that mget can ask for what it is told.
#[test]
fn names_are_called_as_they_are_asked_for() {
    assert_eq!(listed("NLST dir/*.txt"), "dir/b.txt\r\ndir/c.txt\r\n");
    assert_eq!(listed("NLST /dir/*.bin"), "/dir/d.bin\r\n");
    assert_eq!(listed("NLST ./dir/../*.bin"), "./dir/../c.bin\r\n");
    assert_eq!(listed("NLST dir/b.txt"), "dir/b.txt\r\n");
    assert_eq!(listed("NLST ./a.txt"), "./a.txt\r\n");
    assert_eq!(listed("NLST dir//b.txt/"), "dir//b.txt\r\n");
    assert_eq!(listed("NLST dir/../a.txt/."), "a.txt\r\n");
    // In a directory they are plain.
    assert_eq!(listed("NLST ./dir"), "b.txt\r\nc.txt\r\nd.bin\r\n");
    let text = listed("LIST dir/*.bin");
    assert!(text.ends_with(" d.bin\r\n"), "{text}");
}

#[test]
fn a_name_with_a_star_is_a_name_first() {
    assert_eq!(listed("NLST x*y"), "x*y\r\n");
    assert_eq!(listed("NLST x?y"), "x*y\r\nxay\r\n");
}

#[test]
fn only_the_last_name_is_a_pattern() {
    for (command, code) in [
        ("NLST d*/b.txt", 550),
        ("LIST d*/*.txt", 550),
        ("NLST missing/*", 550),
        ("NLST a.txt/*", 550),
        ("MLSD d*", 550),
        ("MLST d*", 550),
        ("STAT *.txt", 550),
        ("SIZE *.txt", 550),
        ("MDTM *.txt", 550),
        ("RETR *.txt", 550),
        ("DELE *.txt", 550),
        ("CWD d*", 550),
    ] {
        let script = demo().send("EPSV").expect(229).send(command).expect(code);
        play_on(&many(), &script);
    }
}

#[test]
fn options() {
    assert_eq!(listed("LIST -1 dir"), "b.txt\r\nc.txt\r\nd.bin\r\n");
    assert_eq!(listed("LIST -R -1"), listed("NLST"));
    let long = listed("LIST dir");
    assert_eq!(listed("NLST -l dir"), long);
    assert_eq!(listed("LIST -lR1Qz dir"), long);
    assert_eq!(listed("NLST -d dir"), "dir\r\n");
    assert_eq!(listed("NLST -d dir/"), "dir/\r\n");
    assert_eq!(listed("NLST -d"), ".\r\n");
    assert_eq!(listed("NLST -d *.txt"), "a.txt\r\nb.txt\r\n");
    let itself = listed("LIST -d /dir");
    assert!(itself.starts_with("drwx") && itself.ends_with(" /dir\r\n"));
    let none = demo().send("EPSV").expect(229).send("NLST -d missing");
    play_on(&many(), &none.expect(550));
}

#[test]
fn a_pattern_is_tried_before_the_150_and_can_be_aborted() {
    let plan = DataPlan::download().after(2).holds();
    let run = play_on(
        &many(),
        &demo()
            .send("EPSV")
            .expect(229)
            .data(plan)
            .step(Step::HoldStorage)
            .send("NLST *.txt")
            .step(Step::AnswerOne)
            .quiet()
            .send("ABOR")
            .expect(426)
            .expect(226)
            .step(Step::ReleaseStorage)
            .transfers("NLST *.txt", DataPlan::download())
            .expect_download("a.txt\r\nb.txt\r\n"),
    );
    let logged = |event: &&Event| matches!(event, Event::Transfer { .. });
    let lines: Vec<_> = run.transcript().events().filter(logged).collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[1].to_string(), "NLST /*.txt: 14 bytes, 226");
}

#[test]
fn an_error_of_the_second_try_is_the_answer() {
    let store = many();
    store.fail_next(Fault::Open, ErrorKind::NotFound);
    let script = demo().send("EPSV").expect(229).send("NLST dir*");
    let run = play_on(&store, &script.expect(150).expect(226));
    assert_eq!(run.transcript().downloads().next(), Some(&b"dir\r\n"[..]));
    // Another failure than "not there" says nothing of patterns.
    store.fail_next(Fault::Open, ErrorKind::Unavailable);
    let script = demo().send("EPSV").expect(229).send("NLST *.txt");
    play_on(&store, &script.expect(451));
}
