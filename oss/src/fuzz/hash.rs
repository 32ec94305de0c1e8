//! SHA-1, SHA-256 (FIPS 180-4), HMAC (RFC 2104) and base64 (RFC 4648) as their texts give them: slow, and of nobody
//! else's making. Only to compare with.

/// A hash function of blocks of 64 bytes.
pub(super) type Hash = fn(&[u8]) -> Vec<u8>;

/// The message with its padding: a one bit, zeros, and the length in bits, to whole blocks of sixteen words.
fn blocks(message: &[u8]) -> Vec<[u32; 16]> {
    let mut padded = message.to_vec();
    padded.push(0x80);
    while padded.len() % 64 != 56 {
        padded.push(0);
    }
    padded.extend((message.len() as u64 * 8).to_be_bytes());
    padded
        .chunks(64)
        .map(|block| {
            std::array::from_fn(|i| {
                u32::from_be_bytes(std::array::from_fn(|byte| block[i * 4 + byte]))
            })
        })
        .collect()
}

fn bytes(state: &[u32]) -> Vec<u8> {
    state.iter().flat_map(|word| word.to_be_bytes()).collect()
}

/// FIPS 180-4 section 6.1.
pub(super) fn sha1(message: &[u8]) -> Vec<u8> {
    let mut state = [
        0x6745_2301_u32,
        0xefcd_ab89,
        0x98ba_dcfe,
        0x1032_5476,
        0xc3d2_e1f0,
    ];
    for block in blocks(message) {
        let mut w = block.to_vec();
        for t in 16..80 {
            w.push((w[t - 3] ^ w[t - 8] ^ w[t - 14] ^ w[t - 16]).rotate_left(1));
        }
        let [mut a, mut b, mut c, mut d, mut e] = state;
        for (t, w) in w.into_iter().enumerate() {
            let (f, k) = match t {
                0..20 => ((b & c) ^ (!b & d), 0x5a82_7999),
                20..40 => (b ^ c ^ d, 0x6ed9_eba1),
                40..60 => ((b & c) ^ (b & d) ^ (c & d), 0x8f1b_bcdc),
                _ => (b ^ c ^ d, 0xca62_c1d6_u32),
            };
            let next = [a.rotate_left(5), f, e, k, w]
                .into_iter()
                .fold(0, u32::wrapping_add);
            (a, b, c, d, e) = (next, a, b.rotate_left(30), c, d);
        }
        for (sum, word) in state.iter_mut().zip([a, b, c, d, e]) {
            *sum = sum.wrapping_add(word);
        }
    }
    bytes(&state)
}

/// The first 32 bits of the fraction of the `root`-th root of `prime`: the largest number whose power is not above
/// `prime`, in units of 2^-32.
fn fraction(prime: u128, root: u32) -> u32 {
    let (mut low, mut high) = (0_u128, 1_u128 << 37);
    while high - low > 1 {
        let middle = (low + high) / 2;
        if middle.pow(root) <= prime << (32 * root) {
            low = middle;
        } else {
            high = middle;
        }
    }
    low as u32
}

fn primes() -> impl Iterator<Item = u128> {
    (2..).filter(|n| (2..*n).all(|divisor| n % divisor != 0))
}

/// FIPS 180-4 section 6.2. The constants are made as section 4.2.2 says.
pub(super) fn sha256(message: &[u8]) -> Vec<u8> {
    use std::sync::OnceLock;
    static CONSTANTS: OnceLock<(Vec<u32>, Vec<u32>)> = OnceLock::new();
    let (start, k) = CONSTANTS.get_or_init(|| {
        (
            primes().take(8).map(|prime| fraction(prime, 2)).collect(),
            primes().take(64).map(|prime| fraction(prime, 3)).collect(),
        )
    });
    let mut state: [u32; 8] = std::array::from_fn(|i| start[i]);
    for block in blocks(message) {
        let mut w = block.to_vec();
        for t in 16..64 {
            let near = w[t - 2].rotate_right(17) ^ w[t - 2].rotate_right(19) ^ (w[t - 2] >> 10);
            let far = w[t - 15].rotate_right(7) ^ w[t - 15].rotate_right(18) ^ (w[t - 15] >> 3);
            w.push(
                [near, w[t - 7], far, w[t - 16]]
                    .into_iter()
                    .fold(0, u32::wrapping_add),
            );
        }
        let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = state;
        for (w, k) in w.into_iter().zip(k) {
            let sum1 = e.rotate_right(6) ^ e.rotate_right(11) ^ e.rotate_right(25);
            let first = [h, sum1, (e & f) ^ (!e & g), *k, w]
                .into_iter()
                .fold(0, u32::wrapping_add);
            let sum0 = a.rotate_right(2) ^ a.rotate_right(13) ^ a.rotate_right(22);
            let second = sum0.wrapping_add((a & b) ^ (a & c) ^ (b & c));
            (h, g, f, e) = (g, f, e, d.wrapping_add(first));
            (d, c, b, a) = (c, b, a, first.wrapping_add(second));
        }
        for (sum, word) in state.iter_mut().zip([a, b, c, d, e, f, g, h]) {
            *sum = sum.wrapping_add(word);
        }
    }
    bytes(&state)
}

/// RFC 2104 section 2.
pub(super) fn hmac(hash: Hash, key: &[u8], text: &[u8]) -> Vec<u8> {
    let mut key = if key.len() > 64 {
        hash(key)
    } else {
        key.to_vec()
    };
    key.resize(64, 0);
    let pad = |byte: u8| key.iter().map(move |k| k ^ byte).collect::<Vec<u8>>();
    let inner = hash(&[&pad(0x36), text].concat());
    hash(&[pad(0x5c), inner].concat())
}

/// Lower-case hex.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// RFC 4648 section 4, with padding.
pub(super) fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for group in bytes.chunks(3) {
        let bits = group.iter().enumerate().fold(0_usize, |bits, (i, byte)| {
            bits | usize::from(*byte) << (16 - 8 * i)
        });
        for i in 0..4 {
            out.push(if i <= group.len() {
                char::from(LETTERS[bits >> (18 - 6 * i) & 63])
            } else {
                '='
            });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_of_the_standards() {
        assert_eq!(
            hex(&sha1(b"abc")),
            "a9993e364706816aba3e25717850c26c9cd0d89d"
        );
        assert_eq!(
            hex(&sha256(b"abc")),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert_eq!(
            hex(&hmac(sha256, b"Jefe", b"what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
    }

    #[test]
    fn hashes_of_every_length_are_those_of_ring() {
        use ring::digest;
        let message: Vec<u8> = (0..=255).cycle().take(300).collect();
        for length in 0..message.len() {
            let message = &message[..length];
            let ring = |algorithm| digest::digest(algorithm, message).as_ref().to_vec();
            assert_eq!(sha1(message), ring(&digest::SHA1_FOR_LEGACY_USE_ONLY));
            assert_eq!(sha256(message), ring(&digest::SHA256));
        }
    }
}
