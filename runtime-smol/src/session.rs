//! One session as a task: performs what the session says, and tells it what happened.
//!
//! The loop is the one of the driver's contract (see [`ossftp_core`]). Whatever blocks runs on a
//! pool and comes back as a [`Message`]; so the task waits for three things only: control bytes,
//! a message, and the deadline.

use crate::control::{Control, Found, buffer};
use crate::data::{self, Listener};
use crate::server::Shared;
use crate::transfer::{Held, Phase, Running, ended, guarded};
use async_io::Timer;
use ossftp_core::driver::{Cancel, LoginRequest, Volume};
use ossftp_core::{
    Admin, Answer, DataError, DataRoute, ErrorKind, Event, Id, Input, LoginInfo, Operation, Output,
    Peer, Secret, Session, StorageError, Transfer, TransferFailure, TransferReport,
};
use smol::channel::{Receiver, Sender};
use smol::future;
use std::net::TcpStream;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

/// So many transfers that the session has given up may still be ending when it asks for the
/// next; a client that starts and aborts without end cannot fill the pools.
const LOOSE_ENDS: usize = 2;
/// Before the end of an upload is handed in, at most so many chunks of control bytes are.
const CATCH_UP_CHUNKS: usize = 16;

/// Something that comes to a session's task from elsewhere.
pub(crate) enum Message {
    Login {
        id: Id,
        result: Result<(Arc<dyn Volume>, LoginInfo), StorageError>,
    },
    Performed {
        id: Id,
        result: Result<Answer, StorageError>,
    },
    Opened {
        id: Id,
        result: Result<(Held, Option<u64>), StorageError>,
    },
    Connected {
        id: Id,
        result: Result<TcpStream, DataError>,
    },
    /// An upload's data connection has ended in order.
    Pumped {
        id: Id,
        bytes: u64,
        held: Held,
    },
    Ended {
        id: Id,
        report: TransferReport,
    },
    Admin(Admin),
}

enum Next {
    Readable,
    Message(Message),
    Tick,
}

/// A session and all that it owns.
pub(crate) struct SessionTask {
    shared: Arc<Shared>,
    number: u64,
    peer: Peer,
    session: Session,
    /// `None` once it is being closed.
    control: Option<Control>,
    /// Whether the session knows that the control connection is lost.
    told: bool,
    sender: Sender<Message>,
    inbox: Receiver<Message>,
    volume: Option<Arc<dyn Volume>>,
    /// Set when the session ends: nobody waits for its login or operation any more.
    ended: Cancel,
    listener: Option<Listener>,
    transfer: Option<Running>,
    /// Transfers that were given up and have not ended yet.
    loose: usize,
}
