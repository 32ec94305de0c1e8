#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ossftp_oss::fuzz::oss_xml(data));
