//! A small blocking FTP client that says exactly what it is told, and fails on silence.

use super::DEADLINE;
use socket2::{Domain, Protocol, SockAddr, SockRef, Socket, Type};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

/// A control connection.
pub(crate) struct Client {
    reader: BufReader<TcpStream>,
}

impl Client {
    /// Connects and reads the greeting.
    pub(crate) fn connect(addr: SocketAddr) -> Self {
        let mut client = Self::connect_silently(addr);
        client.expect(220);
        client
    }

    /// Connects and reads nothing.
    pub(crate) fn connect_silently(addr: SocketAddr) -> Self {
        Self::over(TcpStream::connect(addr).expect("the server accepts"))
    }

    /// Over a connection that stands.
    pub(crate) fn over(socket: TcpStream) -> Self {
        socket.set_nodelay(true).expect("nodelay");
        socket.set_read_timeout(Some(DEADLINE)).expect("timeout");
        Self {
            reader: BufReader::new(socket),
        }
    }

    /// Connects, logs in as `demo`, and sets TYPE I.
    pub(crate) fn login(addr: SocketAddr) -> Self {
        let mut client = Self::connect(addr);
        client.ask("USER demo", 331);
        client.ask("PASS secret", 230);
        client.ask("TYPE I", 200);
        client
    }

    /// The socket itself.
    pub(crate) fn socket(&self) -> &TcpStream {
        self.reader.get_ref()
    }

    /// Sends bytes as they are.
    pub(crate) fn send_raw(&mut self, bytes: &[u8]) {
        self.socket().write_all(bytes).expect("the server reads");
    }

    /// Sends one line.
    pub(crate) fn send(&mut self, line: &str) {
        self.send_raw(format!("{line}\r\n").as_bytes());
    }

    /// Sends one line as Python's ftplib sends ABOR: all of it urgent.
    pub(crate) fn send_urgent(&mut self, line: &str) {
        SockRef::from(self.socket())
            .send_out_of_band(format!("{line}\r\n").as_bytes())
            .expect("the server reads");
    }

    /// The next reply, all of its lines; `None` when the server has closed instead.
    pub(crate) fn reply(&mut self) -> Option<(u16, String)> {
        let mut text = String::new();
        loop {
            let begin = text.len();
            let count = self.reader.read_line(&mut text).expect("a reply in time");
            if count == 0 {
                assert!(text.is_empty(), "closed within a reply: {text:?}");
                return None;
            }
            let first = text.get(..3).expect("a code").to_owned();
            let last = text.get(begin..).expect("a line");
            assert!(last.ends_with("\r\n"), "{last:?}");
            if last.starts_with(&format!("{first} ")) {
                return Some((first.parse().expect("digits"), text));
            }
        }
    }

    /// The next reply, which must have this code.
    #[track_caller]
    pub(crate) fn expect(&mut self, code: u16) -> String {
        match self.reply() {
            Some((got, text)) if got == code => text,
            other => panic!("expected {code}, got {other:?}"),
        }
    }

    /// The server closes now, after nothing more.
    #[track_caller]
    pub(crate) fn expect_end(&mut self) {
        let end = self.reply();
        assert!(end.is_none(), "expected the end, got {end:?}");
    }

    /// Sends a line and expects one reply.
    #[track_caller]
    pub(crate) fn ask(&mut self, line: &str, code: u16) -> String {
        self.send(line);
        self.expect(code)
    }

    /// EPSV: where to connect to.
    #[track_caller]
    pub(crate) fn epsv(&mut self) -> SocketAddr {
        let text = self.ask("EPSV", 229);
        let port = text.split('|').nth(3).expect("(|||port|)");
        let mut addr = self.socket().peer_addr().expect("connected");
        addr.set_port(port.parse().expect("a port"));
        addr
    }

    /// EPSV and the data connection.
    #[track_caller]
    pub(crate) fn passive(&mut self) -> TcpStream {
        let addr = self.epsv();
        data(TcpStream::connect(addr).expect("the passive port is open"))
    }

    /// EPRT: the listener that the server will connect to.
    #[track_caller]
    pub(crate) fn active(&mut self) -> TcpListener {
        let ip = self.socket().local_addr().expect("connected").ip();
        let listener = TcpListener::bind((ip, 0)).expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        self.ask(&format!("EPRT |1|{ip}|{port}|"), 200);
        listener
    }

    /// A whole passive upload, up to its 226.
    #[track_caller]
    pub(crate) fn store(&mut self, command: &str, bytes: &[u8]) {
        let mut data = self.passive();
        self.ask(command, 150);
        data.write_all(bytes).expect("the server reads");
        drop(data);
        self.expect(226);
    }

    /// A whole passive download, up to its 226.
    #[track_caller]
    pub(crate) fn fetch(&mut self, command: &str) -> Vec<u8> {
        let data = self.passive();
        self.ask(command, 150);
        let bytes = read_all(data);
        self.expect(226);
        bytes
    }
}

/// A data connection with a deadline.
pub(crate) fn data(socket: TcpStream) -> TcpStream {
    socket.set_read_timeout(Some(DEADLINE)).expect("timeout");
    socket.set_write_timeout(Some(DEADLINE)).expect("timeout");
    socket
}

/// All bytes up to the end.
pub(crate) fn read_all(mut data: TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    data.read_to_end(&mut bytes).expect("the data in time");
    bytes
}

/// Connects from `source` to `target`.
pub(crate) fn connect_from(source: IpAddr, target: SocketAddr) -> std::io::Result<TcpStream> {
    let domain = Domain::for_address(target);
    let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    socket.bind(&SockAddr::from(SocketAddr::new(source, 0)))?;
    socket.connect(&SockAddr::from(target))?;
    Ok(data(socket.into()))
}

/// A connection with small buffers on this side, so that back-pressure is felt soon.
pub(crate) fn connect_narrow(target: SocketAddr) -> TcpStream {
    let domain = Domain::for_address(target);
    let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP)).expect("a socket");
    socket.set_recv_buffer_size(4096).expect("buffer");
    socket.set_send_buffer_size(4096).expect("buffer");
    socket.connect(&SockAddr::from(target)).expect("accepted");
    socket.into()
}

/// Closes with a reset instead of an end.
pub(crate) fn reset(socket: TcpStream) {
    SockRef::from(&socket)
        .set_linger(Some(Duration::ZERO))
        .expect("linger");
    drop(socket);
}

/// Ends the sending side alone.
pub(crate) fn finish(socket: &TcpStream) {
    socket.shutdown(Shutdown::Write).expect("it is open");
}
