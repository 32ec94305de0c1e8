//! An FTP server whose disk is Alibaba Cloud OSS.
//!
//! [`server`] starts and stops an FTP server, whatever its files are and whichever runtime drives
//! it. `devstore` (feature `dev-store`) is an OSS-compatible store for loopback. The protocol
//! itself is the crate `ossftp-core`, the OSS client the crate `ossftp-oss`.

#![forbid(unsafe_code)]

#[cfg(feature = "dev-store")]
pub mod devstore;
pub mod server;
