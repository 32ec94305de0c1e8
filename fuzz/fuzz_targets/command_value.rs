#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ossftp_core::sim::targets::command_value(data));
