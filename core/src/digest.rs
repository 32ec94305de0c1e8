//! Checksums of files: `HASH`, `XCRC`, `XMD5`, `XSHA1` and their kin.
//!
//! Which algorithms there are, what they are called on the wire (draft-bryan-ftpext-hash), and how
//! one is computed while the bytes pass. Whose bytes, and whether a storage knows the answer
//! without reading them, is decided elsewhere.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;
use crc::{CRC_32_ISO_HDLC, CRC_64_XZ, Crc, Table};
use sha1::Sha1;
use sha2::{Digest as _, Sha256, Sha512};

static CRC32: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&CRC_32_ISO_HDLC);
static CRC64: Crc<u64, Table<16>> = Crc::<u64, Table<16>>::new(&CRC_64_XZ);

/// A way to compute a checksum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HashAlgorithm {
    /// The CRC of Ethernet and zip (ISO-HDLC). 4 bytes.
    Crc32,
    /// CRC-64/XZ, the reflected ECMA-182 polynomial; OSS has it of every object, as
    /// `x-oss-hash-crc64ecma`, though there in decimal. 8 bytes.
    Crc64,
    /// RFC 1321. 16 bytes. Finds accidents, but no forgery.
    Md5,
    /// FIPS 180-4. 20 bytes. Finds accidents, but no forgery.
    Sha1,
    /// FIPS 180-4. 32 bytes.
    Sha256,
    /// FIPS 180-4. 64 bytes.
    Sha512,
}

impl HashAlgorithm {
    /// All there are, the preferred first, as FEAT lists them.
    pub const ALL: &[Self] = &[
        Self::Sha256,
        Self::Sha512,
        Self::Sha1,
        Self::Md5,
        Self::Crc64,
        Self::Crc32,
    ];

    /// The name on the wire, such as `SHA-256`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Crc32 => "CRC32",
            Self::Crc64 => "CRC64",
            Self::Md5 => "MD5",
            Self::Sha1 => "SHA-1",
            Self::Sha256 => "SHA-256",
            Self::Sha512 => "SHA-512",
        }
    }
}

impl fmt::Display for HashAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// There is no algorithm of that name here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnknownAlgorithm;

impl fmt::Display for UnknownAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("unknown hash algorithm; there are")?;
        for (i, algorithm) in HashAlgorithm::ALL.iter().enumerate() {
            f.write_str(match i {
                0 => " ",
                _ if i + 1 == HashAlgorithm::ALL.len() => " and ",
                _ => ", ",
            })?;
            f.write_str(algorithm.name())?;
        }
        Ok(())
    }
}

impl core::error::Error for UnknownAlgorithm {}

impl FromStr for HashAlgorithm {
    type Err = UnknownAlgorithm;

    /// By its name; case and dashes do not count.
    ///
    /// # Errors
    /// [`UnknownAlgorithm`] for every other name.
    fn from_str(name: &str) -> Result<Self, UnknownAlgorithm> {
        fn bare(name: &str) -> impl Iterator<Item = u8> {
            let bytes = name.bytes().filter(|b| *b != b'-');
            bytes.map(|b| b.to_ascii_uppercase())
        }
        Self::ALL
            .iter()
            .find(|algorithm| bare(algorithm.name()).eq(bare(name)))
            .copied()
            .ok_or(UnknownAlgorithm)
    }
}

/// A checksum in the making.
///
/// ```
/// use ossftp_core::digest::{Digest, HashAlgorithm, hex};
/// let mut digest = Digest::new("crc32".parse()?);
/// digest.update(b"12345");
/// digest.update(b"6789");
/// assert_eq!(hex(&digest.finish()), "cbf43926");
/// # Ok::<(), ossftp_core::digest::UnknownAlgorithm>(())
/// ```
#[derive(Clone)]
pub struct Digest(State);

#[derive(Clone)]
enum State {
    Crc32(crc::Digest<'static, u32, Table<16>>),
    Crc64(crc::Digest<'static, u64, Table<16>>),
    Md5(md5::Context),
    Sha1(Sha1),
    Sha256(Sha256),
    Sha512(Sha512),
}

impl Digest {
    /// The checksum of nothing yet.
    #[must_use]
    pub fn new(algorithm: HashAlgorithm) -> Self {
        Self(match algorithm {
            HashAlgorithm::Crc32 => State::Crc32(CRC32.digest()),
            HashAlgorithm::Crc64 => State::Crc64(CRC64.digest()),
            HashAlgorithm::Md5 => State::Md5(md5::Context::new()),
            HashAlgorithm::Sha1 => State::Sha1(Sha1::new()),
            HashAlgorithm::Sha256 => State::Sha256(Sha256::new()),
            HashAlgorithm::Sha512 => State::Sha512(Sha512::new()),
        })
    }

    /// By which algorithm.
    #[must_use]
    pub const fn algorithm(&self) -> HashAlgorithm {
        match self.0 {
            State::Crc32(_) => HashAlgorithm::Crc32,
            State::Crc64(_) => HashAlgorithm::Crc64,
            State::Md5(_) => HashAlgorithm::Md5,
            State::Sha1(_) => HashAlgorithm::Sha1,
            State::Sha256(_) => HashAlgorithm::Sha256,
            State::Sha512(_) => HashAlgorithm::Sha512,
        }
    }

    /// Adds data.
    pub fn update(&mut self, data: &[u8]) {
        match &mut self.0 {
            State::Crc32(state) => state.update(data),
            State::Crc64(state) => state.update(data),
            State::Md5(state) => state.consume(data),
            State::Sha1(state) => state.update(data),
            State::Sha256(state) => state.update(data),
            State::Sha512(state) => state.update(data),
        }
    }

    /// The checksum of all data. Those that are numbers (CRC) come with the highest byte first, as
    /// they are written in hexadecimal.
    #[must_use]
    pub fn finish(self) -> Vec<u8> {
        match self.0 {
            State::Crc32(state) => state.finalize().to_be_bytes().to_vec(),
            State::Crc64(state) => state.finalize().to_be_bytes().to_vec(),
            State::Md5(state) => state.finalize().0.to_vec(),
            State::Sha1(state) => state.finalize().to_vec(),
            State::Sha256(state) => state.finalize().to_vec(),
            State::Sha512(state) => state.finalize().to_vec(),
        }
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Digest").field(&self.algorithm()).finish()
    }
}

/// The bytes in hexadecimal with small letters, as `HASH` answers.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    spell(bytes, *b"0123456789abcdef")
}

/// The bytes in hexadecimal with capital letters, as `XCRC`, `XMD5` and the like are answered by
/// most servers.
#[must_use]
pub fn hex_upper(bytes: &[u8]) -> String {
    spell(bytes, *b"0123456789ABCDEF")
}

fn spell(bytes: &[u8], digits: [u8; 16]) -> String {
    let halves = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    halves
        .map(|half| char::from(digits[usize::from(half)]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use HashAlgorithm::{Crc32, Crc64, Md5, Sha1, Sha256, Sha512};
    use alloc::string::ToString;
    use proptest::prelude::*;

    fn digest<'a>(algorithm: HashAlgorithm, pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
        let mut digest = Digest::new(algorithm);
        for piece in pieces {
            digest.update(piece);
        }
        assert_eq!(digest.algorithm(), algorithm);
        digest.finish()
    }

    /// Of "", "abc" and "123456789". The last ones of the CRCs are the check values of the
    /// catalogue of CRCs.
    #[test]
    fn known_answers() {
        for (algorithm, expected) in [
            (Crc32, ["00000000", "352441c2", "cbf43926"]),
            (
                Crc64,
                ["0000000000000000", "2cd8094a1a277627", "995dc9bbdf1939fa"],
            ),
            (
                Md5,
                [
                    "d41d8cd98f00b204e9800998ecf8427e",
                    "900150983cd24fb0d6963f7d28e17f72",
                    "25f9e794323b453885f5181f1b624d0b",
                ],
            ),
            (
                Sha1,
                [
                    "da39a3ee5e6b4b0d3255bfef95601890afd80709",
                    "a9993e364706816aba3e25717850c26c9cd0d89d",
                    "f7c3bc1d808e04732adf679965ccc34ca7ae3441",
                ],
            ),
            (
                Sha256,
                [
                    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
                    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
                    "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225",
                ],
            ),
            (
                Sha512,
                [
                    "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e",
                    "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
                    "d9e6762dd1c8eaf6d61b3c6192fc408d4d6d5f1176d0c29169bc24e71c3f274ad27fcd5811b313d681f7e55ec02d73d499c95455b6b5bb503acf574fba8ffe85",
                ],
            ),
        ] {
            for (data, expected) in ["", "abc", "123456789"].iter().zip(expected) {
                let got = digest(algorithm, [data.as_bytes()]);
                assert_eq!(hex(&got), expected, "{algorithm} of {data:?}");
                assert_eq!(hex_upper(&got), expected.to_ascii_uppercase());
            }
        }
    }

    /// More of what OSS says of its objects.
    #[test]
    fn the_crc_of_oss() {
        for (data, expected) in [
            ("a", 3_675_645_893_302_102_789_u64),
            ("hello world", 5_981_764_153_023_615_706),
            ("中文内容", 16_369_845_890_586_830_377),
        ] {
            assert_eq!(digest(Crc64, [data.as_bytes()]), expected.to_be_bytes());
        }
    }

    #[test]
    fn names() {
        for algorithm in HashAlgorithm::ALL {
            assert_eq!(algorithm.name().parse(), Ok(*algorithm));
            assert_eq!(algorithm.to_string(), algorithm.name());
        }
        for (name, algorithm) in [
            ("sha256", Sha256),
            ("Sha-512", Sha512),
            ("SHA1", Sha1),
            ("md5", Md5),
            ("crc-32", Crc32),
            ("crc64", Crc64),
        ] {
            assert_eq!(name.parse(), Ok(algorithm));
        }
        for name in ["", "-", "SHA", "SHA-384", "MD5 ", "CRC"] {
            assert_eq!(name.parse::<HashAlgorithm>(), Err(UnknownAlgorithm));
        }
        assert_eq!(
            UnknownAlgorithm.to_string(),
            "unknown hash algorithm; there are SHA-256, SHA-512, SHA-1, MD5, CRC64 and CRC32"
        );
    }

    #[test]
    fn a_digest_shows_what_it_computes() {
        let mut digest = Digest::new(Sha256);
        digest.update(b"content");
        assert_eq!(alloc::format!("{digest:?}"), "Digest(Sha256)");
    }

    #[test]
    fn hexadecimal() {
        assert_eq!(hex(&[]), "");
        assert_eq!(hex(&[0, 0x0f, 0xa0, 0xff]), "000fa0ff");
        assert_eq!(hex_upper(&[0, 0x0f, 0xa0, 0xff]), "000FA0FF");
    }

    proptest! {
        #[test]
        fn any_split_gives_the_same(
            algorithm in proptest::sample::select(HashAlgorithm::ALL),
            data in proptest::collection::vec(any::<u8>(), 0..600), size in 1..300_usize,
        ) {
            let whole = digest(algorithm, [&data[..]]);
            prop_assert_eq!(whole, digest(algorithm, data.chunks(size)));
        }

        #[test]
        fn the_crcs_are_the_textbook_ones(data in proptest::collection::vec(any::<u8>(), 0..100)) {
            /// Bit by bit, reflected, all ones before and after.
            fn textbook(polynomial: u64, ones: u64, data: &[u8]) -> u64 {
                let bits = data.iter().flat_map(|byte| (0..8).map(move |i| u64::from(byte >> i & 1)));
                !bits.fold(ones, |crc, bit| {
                    let low = (crc ^ bit) & 1;
                    (crc >> 1) ^ (low * polynomial)
                }) & ones
            }
            let number = |bytes: Vec<u8>| bytes.iter().fold(0, |n, b| n << 8 | u64::from(*b));
            let crc32 = number(digest(Crc32, [&data[..]]));
            prop_assert_eq!(crc32, textbook(0xedb8_8320, 0xffff_ffff, &data));
            let crc64 = number(digest(Crc64, [&data[..]]));
            prop_assert_eq!(crc64, textbook(0xc96c_5795_d787_0f42, u64::MAX, &data));
        }
    }
}
