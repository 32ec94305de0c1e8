//! The states that the cases begin in.

use ossftp_core::sim::{DataPlan, Fault, MemoryStore, Record, Script, Simulator, Step};
use ossftp_core::{ActivePolicy, Capabilities, Charset, ErrorKind, Modes, Peer, SessionConfig};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::time::Duration;

/// Where a session stands when the command of a case comes.
///
/// Unless it says otherwise, `demo` is logged in, in TYPE I, at `/`, and has prepared no data
/// connection. There are `/a.txt` with `hello`, `/dir/b.txt` with `world`, and `/empty/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// Greeted, nobody is named.
    Hello,
    /// Greeted over IPv6.
    HelloV6,
    /// USER demo was said.
    Named,
    /// USER somebody was said, whom nobody knows.
    Unknown,
    /// Two wrong passwords came, and USER demo.
    WrongTwice,
    /// USER demo was said, and the storage fails the login so.
    LoginFails(ErrorKind),
    /// Greeted, and 19 unknown commands came.
    Puzzled,
    /// Greeted, by a listener that knows the hosts `one.example` and `::1`.
    Hosts,
    /// Logged in.
    In,
    /// Logged in again: USER demo came after a login.
    Again,
    /// Logged in and in `/dir`.
    Inside,
    /// `guest` is logged in, who may only read.
    Guest,
    /// The same, after EPSV.
    GuestEpsv,
    /// Logged in, and no TYPE was said.
    NoType,
    /// The same, where sessions begin in TYPE I.
    NoTypeImage,
    /// In TYPE A.
    Text,
    /// In TYPE A, after EPSV.
    TextEpsv,
    /// In TYPE A, after EPSV, where TYPE A changes nothing.
    PlainText,
    /// After PASV.
    Pasv,
    /// After EPSV.
    Epsv,
    /// After PORT.
    Port,
    /// After EPRT.
    Eprt,
    /// After EPSV and a download.
    Used,
    /// After EPSV ALL.
    EpsvAll,
    /// After EPSV ALL and EPSV.
    EpsvAllEpsv,
    /// Over IPv6.
    V6,
    /// Over IPv6, after EPSV.
    V6Epsv,
    /// No passive port is free.
    NoPorts,
    /// Active data connections are closed.
    NoActive,
    /// Active data connections may go anywhere.
    AnyActive,
    /// After EPSV, and the client will not connect.
    NoClient,
    /// After EPSV, and the client will break the data connection.
    Broken,
    /// After EPSV, and the client will let the data connection stall.
    Stalled,
    /// After EPSV and REST 2.
    Rest,
    /// After EPSV and REST 100.
    RestFar,
    /// After EPSV and REST 2, and then TYPE A.
    RestText,
    /// After EPSV and RANG 1 3.
    Range,
    /// After EPSV and RANG 100 200.
    RangeFar,
    /// After EPSV and RANG 1 3, and then TYPE A.
    RangeText,
    /// After EPSV and ALLO 10, where fewer bytes are too few.
    Promised,
    /// After MODE Z and EPSV.
    Deflate,
    /// The same, and the client sends no zlib stream.
    NoStream,
    /// MODE Z is not offered.
    NoDeflate,
    /// After RNFR a.txt.
    Rnfr,
    /// After RNFR dir.
    RnfrDir,
    /// After RNFR a.txt, and the next operation fails so.
    RnfrFails(ErrorKind),
    /// After SITE CPFR a.txt.
    Cpfr,
    /// After SITE CPFR a.txt, and the next operation fails so.
    CpfrFails(ErrorKind),
    /// After EPSV, and the next operation and the next opening of a transfer fail so.
    Fails(ErrorKind),
    /// After EPSV, and the next transfer fails so in the middle.
    Halfway(ErrorKind),
    /// After EPSV, and the next upload fails so at its end.
    AtTheEnd(ErrorKind),
    /// After EPSV, and hardly a byte can be stored.
    Full,
    /// After EPSV, with a storage that can do nothing special.
    Bare,
    /// Greeted, by a listener whose storage can do everything.
    HelloAll,
    /// With a storage that lets modes pass and keeps none.
    ModesIgnored,
    /// A download is under way: `a.txt`, of which the client has taken two bytes.
    Loading,
    /// An upload is under way.
    Storing,
    /// A transfer is being opened.
    Opening,
    /// The storage is deleting a file.
    Deleting,
    /// Greeted, TLS is offered.
    Tls,
    /// Logged in in clear, TLS is offered.
    TlsIn,
    /// TLS is up, nobody is logged in.
    Secure,
    /// TLS is up, PBSZ was said.
    Sized,
    /// TLS is up, logged in.
    SecureIn,
    /// The same, after PBSZ and EPSV; clear data connections.
    SecureClear,
    /// The same, after PBSZ, PROT P and EPSV.
    Private,
    /// The same, and the handshake on the data connection will fail.
    PrivateFails,
    /// Greeted; logins have to be under TLS.
    LoginNeedsTls,
    /// The same, and TLS is up.
    LoginHasTls,
    /// Logged in in clear, after EPSV; data connections have to be under TLS.
    DataNeedsTls,
    /// The same under TLS, after PBSZ.
    DataClear,
    /// The same, after PROT P and EPSV.
    DataPrivate,
    /// TLS is up, logged in, and CCC is allowed.
    CccAllowed,
    /// Logged in in clear, and CCC is allowed.
    CccClear,
    /// With the charset GBK.
    Gbk,
    /// The same, after OPTS UTF8 OFF.
    GbkOff,
    /// The same, in a directory whose name GBK does not have.
    Unsayable,
}

const V6_CLIENT: SocketAddr = SocketAddr::new(
    IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 7)),
    50_000,
);
const V6_SERVER: SocketAddr = SocketAddr::new(
    IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1)),
    21,
);

const LOGIN: [(&str, u16); 2] = [("USER demo", 331), ("PASS secret", 230)];

/// All that a case needs but its command.
struct Scene {
    config: SessionConfig,
    store: MemoryStore,
    v6: bool,
    /// What brings the session there, with the replies.
    way: Vec<(&'static str, u16)>,
    /// How the storage fails after that.
    faults: Vec<(Fault, ErrorKind)>,
    /// What comes before the command, without waiting for replies.
    before: Vec<Step>,
    /// What comes after the command.
    after: Vec<Step>,
    plan: Option<DataPlan>,
}

impl Scene {
    fn new() -> Self {
        Self {
            config: SessionConfig::default(),
            store: MemoryStore::new()
                .with_user("demo", "secret", true)
                .with_user("guest", "secret", false)
                .with_file("/a.txt", "hello")
                .with_file("/dir/b.txt", "world")
                .with_directory("/empty"),
            v6: false,
            way: Vec::new(),
            faults: Vec::new(),
            before: Vec::new(),
            after: Vec::new(),
            plan: None,
        }
    }

    fn way(mut self, way: &[(&'static str, u16)]) -> Self {
        self.way.extend(way);
        self
    }

    fn login(self) -> Self {
        self.way(&LOGIN).way(&[("TYPE I", 200)])
    }

    fn epsv(self) -> Self {
        self.way(&[("EPSV", 229)])
    }

    fn config(mut self, change: impl FnOnce(&mut SessionConfig)) -> Self {
        change(&mut self.config);
        self
    }

    fn tls(self) -> Self {
        self.config(|config| config.tls.offered = true)
    }

    fn store(mut self, change: impl FnOnce(MemoryStore) -> MemoryStore) -> Self {
        self.store = change(self.store);
        self
    }

    fn fails(mut self, at: &[Fault], kind: ErrorKind) -> Self {
        self.faults.extend(at.iter().map(|at| (*at, kind)));
        self
    }

    /// The model of the files knows names in UTF-8 only.
    fn has_charset(&self) -> bool {
        self.config.charset.is_some()
    }

    fn before(mut self, steps: impl IntoIterator<Item = Step>) -> Self {
        self.before.extend(steps);
        self
    }

    fn after(mut self, steps: impl IntoIterator<Item = Step>) -> Self {
        self.after.extend(steps);
        self
    }

    fn plan(mut self, plan: DataPlan) -> Self {
        self.plan = Some(plan);
        self
    }
}

fn send(line: &str) -> Step {
    Step::Send(format!("{line}\r\n").into_bytes())
}

/// The scene of a state, for a command that sends data or not.
fn scene(state: State, uploads: bool) -> Scene {
    let begin = Scene::new();
    let secure = |scene: Scene| scene.tls().way(&[("AUTH TLS", 234)]);
    let sized = |scene: Scene| secure(scene).way(&[("PBSZ 0", 200)]);
    let plan = plan(uploads);
    let held = |line, plan: DataPlan, end| {
        let steps = [Step::Data(plan.holds()), send(line), Step::Quiet];
        Scene::new().login().epsv().before(steps).after([end])
    };
    let later = |seconds| [Step::Sleep(Duration::from_secs(seconds))];
    match state {
        State::Hello => begin,
        State::HelloV6 => Scene { v6: true, ..begin },
        State::Named => begin.way(&[("USER demo", 331)]),
        State::Unknown => begin.way(&[("USER somebody", 331)]),
        State::WrongTwice => begin.way(&[
            ("USER demo", 331),
            ("PASS wrong", 530),
            ("USER demo", 331),
            ("PASS wrong", 530),
            ("USER demo", 331),
        ]),
        State::LoginFails(kind) => begin
            .way(&[("USER demo", 331)])
            .fails(&[Fault::Login], kind),
        State::Puzzled => begin.way(&[("XYZZY", 500); 19]),
        State::Hosts => begin.config(|c| c.hosts = vec!["one.example".into(), "::1".into()]),
        State::In => begin.login(),
        State::Again => begin.login().way(&[("USER demo", 331)]),
        State::Inside => begin.login().way(&[("CWD dir", 250)]),
        State::Guest | State::GuestEpsv => {
            let guest = begin.way(&[("USER guest", 331), ("PASS secret", 230), ("TYPE I", 200)]);
            if state == State::Guest {
                guest
            } else {
                guest.epsv()
            }
        }
        State::NoType => begin.way(&LOGIN),
        State::NoTypeImage => begin.config(|c| c.image_by_default = true).way(&LOGIN),
        State::Text => begin.login().way(&[("TYPE A", 200)]),
        State::TextEpsv => begin.login().way(&[("TYPE A", 200)]).epsv(),
        State::PlainText => {
            let scene = begin.config(|c| c.convert_ascii = false);
            scene.login().way(&[("TYPE A", 200)]).epsv()
        }
        State::Pasv => begin.login().way(&[("PASV", 227)]),
        State::Epsv => begin.login().epsv(),
        State::Port => begin.login().way(&[("PORT 192,0,2,7,100,0", 200)]),
        State::Eprt => begin.login().way(&[("EPRT |1|192.0.2.7|25600|", 200)]),
        State::Used => {
            let steps = [
                Step::Data(DataPlan::download()),
                send("RETR a.txt"),
                Step::Quiet,
            ];
            begin.login().epsv().before(steps)
        }
        State::EpsvAll => begin.login().way(&[("EPSV ALL", 200)]),
        State::EpsvAllEpsv => begin.login().way(&[("EPSV ALL", 200)]).epsv(),
        State::V6 => Scene { v6: true, ..begin }.login(),
        State::V6Epsv => Scene { v6: true, ..begin }.login().epsv(),
        State::NoPorts => begin.login().before([Step::Ports(false)]),
        State::NoActive => begin.config(|c| c.active = ActivePolicy::Closed).login(),
        State::AnyActive => begin
            .config(|c| c.active = ActivePolicy::AnyAddress)
            .login(),
        State::NoClient => begin
            .login()
            .epsv()
            .plan(DataPlan::never())
            .after(later(31)),
        State::Broken => begin.login().epsv().plan(plan.after(1).breaks()),
        State::Stalled => begin
            .login()
            .epsv()
            .plan(plan.after(1).holds())
            .after(later(61)),
        State::Rest => begin.login().epsv().way(&[("REST 2", 350)]),
        State::RestFar => begin.login().epsv().way(&[("REST 100", 350)]),
        State::RestText => begin
            .login()
            .epsv()
            .way(&[("REST 2", 350), ("TYPE A", 200)]),
        State::Range => begin.login().epsv().way(&[("RANG 1 3", 350)]),
        State::RangeFar => begin.login().epsv().way(&[("RANG 100 200", 350)]),
        State::RangeText => begin
            .login()
            .epsv()
            .way(&[("RANG 1 3", 350), ("TYPE A", 200)]),
        State::Promised => {
            let scene = begin.config(|c| c.strict_allo = true).login().epsv();
            scene.way(&[("ALLO 10", 200)])
        }
        State::Deflate => begin.login().way(&[("MODE Z", 200)]).epsv(),
        State::NoStream => {
            let scene = begin.login().way(&[("MODE Z", 200)]).epsv();
            scene.plan(plan.as_it_is())
        }
        State::NoDeflate => begin.config(|c| c.offer_deflate = false).login(),
        State::Rnfr => begin.login().way(&[("RNFR a.txt", 350)]),
        State::RnfrDir => begin.login().way(&[("RNFR dir", 350)]),
        State::RnfrFails(kind) => {
            let scene = begin.login().way(&[("RNFR a.txt", 350)]);
            scene.fails(&[Fault::Perform], kind)
        }
        State::Cpfr => begin.login().way(&[("SITE CPFR a.txt", 350)]),
        State::CpfrFails(kind) => {
            let scene = begin.login().way(&[("SITE CPFR a.txt", 350)]);
            scene.fails(&[Fault::Perform], kind)
        }
        State::Fails(kind) => begin
            .login()
            .epsv()
            .fails(&[Fault::Perform, Fault::Open], kind),
        State::Halfway(kind) => begin.login().epsv().fails(&[Fault::Chunk(0)], kind),
        State::AtTheEnd(kind) => begin.login().epsv().fails(&[Fault::Commit], kind),
        State::Full => begin.store(|store| store.with_capacity(40)).login().epsv(),
        State::Bare => {
            let scene = begin.store(|store| store.with_capabilities(Capabilities::default()));
            scene.login().epsv()
        }
        State::HelloAll => begin.config(|c| c.capabilities = Capabilities::all()),
        State::ModesIgnored => {
            let mut capabilities = Capabilities::all();
            capabilities.modes = Modes::Ignored;
            begin
                .store(|store| store.with_capabilities(capabilities))
                .login()
        }
        State::Loading => held(
            "RETR a.txt",
            DataPlan::download().after(2),
            Step::DataResume,
        ),
        State::Storing => held("STOR new.txt", DataPlan::upload("new"), Step::DataClose),
        State::Opening => {
            let steps = [Step::HoldStorage, send("RETR a.txt"), Step::Quiet];
            let scene = begin.login().epsv().before(steps);
            scene.after([Step::ReleaseStorage])
        }
        State::Deleting => {
            let steps = [Step::HoldStorage, send("DELE a.txt"), Step::Quiet];
            begin.login().before(steps).after([Step::ReleaseStorage])
        }
        State::Tls => begin.tls(),
        State::TlsIn => begin.tls().login(),
        State::Secure => secure(begin),
        State::Sized => sized(begin),
        State::SecureIn => secure(begin).login(),
        State::SecureClear => sized(begin).login().epsv(),
        State::Private => sized(begin).way(&[("PROT P", 200)]).login().epsv(),
        State::PrivateFails => {
            let scene = sized(begin).way(&[("PROT P", 200)]).login().epsv();
            scene.plan(plan.without_tls())
        }
        State::LoginNeedsTls => begin.tls().config(|c| c.tls.required_for_login = true),
        State::LoginHasTls => secure(begin.config(|c| c.tls.required_for_login = true)),
        State::DataNeedsTls => {
            let scene = begin.tls().config(|c| c.tls.required_for_data = true);
            scene.login().epsv()
        }
        State::DataClear => {
            let scene = begin.config(|c| c.tls.required_for_data = true);
            sized(scene).login().epsv()
        }
        State::DataPrivate => {
            let scene = begin.config(|c| c.tls.required_for_data = true);
            sized(scene).way(&[("PROT P", 200)]).login().epsv()
        }
        State::CccAllowed => secure(begin.config(|c| c.tls.allow_ccc = true)).login(),
        State::CccClear => begin.tls().config(|c| c.tls.allow_ccc = true).login(),
        State::Gbk => begin.config(|c| c.charset = Some(Charset::Gbk)).login(),
        State::GbkOff => {
            let scene = begin.config(|c| c.charset = Some(Charset::Gbk)).login();
            scene.way(&[("OPTS UTF8 OFF", 200)])
        }
        State::Unsayable => {
            let scene = begin.config(|c| c.charset = Some(Charset::Gbk)).login();
            let scene = scene.way(&[("MKD \u{1f600}", 257), ("CWD \u{1f600}", 250)]);
            scene.way(&[("OPTS UTF8 OFF", 200)])
        }
    }
}

/// The codes of all replies that come once the session is in `state` and the client says `line`.
///
/// # Panics
/// The state cannot be reached, or a rule is broken that holds in every run.
pub(crate) fn replies(state: State, line: &str) -> Vec<u16> {
    let verb = line.split(' ').next().unwrap_or_default();
    let uploads = matches!(verb, "STOR" | "STOU" | "APPE");
    let scene = scene(state, uploads);
    let mut simulator = Simulator::new(scene.config.clone(), scene.store.clone());
    if scene.v6 {
        let peer = Peer::new(V6_CLIENT, V6_SERVER);
        simulator = simulator.with_peer(scene.config.clone(), peer);
    }
    if scene.has_charset() {
        simulator = simulator.without_model();
    }
    let mut way = Script::new().expect(220);
    for (line, code) in scene.way {
        way = way.send(line).expect(code);
    }
    let told = |result| {
        if let Err(failure) = result {
            panic!("{line} in {state:?}: {failure}");
        }
    };
    told(simulator.play(&way));
    for (at, kind) in scene.faults {
        scene.store.fail_next(at, kind);
    }
    let plan = scene.plan.unwrap_or_else(|| plan(uploads));
    let case = [Step::Data(plan), send(line), Step::Quiet];
    let steps = scene.before.into_iter().chain(case).chain(scene.after);
    simulator = simulator.lenient();
    told(simulator.play(&steps.fold(Script::new(), Script::step)));
    let records = simulator.transcript().records();
    let bytes = format!("{line}\r\n").into_bytes();
    let at = records
        .iter()
        .rposition(|record| *record == Record::Sent(bytes.clone()));
    let replies = records
        .iter()
        .skip(at.unwrap())
        .filter_map(|record| match record {
            Record::Reply(reply) => std::str::from_utf8(reply.get(..3)?).ok()?.parse().ok(),
            _ => None,
        });
    replies.collect()
}

fn plan(uploads: bool) -> DataPlan {
    if uploads {
        DataPlan::upload("new")
    } else {
        DataPlan::download()
    }
}
