//! What all transfers of a process share: memory, threads, and how much of both one may take.

pub(super) mod budget;
pub(super) mod cancel;
pub(super) mod crew;
pub(super) mod lanes;
pub(super) mod pace;
pub(super) mod recent;
