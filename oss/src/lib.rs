//! OSS.
