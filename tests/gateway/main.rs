//! The gateway over the development store: each test has its own store, and counts its requests.

#![cfg(feature = "dev-store")]

mod copies;
mod directories;
mod faults;
mod hashes;
mod logins;
mod model;
mod names;
mod proxy;
mod reading;
mod renames;
mod restores;
mod resume;
mod trees;
mod unique;
mod uploads;
mod windows;
mod world;
mod writing;
