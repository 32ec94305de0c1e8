//! An FTP server whose disk is Alibaba Cloud OSS.
//!
//! [`server`] starts and stops an FTP server, whatever its files are and whichever runtime drives
//! it. The protocol itself is the crate `ossftp-core`, the OSS client the crate `ossftp-oss`.

#![forbid(unsafe_code)]

pub mod server;
