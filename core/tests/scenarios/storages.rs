//! A storage that does not keep to its contract: the session answers all the same, and goes on.

use crate::{each, store};
use ossftp_core::driver::{
    Cancel, Lister, LoginRequest, ObjectReader, ObjectWriter, Storage, Volume,
};
use ossftp_core::sim::{MemoryStore, Script, Simulator};
use ossftp_core::{
    Answer, Capabilities, Charset, FtpPath, LoginInfo, Operation, SessionConfig, StorageError,
    StoreMode,
};
use std::sync::Arc;

/// Answers all that asks for something with something else, and logs in whom the store knows.
struct Odd {
    store: MemoryStore,
    answer: Answer,
    charset: Option<Charset>,
}

struct OddVolume(Arc<dyn Volume>, Answer);

impl Storage for Odd {
    fn login(
        &self,
        request: &LoginRequest,
        cancel: &Cancel,
    ) -> Result<(Arc<dyn Volume>, LoginInfo), StorageError> {
        let (volume, mut info) = self.store.login(request, cancel)?;
        info.charset = self.charset;
        info.capabilities = Capabilities::all();
        Ok((Arc::new(OddVolume(volume, self.answer.clone())), info))
    }
}

impl Volume for OddVolume {
    fn perform(&self, _: &Operation, _: &Cancel) -> Result<Answer, StorageError> {
        Ok(self.1.clone())
    }

    fn open_read(
        &self,
        path: &FtpPath,
        offset: u64,
        cancel: &Cancel,
    ) -> Result<Box<dyn ObjectReader>, StorageError> {
        self.0.open_read(path, offset, cancel)
    }

    fn open_write(
        &self,
        path: &FtpPath,
        mode: StoreMode,
        expected: Option<u64>,
        cancel: &Cancel,
    ) -> Result<Box<dyn ObjectWriter>, StorageError> {
        self.0.open_write(path, mode, expected, cancel)
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

/// A client of such a storage.
fn simulator(answer: Answer, charset: Option<Charset>) -> Simulator {
    let store = store();
    let odd = Odd {
        store,
        answer,
        charset,
    };
    Simulator::with_storage(SessionConfig::default(), Arc::new(odd))
}

fn demo() -> Script {
    Script::new()
        .login("demo", "secret")
        .send("TYPE I")
        .expect(200)
}

#[test]
fn an_answer_to_another_question_is_an_error_of_the_server() {
    for answer in [Answer::Done, Answer::Bytes(7)] {
        let asked = each(
            demo(),
            &[
                ("SIZE a.txt", 451),
                ("MDTM a.txt", 451),
                ("MLST a.txt", 451),
                ("STAT dir", 451),
                ("HASH a.txt", 451),
                ("XCRC a.txt", 451),
                ("NOOP", 200),
            ],
        );
        let script = asked.retrieves("a.txt", "hello");
        if let Err(failure) = simulator(answer, None).play(&script) {
            panic!("{failure}");
        }
    }
    let asked = [("AVBL", 451), ("NOOP", 200)];
    if let Err(failure) = simulator(Answer::Done, None).play(&each(demo(), &asked)) {
        panic!("{failure}");
    }
}

#[test]
fn a_login_may_bring_a_charset() {
    let script = demo()
        .send("OPTS UTF8 OFF")
        .expect_text(200, "GBK")
        .send(b"CWD \xcd\xbc\xc6\xac")
        .expect(250)
        .send("PWD")
        .expect_text(257, b"\"/\xcd\xbc\xc6\xac\"");
    let mut simulator = simulator(Answer::Done, Some(Charset::Gbk));
    if let Err(failure) = simulator.play(&script) {
        panic!("{failure}");
    }
    let snapshot = simulator.session().snapshot();
    assert_eq!(snapshot.cwd.as_bytes(), "/图片".as_bytes());
}
