//! The gateway.

pub mod gateway;
