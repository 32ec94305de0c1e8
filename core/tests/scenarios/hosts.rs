//! HOST and REIN: for whom a login is, and beginning anew without a new connection.

use super::secure::*;
use super::*;
use ossftp_core::driver::{Cancel, LoginRequest, Storage, Volume};
use ossftp_core::sim::{DataPlan, Step};
use ossftp_core::{LoginInfo, StorageError};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A storage that keeps what it is told of logins.
struct Told {
    store: MemoryStore,
    logins: Mutex<Vec<(Option<String>, bool)>>,
}

impl Storage for Told {
    fn login(
        &self,
        request: &LoginRequest,
        cancel: &Cancel,
    ) -> Result<(Arc<dyn Volume>, LoginInfo), StorageError> {
        let told = (request.host.clone(), request.secure);
        self.logins.lock().unwrap().push(told);
        self.store.login(request, cancel)
    }
}

fn told(config: SessionConfig, script: &Script) -> Vec<(Option<String>, bool)> {
    let told = Arc::new(Told {
        store: store(),
        logins: Mutex::default(),
    });
    let mut run = Simulator::with_storage(config, Arc::clone(&told) as Arc<dyn Storage>);
    if let Err(failure) = run.play(script) {
        panic!("{failure}");
    }
    let logins = told.logins.lock().unwrap();
    logins.clone()
}

#[test]
fn the_storage_is_told_of_host_and_tls() {
    let host = |name: &str| Some(String::from(name));
    let script = login(each(
        greeted(),
        &[("HOST one.example", 220), ("HOST Two.Example", 220)],
    ));
    // A later login is for the same host; REIN and AUTH forget it.
    let script = login(login(script).send("REIN").expect(220));
    let script = each(script, &[("REIN", 220), ("HOST [2001:DB8::1]", 220)]);
    let script = login(login(script).send("AUTH TLS").expect(234));
    assert_eq!(
        told(offered(), &script),
        [
            (host("two.example"), false),
            (host("two.example"), false),
            (None, false),
            (host("[2001:db8::1]"), false),
            (None, true),
        ]
    );
    let script = each(secure_demo(), &[("CCC", 200)]);
    assert_eq!(
        told(offered(), &login(script)),
        [(None, true), (None, false)]
    );
}

#[test]
fn virtual_hosts() {
    let mut config = SessionConfig::default();
    config.hosts = ["ftp.example", "192.0.2.1", "2001:db8::1", "[2001:db8::2]"]
        .map(String::from)
        .into();
    let script = each(
        greeted(),
        &[
            ("HOST ftp.example", 220),
            ("HOST FTP.Example", 220),
            ("HOST other.example", 504),
            ("HOST example", 504),
            ("HOST 192.0.2.1", 220),
            ("HOST 192.0.2.2", 504),
            ("HOST [2001:db8::1]", 220),
            ("HOST [2001:DB8:0:0::1]", 220),
            ("HOST [2001:db8::2]", 220),
            ("HOST [2001:db8::3]", 504),
            ("HOST 2001:db8::1", 501),
            ("HOST [ftp.example]", 501),
            ("HOST ftp.example:21", 501),
            ("HOST", 501),
        ],
    );
    play_with(config.clone(), &store(), &script);
    let any = ["HOST ftp.example", "HOST x", "HOST 10.0.0.1", "HOST [::1]"];
    play(&each(greeted(), &any.map(|command| (command, 220))));
    // A wrong name takes nothing from the right one.
    let script = each(
        greeted(),
        &[("HOST ftp.example", 220), ("HOST other.example", 504)],
    );
    let logins = told(config, &login(script));
    assert_eq!(logins, [(Some(String::from("ftp.example")), false)]);
}

#[test]
fn host_comes_before_user() {
    play(&each(
        greeted(),
        &[
            ("HOST ftp.example", 220),
            ("USER demo", 331),
            ("HOST ftp.example", 503),
            ("PASS wrong", 530),
            ("HOST ftp.example", 220),
            ("USER demo", 331),
            ("PASS secret", 230),
            ("HOST ftp.example", 503),
            ("REIN", 220),
            ("HOST ftp.example", 220),
            ("HOST other.example", 220),
        ],
    ));
}

#[test]
fn rein_begins_anew() {
    play(&as_at_first(each(
        demo(),
        &[
            ("CWD dir", 250),
            ("OPTS MLST size;", 200),
            ("REST 3", 350),
            ("ALLO 100", 200),
            ("RNFR b.txt", 350),
            ("EPSV", 229),
            ("EPSV ALL", 200),
            ("REIN x", 501),
            ("REIN", 220),
            ("PWD", 530),
            ("PASS secret", 503),
            ("REIN", 220),
            ("USER demo", 331),
            ("REIN", 220),
            ("PASS secret", 503),
            ("USER guest", 331),
            ("PASS secret", 230),
            ("RNTO c.txt", 550),
            ("RETR a.txt", 425),
            ("PASV", 227),
        ],
    )));
}

/// A data connection that was protected is so after REIN only if it was before PROT.
#[test]
fn rein_under_tls() {
    let mut config = offered();
    config.tls.required_for_data = true;
    let script = each(
        secure_demo(),
        &[
            ("PBSZ 0", 200),
            ("PROT P", 200),
            ("REIN", 220),
            ("AUTH TLS", 503),
            ("PROT P", 503),
        ],
    );
    play_with(
        config,
        &store(),
        &each(login(script), &[("EPSV", 229), ("RETR a.txt", 521)]),
    );
    let script = each(
        login(greeted()),
        &[
            ("PBSZ 0", 200),
            ("PROT C", 200),
            ("REIN", 220),
            ("PROT C", 503),
        ],
    );
    // The judge sees that this is protected again.
    play_with(
        implicit(),
        &store(),
        &login(script).retrieves("a.txt", "hello"),
    );
}

#[test]
fn rein_waits_for_the_end_of_a_transfer() {
    let store = store();
    play_on(
        &store,
        &demo()
            .send("EPSV")
            .expect(229)
            .data(DataPlan::upload("he").holds())
            .send("STOR x")
            .expect(150)
            .raw("REIN\r\nPWD\r\n")
            .quiet()
            .step(Step::DataSend(b"llo".to_vec()))
            .step(Step::DataClose)
            .expect(226)
            .expect(220)
            .expect(530),
    );
    assert_eq!(store.file("/x").as_deref(), Some(&b"hello"[..]));
}

#[test]
fn rein_keeps_no_stranger_alive() {
    let half = Duration::from_secs(35);
    play(
        &greeted()
            .sleep(half)
            .send("REIN")
            .expect(220)
            .sleep(half)
            .expect(421)
            .expect_closed(),
    );
    // Who was logged in has the time of a new connection.
    play(
        &demo()
            .sleep(Duration::from_secs(200))
            .send("REIN")
            .expect(220)
            .sleep(half)
            .send("REIN")
            .expect(220)
            .sleep(half)
            .expect(421)
            .expect_closed(),
    );
}

/// Nor does it make wrong passwords and unknown commands forgotten.
#[test]
fn rein_forgives_nothing() {
    let wrong = [("USER demo", 331), ("PASS wrong", 530)];
    let script = each(greeted(), &wrong).send("REIN").expect(220);
    let script = each(script, &wrong).send("REIN").expect(220);
    play(&each(script, &wrong).expect_closed());
    let mut script = greeted();
    for _ in 0..19 {
        script = each(script, &[("XYZZY", 500), ("REIN", 220)]);
    }
    play(&script.send("XYZZY").expect(421).expect_closed());
}
