//! A synchronous client for Alibaba Cloud Object Storage Service (OSS).
//!
//! Decides how requests are built, signed, sent, repeated and checked, and what their answers mean. It knows nothing of
//! FTP, nor of what its caller stores; it depends on no other crate of this workspace.
//!
//! The pure parts ([`sign`], [`encode`], [`crc64`], [`time`]) serve a server that verifies requests as well.

pub mod crc64;
pub mod encode;
pub mod sign;
pub mod time;
