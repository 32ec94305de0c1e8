//! The development store over its socket: signatures, HTTP, objects, and what survives a kill.

#![cfg(feature = "dev-store")]

mod answers;
mod auth;
mod client;
mod crash;
mod http;
mod listing;
mod objects;
mod presign;
mod start;
