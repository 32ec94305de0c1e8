//! A whole FTP server for one client: standard input is the control connection, standard output
//! gets the replies, the files live in memory.
//! `cargo run -p ossftp-core --features sim --example stdio -- PASSWORD`
//!
//! One thread does what the session asks for, in order, and hands in what came of it. While it
//! moves the bytes of a transfer it does not listen to the client, so ABOR is heard afterwards.
//! A driver that wants more moves them on another thread: a `TransferHandle` is made for that.

// The rule is for the core: sockets, threads and clocks are what a driver is there for.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

use ossftp_core::driver::{DataStream, Report, Requests};
use ossftp_core::sim::MemoryStore;
use ossftp_core::{DataError, DataRoute, Input, Now, Output, Peer, Session, TransferFailure};
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, SocketAddrV4, TcpListener, TcpStream};
use std::sync::mpsc::{RecvTimeoutError as Nothing, sync_channel};
use std::time::{Duration, Instant, UNIX_EPOCH};
use std::{sync::Arc, thread};

/// Both ends of the control connection, as the session is told: the client is on this machine.
const HOST: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0));
/// For the client to make its data connection, or to take ours.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);
/// For control bytes that have arrived to come from the reading thread. A socket could be asked.
const READER_TIME: Duration = Duration::from_millis(50);

fn main() {
    let password = std::env::args().nth(1).unwrap_or_else(|| {
        eprintln!("Log in as demo with the password demo.");
        String::from("demo")
    });
    let store = MemoryStore::new().with_user("demo", password, true);
    run(store, BufReader::new(io::stdin()), io::stdout());
}

/// Serves the client of one control connection until its session is over.
pub(crate) fn run(store: MemoryStore, from: impl BufRead + Send + 'static, mut to: impl Write) {
    let epoch = Instant::now();
    let unix = |since: Duration| since.as_secs().cast_signed();
    let now = || Now {
        mono: epoch.elapsed(),
        unix: UNIX_EPOCH.elapsed().map_or(0, unix),
    };
    // Only a thread can wait for standard input. It reads no faster than the session takes it.
    let (reader, control) = sync_channel(1024);
    let mut bytes = from.bytes().map_while(Result::ok);
    thread::spawn(move || bytes.try_for_each(|byte| reader.send(byte)));

    store.set_time(now().unix);
    let mut session = Session::new(Arc::default(), Peer::new(HOST, HOST), now());
    let mut requests = Requests::new(Arc::new(store), HOST.ip());
    let (mut listener, mut report) = (None, None);
    loop {
        match requests.task(session.poll_output()) {
            // A login, an operation, or what of a transfer is the storage's to do.
            Ok(task) => session.handle(now(), requests.input(task.perform())),
            Err(Output::Send(reply)) if to.write_all(&reply).is_ok() => {}
            Err(Output::Send(_)) => session.handle(now(), Input::ControlClosed),
            Err(Output::Listen { id }) => {
                listener = TcpListener::bind(HOST).ok();
                let address = listener.as_ref().and_then(|l| l.local_addr().ok());
                session.handle(now(), Input::Listening { id, address });
            }
            Err(Output::StopListening) => listener = None,
            Err(Output::Run { id, route }) => {
                let socket = connect(route, listener.take());
                report = requests.transfer(id).map(|transfer| match socket {
                    Ok(socket) => {
                        session.handle(now(), Input::DataConnected { id });
                        transfer.pump(Data(socket))
                    }
                    Err(_) => transfer.end(Some(TransferFailure::Data(DataError::NotConnected))),
                });
            }
            // An upload that is dropped before its commit is discarded.
            Err(Output::Cancel { id }) => drop(requests.cancel(id)),
            Err(Output::Close) => return,
            Err(Output::Event(event)) => eprintln!("{event}"),
            Err(Output::Wait(deadline)) => {
                // What the client sent before the end of an upload is handed in before it: one
                // that was killed closes its control connection too.
                let patience = |r: &Report| READER_TIME * u32::from(r.is_eof());
                let left = deadline.map(|at| at.saturating_sub(epoch.elapsed()));
                let limit = report.as_ref().map(patience).or(left);
                let received = control.recv_timeout(limit.unwrap_or(Duration::MAX));
                session.handle(now(), Input::Tick);
                match received {
                    Ok(byte) => session.handle(now(), Input::Control(&[byte])),
                    Err(Nothing::Disconnected) => session.handle(now(), Input::ControlClosed),
                    Err(Nothing::Timeout) => {}
                }
                if let Some(report) = report.take_if(|_| received.is_err()) {
                    session.handle(now(), requests.input(report));
                }
            }
            Err(output) => eprintln!("This driver cannot do {output:?}."),
        }
    }
}

fn connect(route: DataRoute, listener: Option<TcpListener>) -> io::Result<TcpStream> {
    if let DataRoute::Active(to) = route {
        return TcpStream::connect_timeout(&to, CONNECT_TIMEOUT);
    }
    let listener = listener.ok_or(ErrorKind::NotConnected)?;
    let until = Instant::now() + CONNECT_TIMEOUT;
    listener.set_nonblocking(true)?;
    loop {
        match listener.accept() {
            Ok((socket, from)) if from.ip() == HOST.ip() => {
                return socket.set_nonblocking(false).map(|()| socket);
            }
            Err(e) if e.kind() != ErrorKind::WouldBlock || Instant::now() > until => return Err(e),
            _ => thread::sleep(Duration::from_millis(5)),
        }
    }
}

/// An open data connection.
struct Data(TcpStream);

impl Read for Data {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Write for Data {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }
    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl DataStream for Data {
    fn set_timeout(&mut self, timeout: Duration) -> io::Result<()> {
        self.0.set_read_timeout(Some(timeout))?;
        self.0.set_write_timeout(Some(timeout))
    }
    fn waited(&self) -> Duration {
        Duration::ZERO // Not known; READER_TIME does for it.
    }
    fn finish_writing(&mut self) -> io::Result<()> {
        self.0.shutdown(Shutdown::Write)
    }
}
