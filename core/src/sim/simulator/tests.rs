//! What goes wrong in a run is told, whoever is to blame: script, session, store or storage.

use super::*;
use crate::driver::{Lister, LoginRequest, ObjectReader, ObjectWriter};
use crate::sim::Fault;
use crate::{Answer, ErrorKind, FtpPath, LoginInfo, Operation};
use crate::{StorageError, StoreMode};
use alloc::boxed::Box;
use alloc::string::ToString;

fn store() -> MemoryStore {
    MemoryStore::new()
        .with_user("demo", "s3cr3t-pw", true)
        .with_file("/a.txt", "hello")
}

fn demo() -> Script {
    Script::new()
        .login("demo", "s3cr3t-pw")
        .send("TYPE I")
        .expect(200)
}

fn simulator() -> Simulator {
    Simulator::new(SessionConfig::default(), store())
}

/// Why `script` fails on `simulator`.
#[track_caller]
fn reason(simulator: &mut Simulator, script: &Script) -> String {
    simulator.play(script).unwrap_err().reason
}

#[track_caller]
fn fails(script: &Script, parts: &[&str]) {
    let reason = reason(&mut simulator(), script);
    for part in parts {
        assert!(reason.contains(part), "{part:?} in {reason:?}");
    }
}

#[test]
fn a_script_that_expects_something_else_fails() {
    let greeted = || Script::new().expect(220);
    fails(
        &Script::new().expect(230),
        &["at 0ns", "expected 230", "220 OSS-FTP"],
    );
    fails(
        &greeted().send("PWD").expect_text(530, "nothing like it"),
        &["nothing like it", "got 530"],
    );
    fails(&Script::new(), &["nobody expected 220"]);
    fails(&greeted().send("NOOP"), &["nobody expected 200"]);
    let gone = greeted().send("QUIT").expect(221).expect_closed();
    fails(
        &gone.expect(200),
        &["nothing can happen any more, waiting for Expect { code: 200"],
    );
    fails(
        &demo().retrieves("a.txt", "other"),
        &["the download is hello and not other"],
    );
    fails(
        &demo().step(Step::DataResume).expect(200),
        &["waiting for DataResume"],
    );
}

#[test]
fn a_failure_tells_the_whole_run() {
    let script = Script::new().expect(220).send("QUIT").expect(200);
    let failure = simulator().play(&script).unwrap_err();
    let told = failure.to_string();
    assert_eq!(format!("{failure:?}"), told);
    let mut lines = told.lines();
    assert_eq!(lines.next(), Some(failure.reason.as_str()));
    let said: Vec<_> = lines.filter(|line| line.starts_with(['C', 'S'])).collect();
    assert_eq!(said.len(), 4, "{told}");
    assert!(said[0].starts_with("S: 220 "));
    assert_eq!(said[1], r"C: QUIT\r\n");
    assert!(said[2].starts_with("S: 221 ") && said[2].ends_with(r"\r\n"));
    assert_eq!(said[3], "S: (closed)");
}

#[test]
fn a_run_goes_on_where_the_last_one_ended() {
    let mut simulator = simulator();
    simulator.play(&demo()).unwrap();
    simulator
        .play(&Script::new().send("PWD").expect(257))
        .unwrap();
    assert_eq!(simulator.transcript().codes(), [220, 331, 230, 200, 257]);
    let left = Script::new().sleep(Duration::from_secs(10));
    simulator.play(&left.send("NOOP").expect(200)).unwrap();
    assert_eq!(simulator.now().mono, Duration::from_secs(10));
    assert_eq!(simulator.now().unix, EPOCH + 10);
}

#[test]
fn a_lenient_run_leaves_out_what_cannot_be() {
    let script = Script::new()
        .step(Step::DataClose)
        .expect(999)
        .send("USER demo")
        .expect_download("never")
        .send("PASS s3cr3t-pw")
        .send("QUIT");
    let mut simulator = simulator().lenient();
    simulator.play(&script).unwrap();
    assert_eq!(simulator.transcript().codes(), [220, 331, 230, 221]);
}

#[test]
fn a_sparing_run_keeps_nothing_and_judges_all_the_same() {
    let mut quiet = simulator().lenient().sparing();
    quiet.play(&demo().send("QUIT")).unwrap();
    assert_eq!(quiet.transcript().records(), []);
    let mut simulator = simulator().lenient().sparing();
    simulator.play(&demo().stores("b", "new")).unwrap();
    let store = simulator.store.clone().unwrap();
    assert_eq!(store.file("/b").as_deref(), Some(&b"new"[..]));
    store.put("/b", "changed");
    let reason = reason(&mut simulator, &Script::new());
    assert!(reason.contains("/b=new"), "{reason}");
}

#[test]
fn pieces_are_as_small_as_they_are_told() {
    for bytes in [1, 3, 1000] {
        let mut simulator = simulator().with_pieces(bytes);
        let script = Script::new().raw("USER demo\r\nPASS s3cr3t-pw\r\nNOOP\r\n");
        let script = [220, 331, 230, 200]
            .iter()
            .fold(script, |s, c| s.expect(*c));
        simulator.play(&script).unwrap();
    }
}

#[test]
fn the_store_is_held_against_what_was_told() {
    let mut simulator = simulator();
    let store = simulator.store.clone().unwrap();
    simulator.play(&demo()).unwrap();
    store.put("/b", "from elsewhere");
    let told = reason(&mut simulator, &Script::new());
    assert!(told.contains("stored files") && told.contains("/b=from elsewhere"));
    let other = Simulator::new(SessionConfig::default(), store.clone());
    let mut other = other.without_model();
    store.put("/c", "from elsewhere");
    other.play(&demo()).unwrap();
}

#[test]
fn an_upload_that_is_left_open_is_found() {
    let mut simulator = simulator();
    let store = simulator.store.clone().unwrap();
    let cancel = Cancel::new();
    let peer = simulator.peer.addr.ip();
    let request = LoginRequest::new("demo", crate::Secret::new("s3cr3t-pw"), peer);
    let (volume, _) = store.login(&request, &cancel).unwrap();
    let path = FtpPath::root().join(b"b").unwrap();
    let upload = volume.open_write(&path, StoreMode::Replace, None, &cancel);
    let told = reason(&mut simulator, &demo());
    assert!(told.contains("1 uploads are left open"), "{told}");
    drop(upload);
}

#[test]
fn a_secret_that_is_shown_is_found() {
    let config = SessionConfig {
        greeting: String::from("The password is s3cr3t-pw."),
        ..SessionConfig::default()
    };
    let mut simulator = Simulator::new(config, store());
    let told = reason(&mut simulator, &Script::new().expect(220));
    assert!(told.contains("a secret in"), "{told}");
    // The client itself may say what it likes.
    let mut simulator = self::simulator();
    let spills = Script::new().expect(220).send("USER s3cr3t-pw").expect(331);
    simulator.play(&spills).unwrap();
    assert!(!format!("{simulator:?}").contains("s3cr3t"));
}

/// A storage that says `Done` and does something else.
struct Broken {
    store: MemoryStore,
    how: How,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum How {
    /// What was asked for is not done.
    Lazy,
    /// Uploads lose their last byte.
    Short,
    /// Downloads have a byte too many.
    Long,
}

struct BrokenVolume(Arc<dyn Volume>, How);

impl Storage for Broken {
    fn login(
        &self,
        request: &LoginRequest,
        cancel: &Cancel,
    ) -> Result<(Arc<dyn Volume>, LoginInfo), StorageError> {
        let (volume, info) = self.store.login(request, cancel)?;
        Ok((Arc::new(BrokenVolume(volume, self.how)), info))
    }
}

impl Volume for BrokenVolume {
    fn perform(&self, operation: &Operation, cancel: &Cancel) -> Result<Answer, StorageError> {
        match self.1 {
            How::Lazy => Ok(Answer::Done),
            _ => self.0.perform(operation, cancel),
        }
    }

    fn open_read(
        &self,
        path: &FtpPath,
        offset: u64,
        cancel: &Cancel,
    ) -> Result<Box<dyn ObjectReader>, StorageError> {
        let reader = self.0.open_read(path, offset, cancel)?;
        Ok(Box::new(LongReader(reader, self.1 == How::Long)))
    }

    fn open_write(
        &self,
        path: &FtpPath,
        mode: StoreMode,
        expected: Option<u64>,
        cancel: &Cancel,
    ) -> Result<Box<dyn ObjectWriter>, StorageError> {
        let writer = self.0.open_write(path, mode, expected, cancel)?;
        Ok(Box::new(ShortWriter(writer, self.1 == How::Short)))
    }

    fn open_list(
        &self,
        path: &FtpPath,
        files_too: bool,
        cancel: &Cancel,
    ) -> Result<Box<dyn Lister>, StorageError> {
        self.0.open_list(path, files_too, cancel)
    }
}

struct LongReader(Box<dyn ObjectReader>, bool);

impl ObjectReader for LongReader {
    fn remaining(&self) -> Option<u64> {
        self.0.remaining()
    }

    fn fill(&mut self) -> Result<&[u8], StorageError> {
        match self.0.fill()? {
            [] if self.1 => Ok(b"!"),
            bytes => Ok(bytes),
        }
    }

    fn consume(&mut self, count: usize) {
        let at_end = matches!(self.0.fill(), Ok([]));
        self.1 &= !at_end;
        self.0.consume(count);
    }
}

struct ShortWriter(Box<dyn ObjectWriter>, bool);

impl ObjectWriter for ShortWriter {
    fn space(&mut self) -> Result<&mut [u8], StorageError> {
        self.0.space()
    }

    fn filled(&mut self, count: usize) -> Result<(), StorageError> {
        self.0.filled(count.saturating_sub(usize::from(self.1)))
    }

    fn commit(self: Box<Self>) -> Result<(), StorageError> {
        self.0.commit()
    }

    fn discard(self: Box<Self>) {
        self.0.discard();
    }
}

#[test]
fn a_storage_that_lies_is_found() {
    let done = |command, code| demo().send(command).expect(code);
    for (how, script, told) in [
        (How::Lazy, done("DELE a.txt", 250), "/a.txt=hello"),
        (How::Lazy, done("MKD d", 257), "acknowledged directories"),
        (How::Lazy, done("CWD nowhere", 250), "is no directory"),
        (How::Short, demo().stores("b", "12"), "/b=1"),
        (
            How::Long,
            demo().retrieves("a.txt", "hello!"),
            "came as hello!",
        ),
    ] {
        let mut simulator = simulator();
        let store = simulator.store.clone().unwrap();
        simulator.storage = Arc::new(Broken { store, how });
        let reason = reason(&mut simulator, &script);
        assert!(reason.contains(told), "{told:?} in {reason:?}");
    }
}

#[test]
fn failures_on_request_come_once() {
    let mut simulator = simulator();
    let store = simulator.store.clone().unwrap();
    store.fail_next(Fault::Perform, ErrorKind::Busy);
    let script = demo().send("DELE a.txt").expect(450);
    simulator
        .play(&script.send("DELE a.txt").expect(250))
        .unwrap();
}

#[test]
fn a_data_connection_does_what_its_plan_says() {
    let store = store();
    let big = "0123456789".repeat(20);
    store.put("/big", big.as_str());
    let transfer = |command: &str, plan| demo().send("EPSV").expect(229).data(plan).send(command);
    let paused = |plan: DataPlan| plan.in_pieces(10, Duration::from_secs(61));
    let late = DataPlan::download().delayed(Duration::from_secs(29));
    for (script, codes) in [
        // It is reset while it is silent, in the one and the other direction.
        (
            transfer("RETR big", DataPlan::download().after(5).holds())
                .quiet()
                .step(Step::DataBreak),
            [150, 426],
        ),
        (
            transfer("STOR new", DataPlan::upload("half").holds())
                .quiet()
                .step(Step::DataBreak),
            [150, 426],
        ),
        // It goes on after a while.
        (
            transfer("RETR big", DataPlan::download().after(5).holds())
                .quiet()
                .step(Step::DataResume),
            [150, 226],
        ),
        (
            transfer("STOR new", DataPlan::upload("half").holds())
                .quiet()
                .step(Step::DataSend(b"whole".to_vec()))
                .quiet()
                .step(Step::DataClose),
            [150, 226],
        ),
        // Each piece takes longer than the server waits.
        (
            transfer("RETR big", paused(DataPlan::download())),
            [150, 426],
        ),
        (transfer("RETR big", late), [150, 226]),
    ] {
        let script = codes
            .iter()
            .fold(script, |script, code| script.expect(*code));
        let store = store.copy();
        let mut simulator = Simulator::new(SessionConfig::default(), store);
        if let Err(failure) = simulator.play(&script) {
            panic!("{failure}");
        }
    }
}

#[test]
fn a_client_that_comes_too_late_finds_nobody() {
    for plan in [
        DataPlan::never(),
        DataPlan::download().delayed(Duration::from_secs(31)),
    ] {
        let script = demo()
            .send("EPSV")
            .expect(229)
            .data(plan)
            .send("RETR a.txt");
        let script = script.expect(150).expect(425).send("NOOP").expect(200);
        simulator().play(&script).unwrap();
    }
}

#[test]
fn a_transfer_is_told_as_it_went() {
    let mut simulator = simulator();
    simulator.play(&demo().stores("b", "12").close()).unwrap();
    let told = simulator.transcript().to_string();
    for line in ["   2 bytes up", "C: (closed)", "S: (closed)", "LoggedIn"] {
        assert!(told.contains(line), "{line:?} in {told}");
    }
    let long = Record::Sent([b'x'; 301].to_vec()).to_string();
    assert!(long.ends_with("xx…") && long.chars().count() == 304);
    let clock = Record::Clock(Duration::from_secs(3)).to_string();
    assert_eq!(clock, "   at 3s");
}
