//! What this runtime promises beyond the protocol: its limits hold, a storage that hangs or
//! panics harms only who asked it, and a stop leaves nothing behind.

use ossftp_core::driver::{
    Cancel, Lister, LoginRequest, ObjectReader, ObjectWriter, Storage, Volume,
};
use ossftp_core::sim::MemoryStore;
use ossftp_core::{Answer, FtpPath, LoginInfo, Operation, StorageError, StoreMode};
use ossftp_runtime_smol::{Server, ServerConfig};
use socket2::SockRef;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

const SOON: Duration = Duration::from_secs(10);

/// A client that speaks one line at a time.
struct Client {
    reader: BufReader<TcpStream>,
}

impl Client {
    /// Connects and takes the greeting.
    fn connect(server: &Server) -> Self {
        let stream = TcpStream::connect(server.local_addr()).unwrap();
        stream.set_read_timeout(Some(SOON)).unwrap();
        let reader = BufReader::new(stream);
        let mut client = Self { reader };
        client.expect("220");
        client
    }

    fn log_in(server: &Server) -> Self {
        let mut client = Self::connect(server);
        client.ask("USER demo", "331");
        client.ask("PASS secret", "230");
        client.ask("TYPE I", "200");
        client
    }

    fn send(&mut self, line: &str) {
        let line = format!("{line}\r\n");
        self.reader.get_mut().write_all(line.as_bytes()).unwrap();
    }

    fn expect(&mut self, code: &str) -> String {
        let mut line = String::new();
        self.reader.read_line(&mut line).unwrap();
        assert!(line.starts_with(code), "{code} was expected: {line:?}");
        line
    }

    fn ask(&mut self, line: &str, code: &str) -> String {
        self.send(line);
        self.expect(code)
    }

    /// A passive data connection, opened at once.
    fn passive(&mut self) -> TcpStream {
        let reply = self.ask("EPSV", "229");
        let port: u16 = reply.split('|').nth(3).unwrap().parse().unwrap();
        let ip = self.reader.get_ref().peer_addr().unwrap().ip();
        let data = TcpStream::connect(SocketAddr::new(ip, port)).unwrap();
        data.set_read_timeout(Some(SOON)).unwrap();
        data
    }

    /// Begins an upload, sends a little and leaves it there.
    fn stall_upload(&mut self, name: &str) -> TcpStream {
        let mut data = self.passive();
        self.ask(&format!("STOR {name}"), "150");
        data.write_all(b"half of").unwrap();
        data
    }

    fn expect_end(&mut self) {
        assert_eq!(self.reader.read(&mut [0; 16]).unwrap(), 0);
    }
}

fn store() -> MemoryStore {
    MemoryStore::new().with_user("demo", "secret", true)
}

fn start(storage: impl Storage, change: impl FnOnce(&mut ServerConfig)) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut config = ServerConfig::new(Arc::new(storage));
    change(&mut config);
    Server::start(listener, config).unwrap()
}

fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + SOON;
    while !holds() {
        assert!(Instant::now() < end, "{what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Where a storage hangs, whatever is cancelled, until it is let go on.
#[derive(Clone, Default)]
struct Gate(Arc<(Mutex<(bool, usize)>, Condvar)>);

impl Gate {
    fn hang(&self) {
        let (state, opened) = &*self.0;
        let mut state = state.lock().unwrap();
        state.1 += 1;
        drop(opened.wait_while(state, |(open, _)| !*open).unwrap());
    }

    fn open(&self) {
        self.0.0.lock().unwrap().0 = true;
        self.0.1.notify_all();
    }

    /// Waits until it has been hung in so often.
    fn wait_for(&self, times: usize) {
        eventually("the storage hangs", || self.0.0.lock().unwrap().1 == times);
    }
}

/// A storage where the login `panic` panics, and where the login `hang` and the file `/hang` do.
struct Moody {
    store: MemoryStore,
    gate: Gate,
}

struct MoodyVolume {
    volume: Arc<dyn Volume>,
    gate: Gate,
}

fn moody() -> (Moody, Gate) {
    let (store, gate) = (store(), Gate::default());
    let storage = Moody {
        store,
        gate: gate.clone(),
    };
    (storage, gate)
}

impl Storage for Moody {
    fn login(
        &self,
        request: &LoginRequest,
        cancel: &Cancel,
    ) -> Result<(Arc<dyn Volume>, LoginInfo), StorageError> {
        match request.user.as_slice() {
            b"panic" => panic!("on purpose"),
            b"hang" => self.gate.hang(),
            _ => {}
        }
        let (volume, info) = self.store.login(request, cancel)?;
        let gate = self.gate.clone();
        Ok((Arc::new(MoodyVolume { volume, gate }), info))
    }
}

impl Volume for MoodyVolume {
    fn perform(&self, operation: &Operation, cancel: &Cancel) -> Result<Answer, StorageError> {
        self.volume.perform(operation, cancel)
    }

    fn open_read(
        &self,
        path: &FtpPath,
        offset: u64,
        cancel: &Cancel,
    ) -> Result<Box<dyn ObjectReader>, StorageError> {
        if path.as_bytes() == b"/hang" {
            self.gate.hang();
        }
        self.volume.open_read(path, offset, cancel)
    }

    fn open_write(
        &self,
        path: &FtpPath,
        mode: StoreMode,
        expected: Option<u64>,
        cancel: &Cancel,
    ) -> Result<Box<dyn ObjectWriter>, StorageError> {
        self.volume.open_write(path, mode, expected, cancel)
    }

    fn open_list(
        &self,
        path: &FtpPath,
        files_too: bool,
        cancel: &Cancel,
    ) -> Result<Box<dyn Lister>, StorageError> {
        self.volume.open_list(path, files_too, cancel)
    }
}

/// The next reply code of each client, in the order in which they come.
fn replies(clients: Vec<Client>) -> Receiver<String> {
    let (sender, receiver) = channel();
    for mut client in clients {
        let sender = sender.clone();
        thread::spawn(move || {
            let mut reply = client.expect("");
            reply.truncate(3);
            sender.send(reply).unwrap();
        });
    }
    receiver
}

#[test]
fn who_comes_beyond_the_limit_gets_421() {
    let server = start(store(), |config| config.max_connections = 1);
    let mut first = Client::connect(&server);
    let stream = TcpStream::connect(server.local_addr()).unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    let reader = BufReader::new(stream);
    let mut second = Client { reader };
    second.expect("421 Too many connections");
    second.expect_end();
    first.ask("QUIT", "221");
    first.expect_end();
    drop(first);
    eventually("the seat is given back", || server.sessions() == 0);
    Client::connect(&server).ask("NOOP", "200");
    assert!(server.stop(SOON));
}

#[test]
fn a_storage_that_panics_is_an_answer_and_harms_nobody_else() {
    let server = start(moody().0, |_| {});
    let mut other = Client::log_in(&server);
    let mut client = Client::connect(&server);
    client.ask("USER panic", "331");
    client.ask("PASS x", "451");
    client.ask("USER demo", "331");
    client.ask("PASS secret", "230");
    other.ask("NOOP", "200");
    assert!(server.stop(SOON));
}

#[test]
fn operations_that_hang_fill_their_pool_and_then_the_server_is_busy() {
    let (storage, gate) = moody();
    let server = start(storage, |config| config.operation_threads = 1);
    let log_in = |_| {
        let mut client = Client::connect(&server);
        client.ask("USER hang", "331");
        client.send("PASS x");
        client
    };
    let replies = replies((0..8).map(log_in).collect());
    // One hangs, four wait, and for three there is no room.
    for expected in ["451", "451", "451"] {
        assert_eq!(replies.recv_timeout(SOON).unwrap(), expected);
    }
    gate.open();
    for expected in ["530", "530", "530", "530", "530"] {
        assert_eq!(replies.recv_timeout(SOON).unwrap(), expected);
    }
    assert!(server.stop(SOON));
}

#[test]
fn stalled_transfers_keep_out_transfers_but_no_logins() {
    let store = store();
    let server = start(store.clone(), |config| config.transfer_threads = 1);
    let mut stalled = Vec::new();
    let clients = (0..5).map(|n| {
        let mut client = Client::log_in(&server);
        stalled.push(client.stall_upload(&n.to_string()));
        client
    });
    let replies = replies(clients.collect());
    // One runs, one waits, and for three there is no room.
    for expected in ["450", "450", "450"] {
        assert_eq!(replies.recv_timeout(SOON).unwrap(), expected);
    }
    Client::log_in(&server).ask("CWD /", "250");
    drop(stalled);
    for expected in ["226", "226"] {
        assert_eq!(replies.recv_timeout(SOON).unwrap(), expected);
    }
    let whole: Vec<_> = store.files().into_values().collect();
    assert_eq!(whole, [b"half of", b"half of"]);
    assert!(server.stop(SOON));
    assert_eq!(store.open_uploads(), 0);
}

#[test]
fn openings_that_hang_are_left_behind_but_not_without_end() {
    let (storage, gate) = moody();
    storage.store.put("/file", "text");
    let server = start(storage, |_| {});
    let mut client = Client::log_in(&server);
    for times in 1..=3 {
        let _data = client.passive();
        client.send("RETR hang");
        gate.wait_for(times);
        client.ask("ABOR", "426");
        client.expect("226");
    }
    let _data = client.passive();
    client.ask("RETR file", "450");
    gate.open();
    eventually("they end", || {
        let mut data = client.passive();
        client.send("RETR file");
        if client.expect("").starts_with("450") {
            return false;
        }
        let mut text = String::new();
        data.read_to_string(&mut text).unwrap();
        drop(data);
        client.expect("226");
        text == "text"
    });
    assert!(server.stop(SOON));
}

#[test]
fn a_stop_waits_for_transfers_and_then_ends_their_sessions() {
    let store = store();
    let server = start(store.clone(), |_| {});
    let mut idle = Client::connect(&server);
    let mut client = Client::log_in(&server);
    let mut data = client.stall_upload("whole");
    let stopping = thread::spawn(move || server.stop(SOON));
    idle.expect("421");
    idle.expect_end();
    data.write_all(b" a file").unwrap();
    drop(data);
    client.expect("226");
    client.expect("421");
    client.expect_end();
    drop(client);
    assert!(stopping.join().unwrap());
    assert_eq!(store.file("/whole").unwrap(), b"half of a file");
}

#[test]
fn a_stop_without_time_discards_what_is_not_whole() {
    let store = store();
    let server = start(store.clone(), |_| {});
    let mut client = Client::log_in(&server);
    let mut data = client.stall_upload("half");
    assert!(server.stop(Duration::from_secs(1)));
    assert_eq!(store.open_uploads(), 0);
    assert!(store.files().is_empty());
    // Reset or ended, but not open.
    assert!(!matches!(data.read(&mut [0]), Ok(1..)));
}

#[test]
fn a_stop_says_so_when_the_storage_does_not_come_back() {
    let (storage, gate) = moody();
    let server = start(storage, |_| {});
    let mut client = Client::connect(&server);
    client.ask("USER hang", "331");
    client.send("PASS x");
    gate.wait_for(1);
    let stopped = server.stop(Duration::from_millis(400));
    gate.open();
    assert!(!stopped);
}

#[test]
fn a_client_that_does_not_read_is_let_go() {
    let server = start(store(), |config| {
        config.write_timeout = Duration::from_millis(100);
    });
    let client = Client::connect(&server);
    let mut stream = client.reader.get_ref();
    let commands = "HELP\r\n".repeat(1000);
    let end = Instant::now() + SOON;
    while server.sessions() > 0 && Instant::now() < end {
        // It fails when the server is full, and when it has gone.
        stream
            .set_write_timeout(Some(Duration::from_millis(50)))
            .unwrap();
        let _ = stream.write(commands.as_bytes());
    }
    assert_eq!(server.sessions(), 0);
}

#[test]
fn an_urgent_abor_is_heard_in_its_place() {
    let store = store();
    let server = start(store.clone(), |_| {});
    let mut client = Client::log_in(&server);
    let data = client.stall_upload("half");
    let control = SockRef::from(client.reader.get_ref());
    // As Python's ftplib does.
    assert_eq!(control.send_out_of_band(b"ABOR\r\n").unwrap(), 6);
    client.expect("426");
    client.expect("226");
    drop(data);
    eventually("it is discarded", || store.open_uploads() == 0);
    client.ask("NOOP", "200");
    assert!(server.stop(SOON));
    assert!(store.files().is_empty());
}
