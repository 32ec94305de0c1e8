//! Symbolic links: made, followed, and deleted.
