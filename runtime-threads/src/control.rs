//! The control connection: a reader thread on credit, and blocking writes with a timeout.
//!
//! The reader makes one read per credit, so a session that wants no input leaves the bytes in
//! the socket, where TCP holds the client back. What the bytes mean is the session's matter.

use crate::inbox::Message;
use socket2::SockRef;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

/// The reader calls nothing but `peek` and `read`.
const STACK: usize = crate::stack(32);
/// Bytes of one read: more than any command.
const CHUNK: usize = 4096;
/// After a closing reply, how long and for how many bytes the client's end is waited for.
/// Closing with unread bytes would reset the connection, and the reply would be lost.
const LINGER: Duration = Duration::from_secs(1);
const LINGER_BYTES: usize = 64 * 1024;

/// The session's side of the control connection.
pub(crate) struct Control {
    socket: Arc<TcpStream>,
    credits: Sender<Vec<u8>>,
    /// At home while no credit is out.
    buffer: Option<Vec<u8>>,
    /// Bytes are on their way from the socket to the session. Set by the reader, cleared here.
    in_flight: Arc<AtomicBool>,
    /// Nothing more can be read. The client may have ended its own side alone, and still read.
    ended: bool,
    /// Nothing more can be written.
    broken: bool,
}

impl Control {
    /// Sets the socket up and starts its reader, which puts what it reads into `inbox`.
    ///
    /// # Errors
    /// The socket is dead already, or no thread could be had.
    pub(crate) fn start(
        socket: Arc<TcpStream>,
        write_timeout: Duration,
        inbox: Sender<Message>,
    ) -> io::Result<Self> {
        socket.set_nodelay(true)?;
        socket.set_write_timeout(Some(write_timeout.max(Duration::from_millis(1))))?;
        // Some clients send the last byte of ABOR as urgent data; without this it is lost.
        SockRef::from(&*socket).set_out_of_band_inline(true)?;
        let (credits, granted) = channel();
        let control = Self {
            socket: Arc::clone(&socket),
            credits,
            buffer: Some(vec![0; CHUNK]),
            in_flight: Arc::default(),
            ended: false,
            broken: false,
        };
        let in_flight = Arc::clone(&control.in_flight);
        thread::Builder::new()
            .name(String::from("ftp-reader"))
            .stack_size(STACK)
            .spawn(move || read_on_credit(&socket, &granted, &in_flight, &inbox))?;
        Ok(control)
    }

    /// Lets the reader read once, unless it may already.
    pub(crate) fn allow_read(&mut self) {
        if let Some(buffer) = self.buffer.take() {
            // A reader that has ended needs no credit.
            let _ = self.credits.send(buffer);
        }
    }

    /// The message of a read was taken out of the inbox; its buffer comes home.
    pub(crate) fn bring_home(&mut self, buffer: Vec<u8>) {
        self.in_flight.store(false, Ordering::SeqCst);
        self.buffer = Some(buffer);
    }

    /// The end of the connection was taken out of the inbox.
    pub(crate) fn set_ended(&mut self) {
        self.ended = true;
    }

    /// Whether nothing more is read: its end came, or a write failed.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended
    }

    /// Whether the client has sent something, be it its end, that a reader on credit will put
    /// into the inbox. The order matters: what the socket no longer shows is in flight.
    pub(crate) fn is_unread(&self) -> bool {
        let may_read = !self.ended && self.buffer.is_none();
        may_read && (has_arrived(&self.socket) || self.in_flight.load(Ordering::SeqCst))
    }

    /// Writes all of `bytes`.
    ///
    /// # Errors
    /// The connection is broken, or the client has read nothing for the write timeout. It has
    /// ended then, and nothing more of it is read; what is sent later is dropped.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.broken {
            return Ok(());
        }
        (&*self.socket).write_all(bytes).inspect_err(|_| {
            (self.ended, self.broken) = (true, true);
            // It fails only where there is nothing left to end.
            let _ = self.socket.shutdown(Shutdown::Both);
        })
    }

    /// Closes the connection so that what was sent last arrives.
    pub(crate) fn close(mut self, inbox: &Receiver<Message>) {
        let until = Instant::now() + LINGER;
        let mut dropped = 0;
        if self.socket.shutdown(Shutdown::Write).is_err() {
            self.ended = true;
        }
        while !self.ended && dropped < LINGER_BYTES {
            self.allow_read();
            let left = until.saturating_duration_since(Instant::now());
            match inbox.recv_timeout(left) {
                Ok(Message::Control(buffer, count)) => {
                    dropped += count;
                    self.bring_home(buffer);
                }
                Ok(Message::ControlClosed) | Err(_) => break,
                Ok(_) => {}
            }
        }
        // Wakes the reader, if it still waits.
        let _ = self.socket.shutdown(Shutdown::Both);
    }
}

fn read_on_credit(
    socket: &TcpStream,
    granted: &Receiver<Vec<u8>>,
    in_flight: &AtomicBool,
    inbox: &Sender<Message>,
) {
    while let Ok(mut buffer) = granted.recv() {
        // Waits without taking anything, so that the flag is up before the socket looks empty.
        let arrived = retry(|| socket.peek(&mut [0]));
        in_flight.store(true, Ordering::SeqCst);
        let count = arrived.and_then(|_| retry(|| (&*socket).read(&mut buffer)));
        let message = match count {
            Ok(count) if count > 0 => Message::Control(buffer, count),
            _ => Message::ControlClosed,
        };
        let last = matches!(message, Message::ControlClosed);
        if inbox.send(message).is_err() || last {
            return;
        }
    }
}

fn retry(mut attempt: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
    loop {
        match attempt() {
            Err(e)
                if matches!(
                    e.kind(),
                    ErrorKind::Interrupted | ErrorKind::WouldBlock | ErrorKind::TimedOut
                ) => {}
            result => return result,
        }
    }
}

/// Whether a read would return at once, with bytes, the end, or an error.
#[cfg(unix)]
fn has_arrived(socket: &TcpStream) -> bool {
    let mut byte = [std::mem::MaybeUninit::uninit()];
    let flags = libc::MSG_PEEK | libc::MSG_DONTWAIT;
    !matches!(SockRef::from(socket).recv_with_flags(&mut byte, flags),
        Err(e) if e.kind() == ErrorKind::WouldBlock)
}

/// Whether a read would return at once. There is no flag for it here, so a short timeout does;
/// the reader takes it for what it is and goes on.
#[cfg(not(unix))]
fn has_arrived(socket: &TcpStream) -> bool {
    if socket
        .set_read_timeout(Some(Duration::from_millis(1)))
        .is_err()
    {
        return true;
    }
    let arrived = !matches!(socket.peek(&mut [0]),
        Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut));
    arrived | socket.set_read_timeout(None).is_err()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;
    use std::sync::mpsc::RecvTimeoutError;

    fn pair() -> (Control, TcpStream, Receiver<Message>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (server, _) = listener.accept().unwrap();
        let (sender, inbox) = channel();
        let control = Control::start(Arc::new(server), Duration::from_millis(200), sender);
        (control.unwrap(), client, inbox)
    }

    fn next(inbox: &Receiver<Message>) -> Message {
        inbox.recv_timeout(Duration::from_secs(10)).unwrap()
    }

    #[test]
    fn nothing_is_read_without_a_credit() {
        let (mut control, mut client, inbox) = pair();
        client.write_all(b"NOOP\r\n").unwrap();
        let early = inbox.recv_timeout(Duration::from_millis(50));
        assert!(matches!(early, Err(RecvTimeoutError::Timeout)));
        assert!(!control.is_unread(), "without a credit none will come");
        control.allow_read();
        let Message::Control(buffer, count) = next(&inbox) else {
            panic!("bytes were sent");
        };
        assert_eq!(buffer.get(..count), Some(&b"NOOP\r\n"[..]));
    }

    #[test]
    fn what_has_arrived_is_known_until_it_is_taken() {
        let (mut control, mut client, inbox) = pair();
        control.allow_read();
        assert!(!control.is_unread());
        client.write_all(b"QUIT\r\n").unwrap();
        // Loopback delivers before `write` returns; from here on it must never be missed.
        assert!(control.is_unread());
        let Message::Control(buffer, _) = next(&inbox) else {
            panic!("bytes were sent");
        };
        assert!(control.is_unread(), "taken, and not yet handed in");
        control.bring_home(buffer);
        control.allow_read();
        assert!(!control.is_unread());
        drop(client);
        assert!(control.is_unread(), "the end");
        assert!(matches!(next(&inbox), Message::ControlClosed));
        control.set_ended();
        assert!(!control.is_unread());
    }

    #[test]
    fn a_client_that_does_not_read_ends_the_connection() {
        let (mut control, client, _inbox) = pair();
        let began = Instant::now();
        let error = control.send(&vec![b'x'; 64 << 20]).unwrap_err();
        assert!(
            matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
            "{error}"
        );
        assert!(began.elapsed() < Duration::from_secs(10));
        assert!(control.has_ended() && control.send(b"220 \r\n").is_ok());
        drop(client);
    }
}
