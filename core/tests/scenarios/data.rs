//! How data connections come about: TYPE, STRU, MODE, PASV, EPSV, PORT, EPRT, REST, ALLO.

use super::*;
use ossftp_core::sim::{DataPlan, Step};
use ossftp_core::{ActivePolicy, Peer};
use std::time::Duration;

#[test]
fn parameters() {
    play(&each(
        demo(),
        &[
            ("TYPE A", 200),
            ("TYPE a n", 200),
            ("TYPE I", 200),
            ("TYPE L 8", 200),
            ("TYPE L8", 200),
            ("TYPE E", 504),
            ("TYPE L 7", 504),
            ("TYPE A T", 504),
            ("TYPE", 501),
            ("STRU F", 200),
            ("STRU R", 504),
            ("STRU P", 504),
            ("STRU", 501),
            ("MODE S", 200),
            ("MODE B", 504),
            ("MODE C", 504),
            ("MODE", 501),
            ("ALLO 100", 200),
            ("ALLO 100 R 10", 200),
            ("ALLO", 501),
            ("ALLO x", 501),
            ("REST 0", 350),
            ("REST 18446744073709551615", 350),
            ("REST 18446744073709551616", 501),
            ("REST -1", 501),
            ("REST", 501),
            ("REST x", 501),
            ("TYPE A", 200),
            ("REST 0", 350),
            ("REST 5", 501),
        ],
    ));
}

#[test]
fn the_type_before_anybody_says_one() {
    for (image, code) in [(false, 550), (true, 213)] {
        let mut config = SessionConfig::default();
        config.image_by_default = image;
        let script = Script::new().login("demo", "secret");
        let script = each(
            script,
            &[
                ("SIZE a.txt", code),
                ("TYPE A", 200),
                ("SIZE a.txt", 550),
                ("TYPE I", 200),
                ("SIZE a.txt", 213),
            ],
        );
        play_with(config, &store(), &script);
    }
}

#[test]
fn pasv_names_the_control_connections_own_address() {
    play(
        &demo()
            .send("PASV")
            .expect_text(227, "(192,0,2,1,199,57)")
            .send("PASV")
            .expect_text(227, "(192,0,2,1,199,58)")
            .send("EPSV")
            .expect_text(229, "(|||51003|)")
            .send("EPSV 1")
            .expect_text(229, "(|||51004|)")
            .send("PASV 1")
            .expect(501)
            .send("EPSV 2")
            .expect_text(522, "(1)")
            .send("EPSV 3")
            .expect_text(522, "(1)")
            .send("EPSV x")
            .expect(501),
    );
}

#[test]
fn a_server_behind_nat_names_its_public_address() {
    let mut config = SessionConfig::default();
    config.masquerade_address = Some("203.0.113.9".parse().unwrap());
    let script = demo().send("PASV").expect_text(227, "(203,0,113,9,");
    play_with(config, &store(), &script);
}

#[test]
fn no_port_is_free() {
    play(
        &demo()
            .step(Step::Ports(false))
            .send("PASV")
            .expect(425)
            .send("EPSV")
            .expect(425)
            .send("RETR a.txt")
            .expect(425)
            .step(Step::Ports(true))
            .retrieves("a.txt", "hello"),
    );
}

#[test]
fn active_connections_go_to_the_client_and_nowhere_else() {
    play(
        &each(
            demo(),
            &[
                ("PORT 10,0,0,1,195,80", 504),
                ("PORT 192,0,2,7,0,22", 504),
                ("PORT 192,0,2,7,3,255", 504),
                ("RETR a.txt", 425),
                ("PORT 192,0,2,7,4,0", 200),
                ("EPRT |1|192.0.2.7|50000|", 200),
                ("EPRT |2|::ffff:192.0.2.7|50000|", 200),
                ("EPRT |1|10.0.0.1|50000|", 504),
                ("EPRT |1|192.0.2.7|1023|", 504),
                ("EPRT |3|x|50000|", 522),
                ("EPRT |1|192.0.2.7|", 501),
                ("EPRT |1|192.0.2.7|66000|", 501),
                ("PORT 192,0,2,7,195", 501),
                ("PORT 192,0,2,256,195,80", 501),
                ("PORT", 501),
            ],
        )
        .send("RETR a.txt")
        .expect(150)
        .expect(226)
        .expect_download("hello"),
    );
}

#[test]
fn active_connections_by_policy() {
    let mut config = SessionConfig::default();
    config.active = ActivePolicy::Closed;
    let closed = [
        ("PORT 192,0,2,7,195,80", 502),
        ("PORT", 502),
        ("EPRT |1|192.0.2.7|50000|", 502),
        ("EPRT |3|x|50000|", 502),
        ("EPRT", 502),
        ("HELP PORT", 502),
        ("RETR a.txt", 425),
        ("EPSV", 229),
    ];
    play_with(
        config.clone(),
        &store(),
        &each(demo(), &closed).retrieves("a.txt", "hello"),
    );
    config.active = ActivePolicy::AnyAddress;
    let any = [
        ("PORT 10,0,0,1,195,80", 200),
        ("EPRT |1|10.0.0.1|50000|", 200),
        ("PORT 10,0,0,1,3,255", 504),
        ("EPRT |1|10.0.0.1|1023|", 504),
        ("EPRT |2|2001:db8::1|50000|", 522),
        ("PORT 0,0,0,0,195,80", 504),
        ("PORT 224,0,0,1,195,80", 504),
        ("EPRT |2|::ffff:10.0.0.1|50000|", 200),
    ];
    play_with(
        config,
        &store(),
        &each(demo(), &any)
            .send("RETR a.txt")
            .expect(150)
            .expect(226)
            .expect_download("hello"),
    );
}

#[test]
fn one_data_connection_for_each_preparation() {
    play(
        &demo()
            .retrieves("a.txt", "hello")
            .send("RETR a.txt")
            .expect(425)
            .send("EPSV")
            .expect(229)
            .send("RETR missing")
            .expect(550)
            .send("RETR a.txt")
            .expect(425)
            .send("PORT 192,0,2,7,195,80")
            .expect(200)
            .send("RETR a.txt")
            .expect(150)
            .expect(226)
            .send("RETR a.txt")
            .expect(425),
    );
}

#[test]
fn transfers_without_a_data_connection_are_425() {
    play(&each(
        demo(),
        &[
            ("RETR a.txt", 425),
            ("STOR x", 425),
            ("APPE x", 425),
            ("LIST", 425),
            ("NLST", 425),
            ("MLSD", 425),
        ],
    ));
}

#[test]
fn epsv_all_allows_nothing_else() {
    play(
        &each(
            demo(),
            &[
                ("EPSV ALL", 200),
                ("PASV", 501),
                ("PORT 192,0,2,7,195,80", 501),
                ("EPRT |1|192.0.2.7|50000|", 501),
            ],
        )
        .retrieves("a.txt", "hello"),
    );
}

fn on_ipv6(script: &Script) {
    let config = SessionConfig::default();
    let peer = Peer {
        addr: "[2001:db8::7]:50000".parse().unwrap(),
        local: "[2001:db8::1]:21".parse().unwrap(),
    };
    let mut run = Simulator::new(config.clone(), store()).with_peer(config, peer);
    if let Err(failure) = run.play(script) {
        panic!("{failure}");
    }
}

#[test]
fn over_ipv6() {
    on_ipv6(
        &each(
            demo(),
            &[
                ("PASV", 425),
                ("EPSV 1", 522),
                ("EPSV 2", 229),
                ("PORT 192,0,2,7,195,80", 504),
                ("EPRT |1|192.0.2.7|50000|", 522),
                ("EPRT |2|2001:db8::8|50000|", 504),
                ("EPRT |2|2001:db8::7|50000|", 200),
            ],
        )
        .send("RETR a.txt")
        .expect(150)
        .expect(226)
        .retrieves("a.txt", "hello"),
    );
}

#[test]
fn an_ipv4_client_of_an_ipv6_socket_is_an_ipv4_client() {
    let config = SessionConfig::default();
    let peer = Peer {
        addr: "[::ffff:192.0.2.7]:50000".parse().unwrap(),
        local: "[::ffff:192.0.2.1]:21".parse().unwrap(),
    };
    let mut run = Simulator::new(config.clone(), store()).with_peer(config, peer);
    let script = demo()
        .send("PASV")
        .expect_text(227, "(192,0,2,1,")
        .send("PORT 192,0,2,7,195,80")
        .expect(200)
        .send("EPSV 1")
        .expect(229);
    run.play(&script).unwrap();
}

#[test]
fn rest_lives_until_the_next_transfer_of_a_file() {
    let store = store();
    play_on(
        &store,
        &each(demo(), &[("REST 2", 350), ("PWD", 257), ("NOOP", 200)])
            .transfers("NLST", DataPlan::download())
            .retrieves("a.txt", "llo")
            .retrieves("a.txt", "hello")
            .send("REST 4")
            .expect(350)
            .send("EPSV")
            .expect(229)
            .send("RETR missing")
            .expect(550)
            .retrieves("a.txt", "hello")
            .send("REST 5")
            .expect(350)
            .retrieves("a.txt", "")
            .send("EPSV")
            .expect(229)
            .send("REST 6")
            .expect(350)
            .send("RETR a.txt")
            .expect(554)
            .send("REST 3")
            .expect(350)
            .stores("a.txt", "p me")
            .retrieves("a.txt", "help me")
            .stores("b", "whole")
            .send("REST 4")
            .expect(350)
            .transfers("APPE a.txt", DataPlan::upload("!"))
            .send("REST 6")
            .expect(350)
            .send("EPSV")
            .expect(229)
            .send("STOR a.txt")
            .expect(554),
    );
    assert_eq!(store.file("/a.txt").as_deref(), Some(&b"help!"[..]));
}

#[test]
fn rest_is_not_taken_over_into_ascii() {
    play(
        &each(demo(), &[("REST 2", 350), ("TYPE A", 200), ("EPSV", 229)])
            .send("RETR a.txt")
            .expect(554),
    );
}

#[test]
fn a_client_that_never_connects_is_425() {
    let store = store();
    let run = play_on(
        &store,
        &demo()
            .send("EPSV")
            .expect(229)
            .data(DataPlan::never())
            .send("RETR a.txt")
            .expect(150)
            .expect(425)
            .send("PORT 192,0,2,7,195,80")
            .expect(200)
            .data(DataPlan::never())
            .send("STOR x")
            .expect(150)
            .expect(425)
            .retrieves("a.txt", "hello"),
    );
    assert_eq!(run.now().mono, Duration::from_secs(60));
    assert!(store.file("/x").is_none());
}

#[test]
fn the_150_does_not_wait_for_the_data_connection() {
    play(
        &demo()
            .send("EPSV")
            .expect(229)
            .data(DataPlan::download().delayed(Duration::from_secs(29)))
            .send("RETR a.txt")
            .expect(150)
            .sleep(Duration::from_secs(20))
            .send("STAT")
            .expect_text(211, "0 bytes so far")
            .expect(226)
            .expect_download("hello"),
    );
}

#[test]
fn rest_is_for_one_attempt_of_one_login() {
    let guest = Script::new()
        .login("guest", "secret")
        .send("TYPE I")
        .expect(200);
    play(
        &each(guest, &[("REST 2", 350), ("STOR x", 550)])
            .retrieves("a.txt", "hello")
            .send("REST 2")
            .expect(350)
            .send("USER demo")
            .expect(331)
            .send("PASS secret")
            .expect(230)
            .retrieves("a.txt", "hello"),
    );
}

/// What waits at a listener may be a connection that the client closed when it was refused; the
/// next STOR would take it for an empty file.
#[test]
fn a_transfer_that_was_refused_has_used_its_data_connection_too() {
    let (deep, long) = ("/d".repeat(100), "n".repeat(4000));
    let store = store().with_directory(&deep);
    let refusals = [
        ("STOR new/", 553),
        ("STOR /", 553),
        ("STOR bad\x01name", 501),
        ("STOR", 501),
        ("RETR /", 550),
        ("RETR", 501),
        ("LIST bad\x01name", 501),
    ];
    let prepared = |script: Script| {
        let passive = script.clone().send("EPSV").expect(229);
        [passive, script.send("PORT 192,0,2,7,195,80").expect(200)]
    };
    for (command, code) in refusals {
        for script in prepared(demo()) {
            play_on(
                &store,
                &each(script, &[(command, code), ("STOR a.txt", 425)]),
            );
        }
    }
    for script in prepared(demo().send(format!("CWD {deep}")).expect(250)) {
        let script = script.send(format!("RETR {long}")).expect(550);
        play_on(&store, &script.send("STOR /a.txt").expect(425));
    }
    let ascii = each(demo(), &[("REST 2", 350), ("TYPE A", 200)]);
    for script in prepared(ascii) {
        play_on(
            &store,
            &each(script, &[("STOR a.txt", 554), ("STOR a.txt", 425)]),
        );
    }
    let guest = Script::new().login("guest", "secret");
    for script in prepared(guest) {
        play_on(
            &store,
            &each(script, &[("STOR a.txt", 550), ("RETR a.txt", 425)]),
        );
    }
    assert_eq!(store.file("/a.txt").as_deref(), Some(&b"hello"[..]));
}

#[test]
fn what_was_prepared_does_not_outlive_a_command_that_was_not_understood() {
    let store = store();
    play_on(
        &store,
        &each(demo(), &[("REST 2", 350), ("STOR bad\x01name", 501)])
            .stores("a.txt", "whole")
            .send("REST 2")
            .expect(350)
            .send("RETR bad\x01name")
            .expect(501)
            .retrieves("a.txt", "whole"),
    );
    play_on(
        &store,
        &each(
            demo(),
            &[
                ("RNFR a.txt", 350),
                ("RNFR bad\x01name", 501),
                ("RNTO b.txt", 503),
                ("RNFR a.txt", 350),
                ("RNTO bad\x01name", 501),
                ("RNTO b.txt", 503),
            ],
        ),
    );
    assert_eq!(store.file("/a.txt").as_deref(), Some(&b"whole"[..]));
}
