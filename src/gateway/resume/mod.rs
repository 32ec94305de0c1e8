//! Uploads that broke off and go on (`partial = "resume"`).
//!
//! Which one goes on is `unfinished`'s, who writes it `holds`'; what is done for one that breaks off
//! is `leaving`'s, and what is given up `sweep`'s.

pub(super) mod holds;
pub(super) mod leaving;
pub(super) mod sweep;
pub(super) mod unfinished;
