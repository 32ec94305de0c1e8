//! The gateway over the development store: each test has its own store, and counts its requests.

#![cfg(feature = "dev-store")]

mod appends;
mod buckets;
mod copies;
mod copies_whole;
mod directories;
mod doubles;
mod faults;
mod flows;
mod hashes;
mod hidden;
mod instances;
mod keeping;
mod links;
mod listings;
mod logins;
mod model;
mod names;
mod native_renames;
mod proxy;
mod reading;
mod rename_trees;
mod renames;
mod restores;
mod resume;
mod settled;
mod times;
mod trees;
mod unique;
mod uploads;
mod windows;
mod world;
mod writing;
