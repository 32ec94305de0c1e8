#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ossftp::config::fuzz::config(data));
