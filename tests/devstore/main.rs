//! The development store over its socket: signatures and rights, HTTP, objects, and what survives a kill.

#![cfg(feature = "dev-store")]

mod answers;
mod archive;
mod auth;
mod client;
mod control;
mod crash;
mod faults;
mod http;
mod keys;
mod limits;
mod links;
mod listing;
mod many;
mod objects;
mod places;
mod presign;
mod renames;
mod start;
mod tags;
mod uploads;
