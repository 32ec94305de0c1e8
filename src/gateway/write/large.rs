//! Parts that are too large to be held in memory.
//!
//! Decides when a part begins to be sent while it comes, and what is done if there is no thread or
//! no memory for that. How its bytes get there is left to `flow`.

use std::mem;
use std::sync::Arc;

use ossftp_core::{ErrorKind, StorageError};

use super::OssWriter;
use crate::gateway::process::budget::WINDOW;
use crate::gateway::write::buffer::PartBuffer;
use crate::gateway::write::flow::{FLOWING, Gone};
use crate::gateway::write::sending::GLANCE;

impl OssWriter {
    /// Whether the part being filled is too large to be held in memory, by the schedule.
    fn is_large(&self) -> bool {
        self.schedule.size(self.number) > self.mount.config().buffered_part
    }

    /// Hands over what has come of a large part, a window at a time.
    pub(super) fn pour(&mut self) -> Result<(), StorageError> {
        let filling = &self.filling;
        let has_come = filling.is_full() || (filling.needs_window() && !filling.is_empty());
        if !has_come || !(self.flow.is_open() || self.open_flow()?) {
            return Ok(());
        }
        let left = self.filling.left();
        if left > 0 {
            let piece = mem::replace(&mut self.filling, PartBuffer::new(left));
            return self.flow.push(piece).or_else(|_| self.lost());
        }
        self.end_flow().or_else(|_| self.lost())?;
        self.number += 1;
        self.filling = PartBuffer::new(self.schedule.size(self.number));
        Ok(())
    }

    /// Ends a large part with what is there of it.
    pub(super) fn end_flow(&mut self) -> Result<(), Gone> {
        let last = mem::replace(&mut self.filling, PartBuffer::new(0));
        self.flow.push(last)?;
        self.flow.end()
    }

    /// Begins to send the part being filled, if it is a large one. If there is no thread for it, it
    /// is held in memory for now, as far as there is any.
    fn open_flow(&mut self) -> Result<bool, StorageError> {
        // What is still one PutObject is not cut into parts for it.
        let is_short = self.filling.len() as u64 <= self.mount.config().buffered_part;
        if !self.is_large() || self.filling.is_full() || (self.upload.is_none() && is_short) {
            return Ok(false);
        }
        let bucket = self.ready()?;
        let Some(upload) = &mut self.upload else {
            return Ok(false);
        };
        let (target, number) = (Arc::clone(upload.target()), upload.next());
        let body = self.flow.begin();
        if self.sending.pour(target, bucket, number, body) {
            upload.number()?;
        } else {
            self.flow.abandon();
        }
        Ok(self.flow.is_open())
    }

    /// The part that was sent while it came has failed: why?
    pub(super) fn lost(&mut self) -> Result<(), StorageError> {
        while !self.sending.is_idle() {
            self.wait()?;
        }
        Err(StorageError::new(
            ErrorKind::Unavailable,
            "Sending a part failed inside the server.",
        ))
    }

    /// Takes a part's memory back, as much as the next one needs.
    pub(super) fn give_back(&mut self, part: PartBuffer) {
        let size = self.schedule.size(self.number);
        let size = if self.is_large() {
            FLOWING * WINDOW
        } else {
            size
        };
        self.windows.give(part, size);
    }

    /// Waits for some of a large part to be sent.
    pub(super) fn ebb(&mut self) -> Result<(), StorageError> {
        loop {
            if let Some(piece) = self.flow.take_back(GLANCE) {
                self.give_back(piece);
                return Ok(());
            }
            self.calls.check()?;
            self.collect()?;
        }
    }
}
