//! A session's workers: when one is started, and when it is given up.
//!
//! There is one at a time, started with the first task. After a cancel it has a second to come
//! back to its session; if a task waits longer than that, it is replaced and left to end. How
//! many may be left so is bounded; beyond that the task waits on.

use crate::inbox::Message;
use crate::server::{Shared, Slot};
use crate::worker::{self, Stray, Task};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

/// How long a worker may take to come back after a cancel.
const PATIENCE: Duration = Duration::from_secs(1);
/// Workers of one session that have not come back.
const STRAYS_OF_A_SESSION: usize = 2;
/// Workers of all sessions that have not come back.
const STRAYS_OF_THE_PROCESS: usize = 64;

/// The workers of one session.
pub(crate) struct Crew {
    shared: Arc<Shared>,
    slot: Arc<Slot>,
    inbox: Sender<Message>,
    hand: Option<Hand>,
    started: u32,
    /// Tasks that wait for a cancelled one to end.
    waiting: VecDeque<Task>,
    strays: Arc<AtomicUsize>,
}

/// The worker at hand.
struct Hand {
    number: u32,
    tasks: Sender<Task>,
    /// Tasks given and not yet done.
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

    /// Has `task` done, or refused when no thread can be had for it.
    pub(crate) fn give(&mut self, task: Task) {
        if self.hand.as_ref().is_some_and(|h| h.cancelled.is_some()) {
            self.waiting.push_back(task);
        } else if let Err(task) = self.send(task)
            && let Some(report) = task.refuse()
        {
            self.tell(Message::Report(report));
        }
    }

    /// Has `task` done, which ends the cancelled transfer that the worker is at.
    pub(crate) fn give_cancelled(&mut self, task: Task) {
        if let Some(hand) = &mut self.hand
            && hand.tasks.send(task).is_ok()
        {
            hand.busy += 1;
            hand.cancelled.get_or_insert_with(Instant::now);
        }
    }

    /// Puts something into the session's own inbox.
    pub(crate) fn tell(&self, message: Message) {
        // The session's thread, which is the one that asks, still holds the other end.
        let _ = self.inbox.send(message);
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
        let limits = [
            (&self.strays, STRAYS_OF_A_SESSION),
            (&self.shared.strays, STRAYS_OF_THE_PROCESS),
        ];
        if let Some(stray) = Stray::count(&limits) {
            log::warn!("a worker does not come back from a cancelled task: replaced");
            if let Some(hand) = self.hand.take() {
                // If it has ended by now, the count goes with the message.
                let _ = hand.tasks.send(Task::Leave(stray));
            }
            self.give_waiting();
        } else if let Some(hand) = &mut self.hand {
            hand.cancelled = Some(Instant::now());
        }
    }

    fn give_waiting(&mut self) {
        for task in std::mem::take(&mut self.waiting) {
            self.give(task);
        }
    }

    fn send(&mut self, task: Task) -> Result<(), Task> {
        if self.hand.is_none() {
            self.hand = self.start();
        }
        let Some(hand) = &mut self.hand else {
            return Err(task);
        };
        hand.busy += 1;
        hand.tasks.send(task).map_err(|unsent| unsent.0)
    }

    fn start(&mut self) -> Option<Hand> {
        self.started += 1;
        let number = self.started;
        let storage = Arc::clone(&self.shared.config.storage);
        let (inbox, slot) = (self.inbox.clone(), Arc::clone(&self.slot));
        let tasks = worker::start(number, storage, inbox, slot)
            .inspect_err(|error| log::error!("no thread for a worker: {error}"))
            .ok()?;
        Some(Hand {
            number,
            tasks,
            busy: 0,
            cancelled: None,
        })
    }
}
