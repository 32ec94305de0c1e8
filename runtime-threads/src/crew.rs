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

    /// Has `task` done. Gives it back when no thread can be had for it.
    pub(crate) fn give(&mut self, task: Task) -> Result<(), Task> {
        if self.hand.as_ref().is_some_and(|h| h.cancelled.is_some()) {
            self.waiting.push_back(task);
            return Ok(());
        }
        self.send(task)
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

    /// Worker `number` has done a task. Gives back what waited and could not be done.
    pub(crate) fn came_back(&mut self, number: u32) -> Vec<Task> {
        let Some(hand) = self.hand.as_mut().filter(|h| h.number == number) else {
            return Vec::new();
        };
        hand.busy = hand.busy.saturating_sub(1);
        if hand.busy > 0 {
            return Vec::new();
        }
        hand.cancelled = None;
        self.send_waiting()
    }

    /// When [`Crew::look`] has something to do.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let hand = self.hand.as_ref().filter(|_| !self.waiting.is_empty())?;
        hand.cancelled.map(|since| since + PATIENCE)
    }

    /// Replaces a worker that has not come back. Gives back what waited and could not be done.
    pub(crate) fn look(&mut self) -> Vec<Task> {
        if self.deadline().is_none_or(|at| at > Instant::now()) {
            return Vec::new();
        }
        let limits = [
            (&self.strays, STRAYS_OF_A_SESSION),
            (&self.shared.strays, STRAYS_OF_THE_PROCESS),
        ];
        match Stray::count(&limits) {
            Some(stray) => {
                if let Some(hand) = self.hand.take() {
                    log::warn!("a worker does not come back from a cancelled task: replaced");
                    // If it has ended by now, the count goes with the message.
                    let _ = hand.tasks.send(Task::Leave(stray));
                }
                self.send_waiting()
            }
            None => {
                if let Some(hand) = &mut self.hand {
                    hand.cancelled = Some(Instant::now());
                }
                Vec::new()
            }
        }
    }

    fn send_waiting(&mut self) -> Vec<Task> {
        let waiting = std::mem::take(&mut self.waiting);
        waiting
            .into_iter()
            .filter_map(|task| self.send(task).err())
            .collect()
    }

    fn send(&mut self, task: Task) -> Result<(), Task> {
        if self.hand.is_none() {
            self.started += 1;
            let storage = Arc::clone(&self.shared.config.storage);
            let (inbox, slot) = (self.inbox.clone(), Arc::clone(&self.slot));
            match worker::start(self.started, storage, inbox, slot) {
                Ok(tasks) => {
                    self.hand = Some(Hand {
                        number: self.started,
                        tasks,
                        busy: 0,
                        cancelled: None,
                    });
                }
                Err(error) => log::error!("no thread for a worker: {error}"),
            }
        }
        let Some(hand) = &mut self.hand else {
            return Err(task);
        };
        hand.busy += 1;
        hand.tasks.send(task).map_err(|unsent| unsent.0)
    }
}
