//! What changes bytes on their way, or adds them up.

use super::pump::pump;
use super::source::{Cuts, Source};
use crate::deflate::{Deflater, InflateError, Inflater, WINDOW};
use crate::digest::{Digest, HashAlgorithm, hex, hex_upper};
use crate::{AsciiDecoder, AsciiEncoder};
use alloc::vec::Vec;

/// The most bytes of a text that a small input stands for.
const MAX_BYTES: usize = 128 * 1024;

/// What the first byte chooses: TYPE A both ways, MODE Z both ways, a zlib stream of any bytes,
/// the checksums, or a whole [`Job`](crate::driver::Job). In each case pieces make no
/// difference, no byte is lost, added, or counted wrongly, and what is wrong is noticed.
///
/// # Panics
/// One of these does not hold.
pub fn transfer(data: &[u8]) {
    let mut source = Source::new(data);
    match source.below(6) {
        0 => ascii(&mut source),
        1 => deflated(&mut source),
        2 => inflated(&mut source),
        3 => digest(&mut source),
        _ => pump(&mut source),
    }
}

/// The rest of the input, perhaps many times.
pub(super) fn content(s: &mut Source<'_>) -> Vec<u8> {
    let times = match s.byte() {
        many @ 224.. => usize::from(many - 223) * 32,
        _ => 1,
    };
    let bytes = s.rest();
    let mut content = bytes.repeat(times.min(MAX_BYTES / bytes.len().max(1)).max(1));
    content.truncate(MAX_BYTES);
    content
}

fn ascii(s: &mut Source<'_>) {
    let cuts = s.cuts();
    let bytes = content(s);
    let encode = |pieces: &[&[u8]]| {
        let (mut codec, mut out) = (AsciiEncoder::default(), Vec::new());
        for piece in pieces {
            codec.encode(piece, &mut out);
        }
        out
    };
    let decode = |pieces: &[&[u8]]| {
        let (mut codec, mut out) = (AsciiDecoder::default(), Vec::new());
        for piece in pieces {
            let before = out.len();
            codec.decode(piece, &mut out);
            assert!(out.len() <= before + piece.len() + 1, "more than was said");
        }
        codec.finish(&mut out);
        codec.finish(&mut out);
        out
    };
    let (wire, stored) = (to_wire(&bytes), to_stored(&bytes));
    assert_eq!(encode(&[&bytes]), wire);
    assert_eq!(encode(&cuts.of(&bytes)), wire);
    assert_eq!(encode(&Cuts::bytes().of(&bytes)), wire);
    assert_eq!(decode(&[&bytes]), stored);
    assert_eq!(decode(&cuts.of(&bytes)), stored);
    assert_eq!(decode(&Cuts::bytes().of(&bytes)), stored);
    // A text comes back as it was; where it held CRLF already, that is LF now.
    assert_eq!(decode(&cuts.of(&wire)), stored);
    assert_eq!(encode(&[&wire]), wire, "a wire is encoded already");
}

/// A LF that follows no CR gets one.
pub(super) fn to_wire(bytes: &[u8]) -> Vec<u8> {
    let mut wire = Vec::new();
    for (at, byte) in bytes.iter().enumerate() {
        let after_cr = at.checked_sub(1).and_then(|at| bytes.get(at)) == Some(&b'\r');
        if *byte == b'\n' && !after_cr {
            wire.push(b'\r');
        }
        wire.push(*byte);
    }
    wire
}

/// A CR before a LF goes.
pub(super) fn to_stored(wire: &[u8]) -> Vec<u8> {
    let kept = wire.iter().enumerate().filter(|(at, byte)| {
        let before_lf = wire.get(at + 1) == Some(&b'\n');
        !(**byte == b'\r' && before_lf)
    });
    kept.map(|(_, byte)| *byte).collect()
}

fn deflated(s: &mut Source<'_>) {
    let level = s.byte() % 12;
    let (cuts, damage) = (s.cuts(), s.number());
    let bytes = content(s);
    let (mut deflater, mut wire) = (Deflater::new(level), Vec::new());
    for piece in cuts.of(&bytes) {
        deflater.write(piece, &mut wire);
    }
    deflater.finish(&mut wire);
    let length = wire.len();
    deflater.finish(&mut wire);
    assert_eq!(wire.len(), length, "the end comes once");
    // What cannot be made smaller grows by little (RFC 1951 section 3.2.4).
    assert!(length <= bytes.len() + bytes.len() / 64 + 64, "{length}");
    assert_eq!(inflate(&cuts.of(&wire)), (bytes.clone(), Ok(())));

    let at = usize::try_from(damage % u64::try_from(length).unwrap_or(1)).unwrap_or(0);
    let (short, _) = inflate(&[&wire[..at]]);
    let (_, verdict) = inflate(&cuts.of(&wire[..at]));
    assert_eq!(verdict, Err(InflateError::Truncated), "at {at} of {length}");
    assert!(bytes.starts_with(&short));
    let (same, verdict) = inflate(&[&wire, b"x"]);
    assert_eq!((same, verdict), (bytes, Err(InflateError::Trailing)));
    wire[at] ^= 1 << (damage % 8);
    any_stream(&wire, &cuts);
}

fn inflated(s: &mut Source<'_>) {
    let cuts = s.cuts();
    any_stream(s.rest(), &cuts);
}

/// Whatever the bytes are, pieces make no difference, and a stream that passes for a good one
/// ends with the checksum of what it gave.
// cargo-fuzz sets `fuzzing`, and with that `miniz_oxide` lets wrong checksums pass, so that a
// fuzzer gets further. The seeds and the random input of `cargo test` are without it.
#[allow(unexpected_cfgs)]
fn any_stream(wire: &[u8], cuts: &Cuts) {
    let (bytes, verdict) = inflate(&[wire]);
    for pieces in [cuts.of(wire), Cuts::bytes().of(wire)] {
        let (other, again) = inflate(&pieces);
        assert_eq!(again, verdict);
        let common = bytes.len().min(other.len());
        assert_eq!(bytes[..common], other[..common]);
        assert!(verdict.is_err() || bytes.len() == other.len());
    }
    if verdict.is_ok() && !cfg!(fuzzing) {
        let sum = wire.last_chunk().map(|sum| u32::from_be_bytes(*sum));
        assert_eq!(sum, Some(adler32(&bytes)));
    }
}

/// What came out, and the verdict.
fn inflate(pieces: &[&[u8]]) -> (Vec<u8>, Result<(), InflateError>) {
    let (mut inflater, mut out) = (Inflater::new(), Vec::new());
    for piece in pieces {
        let result = inflater.write(piece, |bytes| {
            assert!((1..=WINDOW).contains(&bytes.len()), "{}", bytes.len());
            out.extend_from_slice(bytes);
            Ok(())
        });
        if result.is_err() {
            assert_eq!(inflater.finish(), Err(InflateError::Failed));
            let nothing = |_: &[u8]| Err(InflateError::Corrupt);
            assert_eq!(inflater.write(b"x", nothing), Err(InflateError::Failed));
            return (out, result);
        }
    }
    assert_eq!(inflater.ended(), inflater.finish().is_ok());
    (out, inflater.finish())
}

/// RFC 1950 section 8.
fn adler32(bytes: &[u8]) -> u32 {
    let (mut low, mut high) = (1, 0);
    for byte in bytes {
        low = (low + u32::from(*byte)) % 65_521;
        high = (high + low) % 65_521;
    }
    high << 16 | low
}

fn digest(s: &mut Source<'_>) {
    let algorithm = s.pick(HashAlgorithm::ALL);
    let cuts = s.cuts();
    let bytes = content(s);
    let of = |pieces: &[&[u8]]| {
        let mut digest = Digest::new(algorithm);
        for piece in pieces {
            // One that was copied goes on by itself.
            digest.clone().update(b"other");
            digest.update(piece);
        }
        digest.finish()
    };
    let sum = of(&[&bytes]);
    assert_eq!(of(&cuts.of(&bytes)), sum, "{algorithm} in pieces");
    if bytes.len() <= 4096 {
        assert_eq!(
            of(&Cuts::bytes().of(&bytes)),
            sum,
            "{algorithm} byte by byte"
        );
    }
    let length = match algorithm {
        HashAlgorithm::Crc32 => 4,
        HashAlgorithm::Crc64 => 8,
        HashAlgorithm::Md5 => 16,
        HashAlgorithm::Sha1 => 20,
        HashAlgorithm::Sha256 => 32,
        HashAlgorithm::Sha512 => 64,
    };
    assert_eq!(sum.len(), length);
    assert_eq!(hex(&sum).to_ascii_uppercase(), hex_upper(&sum));
    let digits = |at: usize| u8::from_str_radix(hex(&sum).get(2 * at..2 * at + 2)?, 16).ok();
    assert!((0..length).all(|at| digits(at) == sum.get(at).copied()));
    // A CRC is linear: of two inputs of one length it says how they differ.
    if let HashAlgorithm::Crc32 | HashAlgorithm::Crc64 = algorithm
        && bytes.len() >= 3
    {
        let (third, zero) = (bytes.len() / 3, |len: usize| alloc::vec![0; len]);
        let (a, b) = (&bytes[..third], &bytes[third..2 * third]);
        let both: Vec<u8> = a.iter().zip(b).map(|(a, b)| a ^ b).collect();
        let four = [of(&[a]), of(&[b]), of(&[&both]), of(&[&zero(third)])];
        let odd = |at: usize| four.iter().fold(0, |x, sum| x ^ sum[at]);
        assert!(
            (0..length).all(|at| odd(at) == 0),
            "{algorithm} is not linear"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_second_readings_read() {
        assert_eq!(to_wire(b"a\nb\r\n\r\r\n"), b"a\r\nb\r\n\r\r\n");
        assert_eq!(to_stored(b"a\r\nb\r\r\n\rc\r"), b"a\nb\r\n\rc\r");
        assert_eq!(adler32(b"Wikipedia"), 0x11e6_0398);
    }

    proptest! {
        #[test]
        fn any_bytes(data in proptest::collection::vec(
            prop_oneof![Just(b'\r'), Just(b'\n'), any::<u8>()], 0..120,
        )) {
            transfer(&data);
        }
    }
}
