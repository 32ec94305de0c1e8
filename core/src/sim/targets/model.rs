//! Conversations made of choices, played to their end.

use super::source::Source;
use super::{guesses, knows};
use crate::sim::{DataPlan, Fault, MemoryStore, Record, Script, Simulator, Step};
use crate::{ErrorKind, SessionConfig};
use alloc::vec::Vec;
use core::time::Duration;

/// Longer conversations say nothing new.
pub(super) const MAX_STEPS: usize = 60;
pub(super) const USER: &str = "demo";
pub(super) const PASSWORD: &str = "s3cr3t-pw";

/// A conversation that the bytes choose, with the simulator's rules and its model of the files
/// held against it. There are two kinds of clients.
///
/// One knows what it does: each of its commands has an outcome that it can foresee, with every
/// byte that comes, and in the end the store holds what it thinks it does. So a server that only
/// refuses does not pass.
///
/// The other one tries what it likes, with data connections that break, a storage that fails, an
/// operator, and no patience; it is judged by the rules alone.
///
/// Both end: after the last word, or after a long silence, the session is closed, and no upload
/// is left open.
///
/// # Panics
/// One of these does not hold.
pub fn session_model(data: &[u8]) {
    let mut source = Source::new(data);
    let s = &mut source;
    let store = MemoryStore::new()
        .with_user(USER, PASSWORD, true)
        .with_user("guest", PASSWORD, false)
        .with_capacity(64 * 1024);
    let knowing = !s.flag();
    let store = store
        .with_page_size(s.below(4) + 1)
        .with_chunk_size(s.below(16) * 5 + 1);
    let config = SessionConfig {
        commit_on_disconnect: s.flag(),
        strict_allo: s.flag(),
        ..SessionConfig::default()
    };
    let piece = s.pick(&[usize::MAX, 1, 2, 7, 100]);
    let simulator = Simulator::new(config, store.clone()).with_pieces(piece);
    if knowing {
        let mut run = Run::new(simulator, &store);
        knows::converse(&mut run, s);
        run.end(&Script::new().send("QUIT").expect(221).expect_closed());
    } else {
        let mut run = Run::new(simulator.lenient(), &store);
        guesses::converse(&mut run, s);
        run.end(&Script::new());
    }
    assert_eq!(store.open_uploads(), 0, "an upload is left open");
}

/// A simulator, and what it has still to play.
pub(super) struct Run<'a> {
    simulator: Simulator,
    store: &'a MemoryStore,
    script: Script,
}

impl<'a> Run<'a> {
    fn new(simulator: Simulator, store: &'a MemoryStore) -> Self {
        Self {
            simulator,
            store,
            script: Script::new(),
        }
    }

    /// Goes on with the script.
    pub(super) fn add(&mut self, more: impl FnOnce(Script) -> Script) {
        self.script = more(core::mem::take(&mut self.script));
    }

    /// Plays what there is.
    pub(super) fn play(&mut self) {
        let script = core::mem::take(&mut self.script);
        if let Err(failure) = self.simulator.play(&script) {
            panic!("{failure}");
        }
    }

    /// Lets the storage fail, once all that came before is done.
    pub(super) fn fault(&mut self, at: Fault, kind: ErrorKind) {
        self.play();
        self.store.fail_next(at, kind);
    }

    pub(super) fn store(&self) -> &MemoryStore {
        self.store
    }

    /// Says goodbye, or waits until the server has had enough.
    fn end(mut self, goodbye: &Script) {
        let silence = Duration::from_secs(3 * 24 * 3600);
        self.add(|script| {
            script
                .then(goodbye)
                .step(Step::ReleaseStorage)
                .sleep(silence)
        });
        self.play();
        let records = self.simulator.transcript().records();
        let closed = records.contains(&Record::Closed);
        assert!(closed, "it never ends\n{}", self.simulator.transcript());
    }
}

/// A data connection of any pace.
pub(super) fn paced(s: &mut Source<'_>, plan: DataPlan) -> DataPlan {
    let piece = s.pick(&[64 * 1024, 1, 3, 10, 1000]);
    // A few hundred turns at the most.
    let piece = piece.max(plan.upload.len() / 200);
    let pace = Duration::from_secs(s.pick(&[0, 0, 0, 1, 20]));
    let late = Duration::from_secs(s.pick(&[0, 0, 5]));
    plan.in_pieces(piece, pace).delayed(late)
}

/// A file's bytes: lines of some length, or the bytes themselves.
pub(super) fn bytes(s: &mut Source<'_>) -> Vec<u8> {
    match s.byte() {
        size @ ..=127 => {
            let text = b"one\r\ntwo\nthree\r".iter().copied();
            text.cycle().take(usize::from(size)).collect()
        }
        size @ 128..=159 => alloc::vec![size; usize::from(size) * 20],
        _ => s.line().to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_conversation(data in proptest::collection::vec(any::<u8>(), 0..150)) {
            session_model(&data);
        }
    }
}
