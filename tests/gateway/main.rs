//! The gateway over the development store: each test has its own store, and counts its requests.

#![cfg(feature = "dev-store")]

mod directories;
mod faults;
mod logins;
mod model;
mod names;
mod proxy;
mod reading;
mod renames;
mod world;
mod writing;
