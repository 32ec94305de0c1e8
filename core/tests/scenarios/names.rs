//! Names in the character set of old clients.

use crate::store;
use ossftp_core::sim::{DataPlan, MemoryStore, Script, Simulator};
use ossftp_core::{Charset, Input, LoginInfo, Now, Output, Peer, Session, SessionConfig};
use std::sync::Arc;
use std::time::Duration;

/// 中文目录 and 图片.jpg in GBK; the second one is UTF-8 too, of other characters.
const FOLDER: &[u8] = b"\xd6\xd0\xce\xc4\xc4\xbf\xc2\xbc";
const PICTURE: &[u8] = b"\xcd\xbc\xc6\xac.jpg";

fn gbk(utf8: bool) -> SessionConfig {
    let mut config = SessionConfig::default();
    config.charset = Some(Charset::Gbk);
    config.utf8 = utf8;
    config
}

fn line(words: &[&[u8]]) -> Vec<u8> {
    let mut line = words.join(&b' ');
    line.extend_from_slice(b"\r\n");
    line
}

fn login() -> Script {
    Script::new()
        .login("demo", "secret")
        .send("TYPE I")
        .expect(200)
}

/// The model of the simulator takes names for bytes, so it cannot judge these runs.
#[track_caller]
fn play(config: SessionConfig, store: &MemoryStore, script: &Script) -> Simulator {
    let mut simulator = Simulator::new(config, store.clone()).without_model();
    if let Err(failure) = simulator.play(script) {
        panic!("{failure}");
    }
    simulator
}

#[test]
fn a_file_of_an_old_device_has_the_right_name_and_reads_back() {
    let path = [FOLDER, b"/", PICTURE].concat();
    for utf8 in [true, false] {
        let store = store();
        let script = login()
            .raw(line(&[b"MKD", FOLDER]))
            .expect(257)
            .transfers([b"STOR ", &path[..]].concat(), DataPlan::upload("jpeg"))
            .transfers([b"RETR ", &path[..]].concat(), DataPlan::download())
            .expect_download("jpeg")
            // It goes there first, and names the file alone.
            .raw(line(&[b"CWD", FOLDER]))
            .expect(250)
            .raw(line(&[b"SIZE", PICTURE]))
            .expect(213)
            .raw(line(&[b"DELE", PICTURE]))
            .expect(250);
        let run = play(gbk(utf8), &store, &script);
        let opened = format!("{}", run.transcript());
        assert!(opened.contains("/中文目录/图片.jpg"), "{opened}");
        assert_eq!(store.file("/中文目录/图片.jpg"), None, "it was deleted");
        assert!(store.directories().contains("/中文目录".as_bytes()));
    }
}

fn listed(config: SessionConfig, store: &MemoryStore, script: Script) -> Vec<u8> {
    let script = script
        .send("EPSV")
        .expect(229)
        .send("NLST")
        .expect(150)
        .expect(226);
    let run = play(config, store, &script);
    run.transcript().downloads().last().unwrap().to_vec()
}

#[test]
fn names_go_out_as_the_client_wants_them() {
    let store = MemoryStore::new()
        .with_user("demo", "secret", true)
        .with_file("/图片.jpg", "x")
        .with_file("/ģ", "not in GBK")
        .with_file("/plain", "x");
    let utf8 = "plain\r\nģ\r\n图片.jpg\r\n";
    let in_gbk = [b"plain\r\n", PICTURE, b"\r\n"].concat();
    assert_eq!(listed(gbk(true), &store, login()), utf8.as_bytes());
    let off = login().send("OPTS UTF8 OFF").expect_text(200, "GBK");
    assert_eq!(listed(gbk(true), &store, off.clone()), in_gbk);
    assert_eq!(listed(gbk(false), &store, login()), in_gbk);
    for on in ["OPTS UTF8 ON", "opts utf-8 on", "OPTS UTF8"] {
        let on = off.clone().send(on).expect(200);
        assert_eq!(listed(gbk(false), &store, on), utf8.as_bytes());
    }
    // Without a charset there is nothing to turn to.
    let plain = login().send("OPTS UTF8 OFF").expect(504);
    assert_eq!(
        listed(SessionConfig::default(), &store, plain),
        utf8.as_bytes()
    );
}

#[test]
fn replies_are_in_the_character_set_too() {
    let store = store();
    let script = login()
        .send("OPTS UTF8 OFF")
        .expect(200)
        .raw(line(&[b"MKD", PICTURE]))
        .expect_text(257, [b"\"/", PICTURE, b"\""].concat())
        .raw(line(&[b"CWD", PICTURE]))
        .expect_text(250, PICTURE)
        .send("PWD")
        .expect_text(257, [b"257 \"/", PICTURE, b"\" "].concat())
        .raw(line(&[b"MLST"]))
        .expect_text(250, [b"; /", PICTURE, b"\r\n"].concat());
    play(gbk(true), &store, &script);
}

#[test]
fn a_name_that_cannot_be_said_is_not_mangled() {
    let store = MemoryStore::new()
        .with_user("demo", "secret", true)
        .with_file("/\u{1f600}/a", "x");
    let script = login()
        .send("CWD \u{1f600}")
        .expect(250)
        .send("OPTS UTF8 OFF")
        .expect(200)
        .send("PWD")
        .expect(550)
        .send("MLST")
        .expect(550)
        .send("STAT /")
        .expect_text(212, "212-Status:\r\n212 End")
        .send("CDUP")
        .expect(250)
        .send("PWD")
        .expect(257);
    play(gbk(true), &store, &script);
}

#[test]
fn what_is_no_text_is_refused() {
    let store = store();
    let script = login()
        .raw(b"CWD \xff\xff\xff\xff\r\n")
        .expect_text(550, "neither UTF-8 nor GBK")
        .raw(b"MKD a\xd6\r\n")
        .expect(553)
        .send("OPTS UTF8 OFF")
        .expect(200)
        .raw(b"MKD a\xd6\r\n")
        .expect_text(553, "not GBK")
        .send("OPTS UTF8 MAYBE")
        .expect(501);
    play(gbk(true), &store, &script);
}

/// What a client said of its names is forgotten with everything else it said.
#[test]
fn a_session_that_begins_anew_reads_names_as_the_listener_does() {
    let store = store();
    let mut config = gbk(true);
    config.tls.offered = true;
    let script = Script::new().expect(220);
    let make = |script: Script, name: &[u8]| {
        script
            .send("USER demo")
            .expect(331)
            .send("PASS secret")
            .expect(230)
            .raw(line(&[b"MKD", name]))
            .expect(257)
    };
    let off = |script: Script| script.send("OPTS UTF8 OFF").expect(200);
    // Two bytes that are UTF-8 and GBK, of other characters.
    let script = make(off(script), b"\xc4\xa3").send("REIN").expect(220);
    let script = off(make(script, b"\xc4\xa3")).send("AUTH TLS").expect(234);
    play(config, &store, &make(script, b"x\xc4\xa3"));
    let names = ["/模", "/ģ", "/xģ"];
    assert!(
        names
            .iter()
            .all(|name| store.directories().contains(name.as_bytes()))
    );
}

#[test]
fn what_a_link_points_to_is_said_in_the_character_set() {
    let store = store().with_file("/图片.jpg", "jpeg");
    let script = login()
        .send("SITE SYMLINK 图片.jpg link")
        .expect(200)
        .send("OPTS UTF8 OFF")
        .expect(200)
        .transfers("LIST link", DataPlan::download());
    let run = play(gbk(true), &store, &script);
    let listed = run.transcript().downloads().last().unwrap();
    let end = [b" link -> /", PICTURE, b"\r\n"].concat();
    assert!(listed.ends_with(&end), "{listed:x?}");
}

/// mget asks for what NLST has listed as it was listed.
#[test]
fn names_that_a_pattern_matches_have_their_directory_before_them() {
    let store = MemoryStore::new()
        .with_user("demo", "secret", true)
        .with_file("/中文目录/图片.jpg", "jpeg");
    for pattern in [&b"\xcd\xbc*"[..], b"*.jpg"] {
        let path = [FOLDER, b"/", PICTURE].concat();
        let script = login()
            .send("OPTS UTF8 OFF")
            .expect(200)
            .transfers(
                [b"NLST ", FOLDER, b"/", pattern].concat(),
                DataPlan::download(),
            )
            .expect_download([&path[..], b"\r\n"].concat());
        play(gbk(true), &store, &script);
    }
}

#[test]
fn the_time_of_a_name_in_the_character_set() {
    let store = MemoryStore::new()
        .with_user("demo", "secret", true)
        .with_file("/图片.jpg", "jpeg");
    let script = login()
        .send("OPTS UTF8 OFF")
        .expect(200)
        .raw(line(&[b"MDTM 20200102030405", PICTURE]))
        .expect(213)
        .raw(line(&[b"MDTM", PICTURE]))
        .expect_text(213, "213 20200102030405\r\n");
    play(gbk(true), &store, &script);
}

/// What is sent until the session waits. Logins succeed, with this charset.
fn talk(session: &mut Session, line: &str, charset: Option<Charset>) -> String {
    let mono = Duration::ZERO;
    let now = Now { mono, unix: 0 };
    session.handle(now, Input::Control(line.as_bytes()));
    let mut sent = Vec::new();
    loop {
        match session.poll_output() {
            Output::Send(bytes) => sent.extend(bytes),
            Output::Login { id, .. } => {
                let mut info = LoginInfo::new("Welcome.");
                info.charset = charset;
                let result = Ok(info);
                session.handle(now, Input::Login { id, result });
            }
            Output::Wait(_) => break String::from_utf8(sent).unwrap(),
            _ => {}
        }
    }
}

#[test]
fn a_user_does_not_have_the_character_set_of_the_last_one() {
    let peer = Peer::new(
        "192.0.2.7:50000".parse().unwrap(),
        "192.0.2.1:21".parse().unwrap(),
    );
    let (mono, unix) = (Duration::ZERO, 0);
    for (config, own, other) in [
        (SessionConfig::default(), "200 Names are in GBK.", "504 "),
        (gbk(true), "200 Names are in GBK.", "200 Names are in GBK."),
    ] {
        let mut session = Session::new(Arc::new(config), peer, Now { mono, unix });
        let mut off = |charset| {
            talk(&mut session, "USER u\r\nPASS p\r\n", charset);
            talk(&mut session, "OPTS UTF8 OFF\r\n", charset)
        };
        assert!(off(Some(Charset::Gbk)).starts_with(own));
        assert!(off(None).starts_with(other));
        assert!(off(Some(Charset::Big5)).starts_with("200 Names are in Big5."));
    }
}
