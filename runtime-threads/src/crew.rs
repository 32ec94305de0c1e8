//! A session's workers: the threads that wait for the storage and for data connections.
//!
//! There is one at a time, started with the first task; it does what it is given, one after the
//! other, and ends with the session. After a cancel it has a second to come back to its session;
//! if a task waits longer than that, it is replaced and left to end. How many may be left so is
//! bounded; beyond that the task waits on. What is to be done is the session's matter.

use crate::inbox::Message;
use crate::server::{Shared, Slot};
use ossftp_core::TransferFailure;
use ossftp_core::driver::{Report, Task, TransferHandle};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

/// Of a worker: enough for a TLS handshake and a request inside a storage.
const STACK: usize = crate::stack(256);
/// How long a worker may take to come back after a cancel.
const PATIENCE: Duration = Duration::from_secs(1);
/// Workers of one session that have not come back.
const STRAYS_OF_A_SESSION: usize = 2;
/// Workers of all sessions that have not come back.
const STRAYS_OF_THE_PROCESS: usize = 64;

/// Something for a worker, which reports to the inbox it is given.
type Work = Box<dyn FnOnce(&Sender<Message>) + Send>;

/// Work, and what is reported instead when no worker can be had for it.
pub(crate) struct Order {
    work: Work,
    refusal: Report,
}

impl Order {
    pub(crate) fn new(refusal: Report, work: Work) -> Self {
        Self { work, refusal }
    }
}

impl From<Task> for Order {
    fn from(task: Task) -> Self {
        let refusal = task.refusal();
        Self::new(refusal, Box::new(move |inbox| tell(inbox, task.perform())))
    }
}

/// Reports to a session; one that is gone wants to hear nothing.
pub(crate) fn tell(inbox: &Sender<Message>, report: Report) {
    let _ = inbox.send(Message::Report(report));
}

/// The workers of one session.
pub(crate) struct Crew {
    shared: Arc<Shared>,
    slot: Arc<Slot>,
    inbox: Sender<Message>,
    hand: Option<Hand>,
    started: u32,
    /// Orders that wait for a cancelled one to end.
    waiting: VecDeque<Order>,
    strays: Arc<AtomicUsize>,
}

/// The worker at hand.
struct Hand {
    number: u32,
    work: Sender<Work>,
    /// Work given and not yet done.
    busy: usize,
    /// Since when it should have come back.
    cancelled: Option<Instant>,
}

impl Crew {
    pub(crate) fn new(shared: Arc<Shared>, slot: Arc<Slot>, inbox: Sender<Message>) -> Self {
        Self {
            shared,
            slot,
            inbox,
            hand: None,
            started: 0,
            waiting: VecDeque::new(),
            strays: Arc::default(),
        }
    }

    /// Has the order done, or refused when no thread can be had for it.
    pub(crate) fn give(&mut self, order: Order) {
        if self.hand.as_ref().is_some_and(|h| h.cancelled.is_some()) {
            self.waiting.push_back(order);
            return;
        }
        if self.hand.is_none() {
            self.hand = self.start();
        }
        let hand = self.hand.as_mut();
        if !hand.is_some_and(|hand| hand.give(order.work)) {
            tell(&self.inbox, order.refusal);
        }
    }

    /// Has a transfer discarded that was cancelled, and that the worker may be at.
    pub(crate) fn abandon(&mut self, transfer: TransferHandle) {
        let task = Task::discard(transfer, TransferFailure::Cancelled);
        if let Some(hand) = &mut self.hand
            && hand.give(Order::from(task).work)
        {
            hand.cancelled.get_or_insert_with(Instant::now);
        }
    }

    /// The worker of this number has done a task.
    pub(crate) fn came_back(&mut self, number: u32) {
        if let Some(hand) = self.hand.as_mut().filter(|h| h.number == number) {
            hand.busy = hand.busy.saturating_sub(1);
            if hand.busy == 0 {
                hand.cancelled = None;
                self.give_waiting();
            }
        }
    }

    /// When [`Crew::look`] has something to do.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let hand = self.hand.as_ref().filter(|_| !self.waiting.is_empty())?;
        hand.cancelled.map(|since| since + PATIENCE)
    }

    /// Replaces a worker that has not come back.
    pub(crate) fn look(&mut self) {
        if self.deadline().is_none_or(|at| at > Instant::now()) {
            return;
        }
        let own = Stray::count(&self.strays, STRAYS_OF_A_SESSION);
        let all = Stray::count(&self.shared.strays, STRAYS_OF_THE_PROCESS);
        if let (Some(own), Some(all)) = (own, all) {
            log::warn!("a worker does not come back from a cancelled task: replaced");
            if let Some(mut hand) = self.hand.take() {
                // If it has ended by now, the counts go with the work.
                hand.give(Box::new(move |_| drop((own, all))));
            }
            self.give_waiting();
        } else if let Some(hand) = &mut self.hand {
            hand.cancelled = Some(Instant::now());
        }
    }

    fn give_waiting(&mut self) {
        for order in std::mem::take(&mut self.waiting) {
            self.give(order);
        }
    }

    /// Starts a worker. It ends when its hand is dropped and all work is done; until then it keeps
    /// the session's place in the server.
    fn start(&mut self) -> Option<Hand> {
        self.started += 1;
        let number = self.started;
        let (work, queue): (_, Receiver<Work>) = channel();
        let (inbox, slot) = (self.inbox.clone(), Arc::clone(&self.slot));
        let worker = move || {
            let _slot = slot;
            for work in queue {
                work(&inbox);
                // A session that is gone wants to hear nothing.
                let _ = inbox.send(Message::Idle(number));
            }
        };
        thread::Builder::new()
            .name(String::from("ftp-worker"))
            .stack_size(STACK)
            .spawn(worker)
            .inspect_err(|error| log::error!("no thread for a worker: {error}"))
            .ok()?;
        Some(Hand {
            number,
            work,
            busy: 0,
            cancelled: None,
        })
    }
}

impl Hand {
    /// False if the worker has ended, which only a panic outside of the storage can do.
    fn give(&mut self, work: Work) -> bool {
        self.busy += 1;
        self.work.send(work).is_ok()
    }
}

/// Counts one worker that its session has given up, for as long as it has not come back.
struct Stray(Arc<AtomicUsize>);

impl Stray {
    /// `None` when `count` is at its limit.
    fn count(count: &Arc<AtomicUsize>, limit: usize) -> Option<Self> {
        let below = |n: usize| (n < limit).then_some(n + 1);
        count
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, below)
            .ok()?;
        Some(Self(Arc::clone(count)))
    }
}

impl Drop for Stray {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
