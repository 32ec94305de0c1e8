//! One session and its requests, driven by hand.

use ossftp_core::driver::{Report, Requests, Storage, TransferHandle};
use ossftp_core::{Input, Now, Output, Peer, Session, SessionConfig, Transfer};
use std::sync::Arc;
use std::time::Duration;

/// A session that nobody else drives. It is told what a test wants it to hear, and gives back
/// what it asks for.
pub(crate) struct Talk {
    pub(crate) session: Session,
    pub(crate) requests: Requests,
    /// What the client has been told.
    pub(crate) said: String,
}

const NOW: Now = Now {
    mono: Duration::ZERO,
    unix: 1_700_000_000,
};

impl Talk {
    /// One that has said nothing but its greeting.
    pub(crate) fn new(storage: impl Storage) -> Self {
        let addr = "192.0.2.7:50000".parse().unwrap();
        let local = "192.0.2.1:21".parse().unwrap();
        let config = Arc::new(SessionConfig::default());
        let mut session = Session::new(config, Peer::new(addr, local), NOW);
        let mut said = String::new();
        drain(&mut session, &mut said);
        Self {
            session,
            requests: Requests::new(Arc::new(storage), addr.ip()),
            said,
        }
    }

    /// One in which `demo` is logged in.
    pub(crate) fn logged_in(storage: impl Storage) -> Self {
        let mut talk = Self::new(storage);
        let login = talk.login("s3cr3t-pw");
        let report = talk.requests.task(login).unwrap().perform();
        assert_eq!(talk.report(report).len(), 0);
        talk
    }

    /// Asks for `demo` to be logged in.
    pub(crate) fn login(&mut self, password: &str) -> Output {
        self.line("USER demo");
        self.ask(&format!("PASS {password}"))
    }

    /// The session hears a line; what it asks for, besides what goes to the client and the log.
    pub(crate) fn line(&mut self, line: &str) -> Vec<Output> {
        self.hear(Input::Control(format!("{line}\r\n").as_bytes()))
    }

    /// The one thing that it asks for after this line.
    #[track_caller]
    pub(crate) fn ask(&mut self, line: &str) -> Output {
        let mut outputs = self.line(line);
        assert_eq!(outputs.len(), 1, "{outputs:?}");
        outputs.remove(0)
    }

    /// The session hears this input.
    pub(crate) fn hear(&mut self, input: Input<'_>) -> Vec<Output> {
        self.session.handle(NOW, input);
        drain(&mut self.session, &mut self.said)
    }

    /// The session hears what came of a task.
    pub(crate) fn report(&mut self, report: Report) -> Vec<Output> {
        let input = self.requests.input(report);
        self.hear(input)
    }

    /// The transfer that `command` asks for, which is not open yet.
    #[track_caller]
    pub(crate) fn transfer(&mut self, command: &str) -> Box<Transfer> {
        let Output::Listen { id } = self.ask("EPSV") else {
            panic!("EPSV asks for a listener");
        };
        let address = Some("192.0.2.1:2000".parse().unwrap());
        assert_eq!(self.hear(Input::Listening { id, address }).len(), 0);
        match self.ask(command) {
            Output::Open(transfer) => transfer,
            other => panic!("{command} asks for {other:?}"),
        }
    }

    /// The transfer that `command` asks for, open, and ready to be run.
    #[track_caller]
    pub(crate) fn open(&mut self, command: &str) -> TransferHandle {
        let transfer = self.transfer(command);
        let id = transfer.id;
        let report = self
            .requests
            .task(Output::Open(transfer))
            .unwrap()
            .perform();
        let asked = self.report(report);
        assert!(
            matches!(asked.as_slice(), [Output::Run { .. }]),
            "{asked:?}"
        );
        self.requests.transfer(id).unwrap().clone()
    }
}

fn drain(session: &mut Session, said: &mut String) -> Vec<Output> {
    let mut asked = Vec::new();
    loop {
        match session.poll_output() {
            Output::Wait(_) => return asked,
            Output::Send(bytes) => said.push_str(&String::from_utf8(bytes).unwrap()),
            Output::Event(_) => {}
            Output::Close => {
                asked.push(Output::Close);
                return asked;
            }
            output => asked.push(output),
        }
    }
}
