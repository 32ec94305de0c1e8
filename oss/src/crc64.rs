//! CRC-64/XZ, the checksum of `x-oss-hash-crc64ecma`.
//!
//! Decides how a checksum is computed, continued and joined. Polynomial 0x42F0E1EBA9EA3693 reflected, initial value and
//! final xor all ones. OSS writes it as an unsigned decimal. What it is compared with is left to the client.

/// The reflected polynomial.
const POLYNOMIAL: u64 = 0xC96C_5795_D787_0F42;

/// A checksum in the making.
#[derive(Clone)]
pub struct Crc64 {
    digest: crc64fast::Digest,
    /// The checksum of what came before, which the digest can't be started from.
    before: u64,
    length: u64,
}

impl Crc64 {
    /// The checksum of nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::resume(0)
    }

    /// Goes on from the checksum of the data so far, as an append does.
    #[must_use]
    pub fn resume(crc: u64) -> Self {
        Self {
            digest: crc64fast::Digest::new(),
            before: crc,
            length: 0,
        }
    }

    /// Adds data.
    pub fn update(&mut self, data: &[u8]) {
        self.digest.write(data);
        self.length += data.len() as u64;
    }

    /// The checksum of all data so far. More may follow.
    #[must_use]
    pub fn finish(&self) -> u64 {
        combine(self.before, self.digest.sum64(), self.length)
    }

    /// The number of bytes added, those before [`Crc64::resume`] not counted.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.length
    }
}

impl Default for Crc64 {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for Crc64 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Crc64")
            .field("crc", &self.finish())
            .field("length", &self.length)
            .finish()
    }
}

/// The checksum of a whole slice.
#[must_use]
pub fn checksum(data: &[u8]) -> u64 {
    let mut digest = crc64fast::Digest::new();
    digest.write(data);
    digest.sum64()
}

/// The checksum of two pieces one after the other: `first` and `second` are theirs, `length` is that of the second in
/// bytes. The cost grows with the number of bits of `length`, not with `length`.
#[must_use]
pub fn combine(first: u64, second: u64, length: u64) -> u64 {
    // Appending n zero bytes multiplies the register by x^(8n) modulo the polynomial; initial value and final xor are
    // alike and cancel out.
    if first == 0 {
        return second;
    }
    let mut shifted = first;
    let mut power = X8;
    let mut left = length;
    while left != 0 {
        if left & 1 == 1 {
            shifted = multiply(shifted, power);
        }
        power = multiply(power, power);
        left >>= 1;
    }
    shifted ^ second
}

/// The polynomial x^8 in reflected order: the highest bit stands for x^0.
const X8: u64 = 1 << (63 - 8);

/// The product of two polynomials modulo the CRC polynomial, all in reflected order.
fn multiply(a: u64, mut b: u64) -> u64 {
    let mut product = 0;
    let mut bit = 1 << 63;
    while bit != 0 {
        if a & bit != 0 {
            product ^= b;
        }
        b = if b & 1 == 1 {
            (b >> 1) ^ POLYNOMIAL
        } else {
            b >> 1
        };
        bit >>= 1;
    }
    product
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_value() {
        assert_eq!(checksum(b"123456789"), 0x995D_C9BB_DF19_39FA);
        assert_eq!(checksum(b""), 0);
    }

    #[test]
    fn any_split_combines_to_the_whole() {
        let data: Vec<u8> = (0..1000u32).map(|i| (i * 7 % 251) as u8).collect();
        let whole = checksum(&data);
        for at in [0, 1, 7, 8, 500, 999, 1000] {
            let (head, tail) = data.split_at(at);
            assert_eq!(
                combine(checksum(head), checksum(tail), tail.len() as u64),
                whole,
                "{at}"
            );
            let mut crc = Crc64::resume(checksum(head));
            crc.update(tail);
            assert_eq!((crc.finish(), crc.length()), (whole, tail.len() as u64));
        }
    }
}
