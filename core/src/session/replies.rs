//! What is said to the client, in the character set of the session, and what goes to the log.

use super::{Pending, Session, printable};
use crate::reply::encode_line;
use crate::{Code, Event, Output, Reply};
use alloc::vec::Vec;
use memchr::memchr;

impl Session {
    pub(super) fn say(&mut self, code: Code, text: impl AsRef<[u8]>) {
        if self.names.utf8() {
            self.put(|out| encode_line(code, text.as_ref(), out));
        } else {
            let spoken = self.names.write_text(text.as_ref());
            self.put(|out| encode_line(code, &spoken, out));
        }
    }

    /// Sends a reply, its text in the character set of the session.
    pub(super) fn reply(&mut self, reply: &Reply) {
        if self.names.utf8() {
            self.put(|out| reply.encode(out));
            return;
        }
        let names = self.names;
        let spoken = reply.map(|text| names.write_text(text));
        self.reply_as_it_is(&spoken);
    }

    pub(super) fn reply_as_it_is(&mut self, reply: &Reply) {
        self.put(|out| reply.encode(out));
    }

    /// One reply, which `encode` appends to what goes out.
    fn put(&mut self, encode: impl FnOnce(&mut Vec<u8>)) {
        let mute = matches!(self.pending, Pending::Tls { .. });
        if self.closed || mute {
            return;
        }
        // Replies that follow one another go out in one write.
        let last = self
            .outputs
            .iter()
            .rposition(|output| !matches!(output, Output::Event(_)))
            .filter(|index| matches!(self.outputs.get(*index), Some(Output::Send(_))));
        let index = last.unwrap_or(self.outputs.len());
        if last.is_none() {
            self.outputs.push_back(Output::Send(Vec::new()));
        }
        let Some(Output::Send(wire)) = self.outputs.get_mut(index) else {
            return;
        };
        let before = wire.len();
        encode(wire);
        self.unsent += wire.len().saturating_sub(before);
        let reply = wire.get(before..).unwrap_or_default();
        let first = reply.get(..memchr(b'\r', reply).unwrap_or(reply.len()));
        let first = first.unwrap_or_default();
        let first = if self.names.utf8() {
            printable(first)
        } else {
            self.names
                .read(first)
                .map_or_else(|_| printable(first), printable)
        };
        self.event(Event::Reply(first));
    }

    pub(super) fn event(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }
}
