//! The gateway.

#[cfg(feature = "dev-store")]
pub mod devstore;
pub mod gateway;
