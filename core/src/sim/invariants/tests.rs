//! Each rule is broken once, in a run that keeps all others, and the monitor says which it was.

use super::*;
use crate::{
    Admin, ErrorKind, FactChanges, HashAlgorithm, LoginInfo, Names, Secret, StorageError,
    StoreMode, TransferFailure, TransferReport,
};
use alloc::boxed::Box;
use alloc::vec;

const NOW: Now = Now {
    mono: Duration::from_secs(5),
    unix: 0,
};

/// What a monitor has seen so far.
struct Run(Monitor);

impl Run {
    /// Nothing but the greeting. The store holds `/a` and `/d`.
    fn greeted() -> Self {
        let model = Model::new(
            [(b"/a".to_vec(), b"old".to_vec())].into(),
            [b"/d".to_vec()].into(),
        );
        let secrets = Secrets::new([b"s3cr3t".to_vec()].into_iter());
        Self(Monitor::new(Some(model), secrets))
            .says("220 Hi\r\n")
            .waits()
    }

    /// A login, and TYPE I.
    fn logged_in(writable: bool) -> Self {
        let mut info = LoginInfo::new("Hi");
        info.writable = writable;
        let (id, result) = (Id(1), Ok(info));
        Self::greeted()
            .command("PASS s3cr3t")
            .sees(Output::Login {
                id,
                user: b"u".to_vec(),
                password: Secret::new("s3cr3t"),
                host: None,
                secure: false,
            })
            .waits()
            .hears(Input::Login { id, result })
            .says("230 Hi\r\n")
            .waits()
            .exchange("TYPE I", "200 x\r\n")
    }

    /// A transfer with the id 3 that the storage has opened, over the listener that stands.
    fn opened(command: &str, kind: TransferKind) -> Self {
        let address = Some("192.0.2.1:2000".parse().unwrap());
        Self::logged_in(true)
            .command("EPSV")
            .sees(Output::Listen { id: Id(2) })
            .hears(Input::Listening { id: Id(2), address })
            .says("229 (|||2000|)\r\n")
            .waits()
            .command(command)
            .sees(open(3, kind))
            .says("150 x\r\n")
            .waits()
            .hears(Input::TransferReady {
                id: Id(3),
                result: Ok(None),
            })
    }

    /// An upload of `new` to `/a` that has come to its end.
    fn uploaded() -> Self {
        let mut run = Self::opened("STOR a", store("a")).runs(3);
        run.0.moved(Moved {
            sent: b"new".to_vec(),
            ..Moved::default()
        });
        run.hears(ended(3)).waits()
    }

    fn hears(mut self, input: Input<'_>) -> Self {
        self.0.input(&input);
        self
    }

    fn sees(mut self, output: Output) -> Self {
        self.0.output(NOW, &output);
        self
    }

    fn command(self, line: &str) -> Self {
        self.hears(Input::Control(format!("{line}\r\n").as_bytes()))
    }

    fn says(self, reply: &str) -> Self {
        self.sees(Output::Send(reply.as_bytes().to_vec()))
    }

    fn exchange(self, command: &str, reply: &str) -> Self {
        self.command(command).says(reply).waits()
    }

    fn waits(self) -> Self {
        self.sees(Output::Wait(Some(Duration::from_secs(9))))
    }

    fn runs(self, id: u64) -> Self {
        self.sees(Output::Run {
            id: Id(id),
            route: DataRoute::Passive,
        })
    }

    fn tells(self, event: Event) -> Self {
        self.sees(Output::Event(event))
    }

    /// Nothing was wrong.
    #[track_caller]
    fn fine(self) -> Self {
        assert_eq!(self.0.objections(), [""; 0]);
        self
    }

    /// One thing was wrong: this.
    #[track_caller]
    fn objects(self, to: &str) {
        let objections = self.0.objections();
        assert_eq!(objections.len(), 1, "{to} in {objections:?}");
        assert!(objections[0].contains(to), "{to} in {objections:?}");
    }
}

fn path(name: &str) -> FtpPath {
    FtpPath::root().join(name.as_bytes()).unwrap()
}

fn perform(id: u64, operation: Operation) -> Output {
    let id = Id(id);
    Output::Perform { id, operation }
}

fn stat(id: u64) -> Output {
    perform(id, Operation::Stat(path("a")))
}

fn store(name: &str) -> TransferKind {
    TransferKind::Store {
        path: path(name),
        mode: StoreMode::Replace,
        expected: None,
    }
}

fn retrieve() -> TransferKind {
    TransferKind::Retrieve {
        path: path("a"),
        offset: 0,
        length: None,
    }
}

fn open(id: u64, kind: TransferKind) -> Output {
    Output::Open(Box::new(Transfer {
        id: Id(id),
        kind,
        ascii: false,
        began_unix: 0,
        peer: "192.0.2.7".parse().unwrap(),
        stall_timeout: Duration::from_secs(1),
        connect_timeout: Duration::from_secs(1),
        linger_timeout: Duration::from_secs(1),
        deflate: None,
        secure: false,
        names: Names::default(),
    }))
}

fn commit(id: u64) -> Output {
    Output::Commit { id: Id(id) }
}

fn discard(id: u64) -> Output {
    Output::Discard {
        id: Id(id),
        reason: TransferFailure::Truncated,
    }
}

fn done(id: u64, outcome: Result<(), TransferFailure>) -> Input<'static> {
    Input::TransferDone {
        id: Id(id),
        report: TransferReport::new(3, outcome),
    }
}

fn ended(id: u64) -> Input<'static> {
    Input::TransferEof {
        id: Id(id),
        bytes: 3,
        stored: 3,
        waited: Duration::ZERO,
    }
}

#[test]
fn nothing_comes_after_the_close() {
    let closed = || Run::greeted().sees(Output::Close);
    closed().sees(Output::Wait(None)).fine();
    closed().says("221 x\r\n").objects("after Close came Send");
    closed().waits().objects("after Close came Wait");
    closed().sees(stat(1)).objects("after Close came Perform");
}

#[test]
fn replies_have_their_form_and_their_command() {
    Run::greeted().says("200 x\r\n").objects("answers none");
    Run::greeted().says("200 x\n").objects("without CRLF");
    let other = Run::greeted().command("PWD").says("250 x\r\n");
    other.objects("answers none of [PWD]");
    let many = |lines: usize| format!("211-a\r\n{}211 b\r\n", " 0123456789\r\n".repeat(lines));
    let stat = || Run::greeted().command("STAT");
    stat().says(&many(25_000)).fine();
    stat()
        .says(&many(25_300))
        .objects("one write of 328914 bytes");
}

#[test]
fn one_request_at_a_time_each_with_its_own_id() {
    Run::logged_in(true).sees(stat(2)).fine();
    Run::logged_in(true).sees(stat(1)).objects("used before");
    let two = Run::logged_in(true).sees(stat(2)).sees(stat(3));
    two.objects("Id(3) was asked while Id(2) was Asked");
    let answered = |id| Input::Performed {
        id: Id(id),
        result: Err(StorageError::new(ErrorKind::NotFound, "No.")),
    };
    let one = || Run::logged_in(true).sees(stat(2));
    one().hears(answered(2)).sees(stat(3)).fine();
    // An answer that nobody waits for makes no room.
    let late = one().hears(answered(1)).sees(stat(3));
    late.objects("while Id(2) was Asked");
    let running = Run::opened("STOR a", store("a")).runs(3);
    running.sees(stat(4)).objects("while Id(3) was Running");
}

#[test]
fn who_is_not_logged_in_has_no_files() {
    let listen = || Output::Listen { id: Id(9) };
    for (output, what) in [
        (stat(9), "an operation"),
        (listen(), "Listen"),
        (open(9, retrieve()), "a transfer"),
    ] {
        let what = format!("{what} before login");
        Run::greeted().sees(output).objects(&what);
    }
    Run::logged_in(true).sees(listen()).fine();
    // Each of these ends a login: REIN, USER and AUTH.
    for (line, reply) in [
        ("REIN", "220 x\r\n"),
        ("USER u", "331 x\r\n"),
        ("AUTH TLS", "234 x\r\n"),
    ] {
        let mut run = Run::logged_in(true).command(line).says(reply);
        if line == "AUTH TLS" {
            run = run.sees(Output::StartTls).hears(Input::TlsUp);
        }
        run.sees(listen()).objects("before login");
    }
    // A login that failed is none.
    let result = Err(StorageError::new(ErrorKind::Denied, "No."));
    let refused = Run::greeted()
        .command("PASS x")
        .sees(Output::Login {
            id: Id(1),
            user: b"u".to_vec(),
            password: Secret::new("x"),
            host: None,
            secure: false,
        })
        .hears(Input::Login { id: Id(1), result })
        .says("530 x\r\n");
    refused.sees(stat(2)).objects("before login");
}

#[test]
fn who_may_not_write_does_not() {
    let (a, b) = (|| path("a"), || path("b"));
    let changes = FactChanges::mode(0o644);
    let algorithm = HashAlgorithm::Md5;
    for (operation, writes) in [
        (Operation::Stat(a()), false),
        (Operation::ChangeDirectory(a()), false),
        (
            Operation::List {
                path: a(),
                limit: 9,
            },
            false,
        ),
        (
            Operation::Hash {
                path: a(),
                algorithm,
                range: None,
            },
            false,
        ),
        (Operation::Space(a()), false),
        (Operation::MakeDirectory(a()), true),
        (Operation::RemoveDirectory(a()), true),
        (Operation::Delete(a()), true),
        (Operation::Rename { from: a(), to: b() }, true),
        (Operation::SetFacts { path: a(), changes }, true),
        (Operation::Copy { from: a(), to: b() }, true),
        (
            Operation::Combine {
                target: a(),
                sources: vec![b()],
            },
            true,
        ),
        (
            Operation::Symlink {
                target: a(),
                link: b(),
            },
            true,
        ),
        (Operation::RemoveTree(a()), true),
    ] {
        let asked = |writable| Run::logged_in(writable).sees(perform(2, operation.clone()));
        asked(true).fine();
        if writes {
            asked(false).objects("an operation without the right to write");
        } else {
            asked(false).fine();
        }
    }
    Run::logged_in(false).sees(open(2, retrieve())).fine();
    let upload = Run::logged_in(false).sees(open(2, store("a")));
    upload.objects("a transfer without the right to write");
}

#[test]
fn a_transfer_goes_its_way() {
    let opened = || Run::opened("STOR a", store("a"));
    opened().runs(3).fine();
    let asked = || Run::logged_in(true).sees(open(2, store("a")));
    asked()
        .sees(commit(2))
        .objects("Commit of Id(2) while Some((Id(2), Asked))");
    opened().runs(2).objects("Run of Id(2)");
    opened().runs(3).sees(commit(3)).objects("Commit of Id(3)");
    opened().sees(discard(3)).objects("Discard of Id(3)");
    Run::uploaded().sees(commit(3)).fine();
    Run::uploaded().sees(discard(3)).fine();
    let both = Run::uploaded().sees(commit(3)).sees(discard(3));
    both.objects("Discard of Id(3) while Some((Id(3), Judged))");
    // A storage that refuses has nothing to run.
    let refused = asked().hears(Input::TransferReady {
        id: Id(2),
        result: Err(StorageError::new(ErrorKind::Busy, "No.")),
    });
    let active = DataRoute::Active("192.0.2.7:20".parse().unwrap());
    let run = |id, route| Output::Run { id: Id(id), route };
    refused
        .sees(run(2, active))
        .objects("Run of Id(2) while None");
}

#[test]
fn a_passive_transfer_has_a_listener() {
    let ready = |run: Run| {
        let (id, result) = (Id(3), Ok(None));
        run.sees(open(3, retrieve()))
            .hears(Input::TransferReady { id, result })
    };
    ready(Run::logged_in(true))
        .runs(3)
        .objects("without a listener");
    let listening = |address| {
        Run::logged_in(true)
            .sees(Output::Listen { id: Id(2) })
            .hears(Input::Listening { id: Id(2), address })
    };
    let address = Some("192.0.2.1:2000".parse().unwrap());
    ready(listening(address)).runs(3).fine();
    ready(listening(None)).runs(3).objects("without a listener");
    let closed = listening(address).sees(Output::StopListening);
    ready(closed).runs(3).objects("without a listener");
    let active = DataRoute::Active("192.0.2.7:20".parse().unwrap());
    let (id, route) = (Id(3), active);
    let run = ready(Run::logged_in(true)).sees(Output::Run { id, route });
    run.fine();
}

#[test]
fn only_what_runs_is_cancelled() {
    let cancel = |id| Output::Cancel { id: Id(id) };
    let running = || Run::opened("STOR a", store("a")).runs(3);
    running().sees(cancel(3)).fine();
    running().sees(cancel(2)).objects("does not run");
    Run::greeted().sees(cancel(4)).objects("does not run");
    let over = running().hears(done(3, Err(TransferFailure::Cancelled)));
    over.sees(cancel(3)).objects("does not run");
    let twice = running().sees(cancel(3)).sees(cancel(3));
    twice.objects("does not run");
}

#[test]
fn texts_show_neither_secrets_nor_control_characters() {
    let text = |text: &str| String::from(text);
    let all = |shown: &str| {
        vec![
            Event::Command(text(shown)),
            Event::Reply(text(shown)),
            Event::LoggedIn { user: text(shown) },
            Event::LoginFailed {
                user: text(shown),
                reason: text("x"),
            },
            Event::LoginFailed {
                user: text("x"),
                reason: text(shown),
            },
        ]
    };
    for event in all("PASS s3cr3t") {
        Run::greeted().tells(event).objects("a secret");
    }
    for raw in ["a\nb", "\u{7f}", "a\u{85}"] {
        for event in all(raw) {
            Run::greeted().tells(event).objects("control characters");
        }
    }
    for event in all("© 2020") {
        Run::greeted().tells(event).fine();
    }
    Run::greeted()
        .tells(Event::Closing("s3cr3t"))
        .objects("a secret");
    let transfer = |path: FtpPath| Event::Transfer {
        verb: "STOR",
        path,
        bytes: 1,
        code: 226,
    };
    let named = Run::greeted().tells(transfer(path("s3cr3t")));
    named.objects("a secret");
    let user = b"s3cr3t".to_vec();
    let login = Output::Login {
        id: Id(1),
        user,
        password: Secret::new("x"),
        host: None,
        secure: false,
    };
    // Debug shows the bytes of a name as numbers.
    Run::greeted().sees(login).fine();
    let told = || Event::Command(String::from("CWD s3cr3t"));
    // Who says a secret where it may be shown has told it.
    Run::greeted().command("CWD s3cr3t").tells(told()).fine();
    let pass = Run::greeted().command("PASS s3cr3t");
    pass.tells(told()).objects("a secret");
    Run::greeted()
        .tells(Event::TlsUp)
        .tells(Event::TlsDown)
        .fine();
}

#[test]
fn a_session_waits_for_something_or_ends() {
    let forever = || Output::Wait(None);
    Run::greeted().sees(forever()).objects("waits for nothing");
    let asked = Run::logged_in(true).sees(stat(2));
    asked.sees(forever()).fine();
    for last in ["421 x\r\n", "221 x\r\n"] {
        let bye = || Run::greeted().command("QUIT").says(last);
        bye().sees(Output::Close).fine();
        bye().waits().objects("goes on after its last reply");
    }
    let due = || Output::Wait(Some(NOW.mono));
    Run::greeted().sees(due()).fine();
    let ticked = || Run::greeted().hears(Input::Tick);
    ticked().waits().fine();
    ticked().sees(due()).objects("left the deadline");
    let other = ticked().hears(Input::Admin(Admin::Drain));
    other.sees(due()).fine();
}

#[test]
fn tls_is_watched_too() {
    Run::greeted()
        .sees(Output::StartTls)
        .objects("StartTls where");
    let login = Output::Login {
        id: Id(1),
        user: b"u".to_vec(),
        password: Secret::new("x"),
        host: None,
        secure: true,
    };
    Run::greeted().sees(login).objects("told true of TLS");
    let policy = TlsPolicy {
        required_for_data: true,
        ..TlsPolicy::default()
    };
    let mut clear = Run::logged_in(true);
    clear.0.tls_policy(policy);
    clear
        .sees(open(2, retrieve()))
        .objects("a transfer in clear");
}

#[test]
fn at_rest_everything_is_answered() {
    let at_rest = |mut run: Run, wants_input| {
        run.0.rest(wants_input);
        run
    };
    at_rest(Run::greeted(), true).fine();
    at_rest(Run::greeted(), false).objects("wants none");
    let unanswered = || Run::greeted().command("NOOP");
    at_rest(unanswered(), true).objects("no reply to [NOOP]");
    assert_eq!(at_rest(unanswered(), false).0.objections().len(), 2);
    // Who waits for the storage or for TLS, or has gone, need not answer.
    let asked = unanswered().command("PASS x").sees(Output::Login {
        id: Id(1),
        user: b"u".to_vec(),
        password: Secret::new("x"),
        host: None,
        secure: false,
    });
    at_rest(asked, false).fine();
    let changing = Run::greeted()
        .command("AUTH TLS")
        .says("234 x\r\n")
        .sees(Output::StartTls)
        .command("NOOP");
    at_rest(changing, false).fine();
    at_rest(unanswered().sees(Output::Close), false).fine();
}

#[test]
fn what_is_said_of_files_is_true() {
    let asked = || Run::logged_in(true).command("SIZE a");
    asked().says("213 3\r\n").fine();
    asked().says("213 4\r\n").objects("has Some(3) bytes");
    let gone = Run::logged_in(true).command("DELE b");
    gone.says("250 x\r\n").objects("was not there");
}

/// The store with these bytes as `/a`.
fn with_a(bytes: &str) -> MemoryStore {
    MemoryStore::new()
        .with_file("/a", bytes)
        .with_directory("/d")
}

fn compared(mut run: Run, store: &MemoryStore) -> Run {
    run.0.compare(store);
    run
}

#[test]
fn the_store_is_as_it_was_told() {
    compared(Run::greeted(), &with_a("old")).fine();
    compared(Run::greeted(), &with_a("new")).objects("stored files [\"/a=new\"]");
    let bare = MemoryStore::new().with_file("/a", "old");
    compared(Run::greeted(), &bare).objects("stored directories []");
    let more = with_a("old").with_file("/d/b", "");
    compared(Run::greeted(), &more).objects("/d/b=");
    let stored = || {
        Run::uploaded()
            .sees(commit(3))
            .hears(done(3, Ok(())))
            .says("226 x\r\n")
    };
    compared(stored(), &with_a("new")).fine();
    compared(stored(), &with_a("old")).objects("acknowledged files [\"/a=new\"]");
}

#[test]
fn a_commit_that_nobody_heard_of_leaves_two_truths() {
    let ordered = || Run::uploaded().sees(commit(3));
    let failed = || {
        let error = StorageError::new(ErrorKind::Busy, "No.");
        Err(TransferFailure::Storage(error))
    };
    // Ordered, and not answered; or answered, and not told.
    let silent = || ordered().hears(done(3, Ok(())));
    for (run, stored, fits) in [
        (ordered(), "old", true),
        (ordered(), "new", true),
        (ordered(), "odd", false),
        (silent(), "old", true),
        (silent(), "new", true),
        (silent(), "odd", false),
        // Nothing was ordered, or it failed: there is one truth.
        (Run::uploaded(), "old", true),
        (Run::uploaded(), "new", false),
        (ordered().hears(done(3, failed())), "old", true),
        (ordered().hears(done(3, failed())), "new", false),
    ] {
        let run = compared(run.sees(Output::Close), &with_a(stored));
        if fits {
            run.fine();
        } else {
            run.objects("stored files");
        }
    }
}

#[test]
fn objections_do_not_pile_up() {
    let run = (0..20).fold(Run::greeted(), |run, _| run.says("200 x\r\n"));
    assert_eq!(run.0.objections().len(), MAX_OBJECTIONS);
}
