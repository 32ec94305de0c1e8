//! An FTP server whose disk is Alibaba Cloud OSS.
//!
//! [`gateway`] lays files and folders onto OSS objects, [`config`] reads its settings, and
//! [`server`] serves it, or any other storage, over FTP on the runtime of your choice. `devstore` (feature `dev-store`) is an
//! OSS-compatible store for loopback. The protocol itself is the crate `ossftp-core`, the OSS
//! client the crate `ossftp-oss`.

#![forbid(unsafe_code)]

pub mod config;
#[cfg(feature = "dev-store")]
pub mod devstore;
pub mod gateway;
pub mod server;

/// The README's Rust code is compiled as a test.
#[cfg(all(doctest, feature = "threads"))]
#[doc = include_str!("../README.md")]
struct Readme;
