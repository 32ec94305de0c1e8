//! Bytes to move, the same in every run, and their digests.

use ring::digest::{Context, SHA256};
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// `length` bytes that no compression shrinks, chosen by `seed`.
pub(crate) fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// The SHA-256 of a file in hex, however long it is.
pub(crate) fn sha256(path: &Path) -> String {
    let mut file = File::open(path).unwrap();
    let mut context = Context::new(&SHA256);
    let mut chunk = vec![0; 1 << 20];
    loop {
        let count = file.read(&mut chunk).unwrap();
        if count == 0 {
            break;
        }
        context.update(&chunk[..count]);
    }
    let digest = context.finish();
    digest
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
