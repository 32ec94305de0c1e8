//! What all end to end tests stand on: programs, clients, a place in a bucket, and data.

mod data;
mod program;
mod world;

pub(crate) use data::{noise, sha256};
pub(crate) use program::{Program, client, run, run_ok, run_with, text, wait_until};
pub(crate) use world::{World, address};

/// Makes each test function run once on each runtime.
macro_rules! on_both_runtimes {
    ($($test:ident),+ $(,)?) => {
        mod on_smol {
            $(#[test] fn $test() { super::$test("smol"); })+
        }
        mod on_threads {
            $(#[test] fn $test() { super::$test("threads"); })+
        }
    };
}
pub(crate) use on_both_runtimes;
