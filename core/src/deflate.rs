//! MODE Z: data connections that carry a zlib stream.
//!
//! One stream in the zlib format (RFC 1950) per data connection, as draft-preston-ftpext-deflate
//! says. Here stands only the coding, for a pump that has bytes piece by piece: [`Deflater`] for
//! what goes to the client, [`Inflater`] for what comes from it. Both hold a bounded amount of
//! memory whatever passes through them. When the mode is on is the session's matter.

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;
use miniz_oxide::DataFormat;
use miniz_oxide::deflate::core::{
    CompressionStrategy, CompressorOxide, TDEFLFlush, compress_to_output,
};
use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::inflate_flags::{
    TINFL_FLAG_HAS_MORE_INPUT, TINFL_FLAG_PARSE_ZLIB_HEADER,
};
use miniz_oxide::inflate::core::{DecompressorOxide, decompress};

/// How far back a stream may refer, in bytes (RFC 1951 section 2). Also the largest piece that
/// [`Inflater::write`] hands out.
pub const WINDOW: usize = 32 * 1024;

/// The highest compression level.
pub const MAX_LEVEL: u8 = 9;

/// Compresses one stream. Holds about 320 KiB.
///
/// ```
/// use ossftp_core::deflate::{Deflater, InflateError, Inflater};
/// let mut wire = Vec::new();
/// let mut deflater = Deflater::new(6);
/// deflater.write(b"hello, ", &mut wire);
/// deflater.write(b"hello", &mut wire);
/// deflater.finish(&mut wire);
///
/// let mut text = Vec::new();
/// let mut inflater = Inflater::new();
/// for piece in wire.chunks(3) {
///     inflater.write(piece, |bytes| {
///         text.extend_from_slice(bytes);
///         Ok::<(), InflateError>(())
///     })?;
/// }
/// inflater.finish()?;
/// assert_eq!(text, b"hello, hello");
/// # Ok::<(), InflateError>(())
/// ```
pub struct Deflater {
    /// `None` when the stream has its end.
    running: Option<Box<CompressorOxide>>,
}

impl Deflater {
    /// Begins a stream. `level` is that of `OPTS MODE Z LEVEL`: 0 stores, 1 is the fastest, 9 the
    /// smallest; more counts as 9.
    #[must_use]
    pub fn new(level: u8) -> Self {
        Self {
            running: Some(Box::new(CompressorOxide::with_params(
                DataFormat::Zlib,
                level.min(MAX_LEVEL),
                CompressionStrategy::Default,
                15,
            ))),
        }
    }

    /// Takes `input` and appends to `out` what is ready to be sent. That may be nothing: input is
    /// held back until a block is worth its header.
    ///
    /// Nothing may follow [`Deflater::finish`]; what does is dropped.
    pub fn write(&mut self, input: &[u8], out: &mut Vec<u8>) {
        debug_assert!(self.running.is_some(), "the stream has its end");
        self.compress(input, out, TDEFLFlush::None);
    }

    /// Appends the rest of the stream to `out`. Without any input before, that is the stream of an
    /// empty file. Called again it appends nothing.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        self.compress(&[], out, TDEFLFlush::Finish);
        self.running = None;
    }

    fn compress(&mut self, input: &[u8], out: &mut Vec<u8>, flush: TDEFLFlush) {
        let Some(compressor) = &mut self.running else {
            return;
        };
        // The sink takes everything, so this ends only when all input is taken.
        let (_, taken) = compress_to_output(compressor, input, flush, |bytes| {
            out.extend_from_slice(bytes);
            true
        });
        debug_assert_eq!(taken, input.len());
    }
}

impl fmt::Debug for Deflater {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deflater")
            .field("finished", &self.running.is_none())
            .finish_non_exhaustive()
    }
}

/// What is wrong with a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum InflateError {
    /// It is no zlib stream, or damaged.
    Corrupt,
    /// It is well formed, but what came out is not what went in (Adler-32).
    Checksum,
    /// The data connection ended before the stream did.
    Truncated,
    /// Something follows the end of the stream.
    Trailing,
    /// An earlier call failed.
    Failed,
}

impl fmt::Display for InflateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Corrupt => "The compressed data is damaged.",
            Self::Checksum => "The checksum of the compressed data is wrong.",
            Self::Truncated => "The compressed data ends too early.",
            Self::Trailing => "Something follows the compressed data.",
            Self::Failed => "The compressed data was given up.",
        })
    }
}

impl core::error::Error for InflateError {}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    Running,
    Ended,
    Failed,
}

/// Decompresses one stream. Holds about 50 KiB: a stream can grow a thousandfold, so what comes
/// out is never collected here, but handed on in pieces of at most [`WINDOW`] bytes.
pub struct Inflater {
    state: Box<DecompressorOxide>,
    /// The last [`WINDOW`] bytes that came out, as a ring.
    window: Box<[u8]>,
    /// Where in the window the next byte goes. Always below [`WINDOW`].
    at: usize,
    progress: Progress,
}

impl Inflater {
    /// Waits for the beginning of a stream.
    #[must_use]
    pub fn new() -> Self {
        Self {
            state: Box::default(),
            window: vec![0; WINDOW].into_boxed_slice(),
            at: 0,
            progress: Progress::Running,
        }
    }

    /// Takes `input` and hands what it stands for to `sink`, in pieces of 1 to [`WINDOW`] bytes.
    /// The bytes that a broken stream yielded before it broke may have been handed on by then.
    ///
    /// # Errors
    /// What `sink` says, or [`InflateError`]: `Corrupt`, `Checksum`, or `Trailing` for bytes after
    /// the end. A second stream could stand there, and to pass over it would store less than the
    /// client believes it sent. After an error every call is `Failed`.
    pub fn write<E: From<InflateError>>(
        &mut self,
        input: &[u8],
        sink: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let result = match self.progress {
            Progress::Running => self.decompress(input, sink),
            Progress::Ended if input.is_empty() => Ok(()),
            Progress::Ended => Err(InflateError::Trailing.into()),
            Progress::Failed => Err(InflateError::Failed.into()),
        };
        if result.is_err() {
            self.progress = Progress::Failed;
        }
        result
    }

    fn decompress<E: From<InflateError>>(
        &mut self,
        mut input: &[u8],
        mut sink: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        const FLAGS: u32 = TINFL_FLAG_PARSE_ZLIB_HEADER | TINFL_FLAG_HAS_MORE_INPUT;
        loop {
            let (status, read, written) =
                decompress(&mut self.state, input, &mut self.window, self.at, FLAGS);
            let end = self.at + written;
            match self.window.get(self.at..end) {
                None | Some([]) => {}
                Some(piece) => sink(piece)?,
            }
            self.at = end % WINDOW;
            input = input.get(read..).unwrap_or_default();
            match status {
                TINFLStatus::NeedsMoreInput => return Ok(()),
                TINFLStatus::HasMoreOutput if read + written > 0 => {}
                TINFLStatus::Done => {
                    self.progress = Progress::Ended;
                    return if input.is_empty() {
                        Ok(())
                    } else {
                        Err(InflateError::Trailing.into())
                    };
                }
                TINFLStatus::Adler32Mismatch => return Err(InflateError::Checksum.into()),
                _ => return Err(InflateError::Corrupt.into()),
            }
        }
    }

    /// Whether the stream has come to its end. A pump need not wait for the end of the data
    /// connection to know it, but only that tells whether something follows.
    #[must_use]
    pub fn ended(&self) -> bool {
        self.progress == Progress::Ended
    }

    /// The data connection has ended.
    ///
    /// # Errors
    /// [`InflateError::Truncated`] if the stream has not ended, even if nothing came at all: an
    /// empty file has a stream too. [`InflateError::Failed`] if an earlier call failed.
    pub fn finish(&self) -> Result<(), InflateError> {
        match self.progress {
            Progress::Running => Err(InflateError::Truncated),
            Progress::Ended => Ok(()),
            Progress::Failed => Err(InflateError::Failed),
        }
    }
}

impl Default for Inflater {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Inflater {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inflater")
            .field("progress", &self.progress)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn deflate<'a>(level: u8, pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
        let (mut deflater, mut out) = (Deflater::new(level), Vec::new());
        for piece in pieces {
            deflater.write(piece, &mut out);
        }
        deflater.finish(&mut out);
        let length = out.len();
        deflater.finish(&mut out);
        assert_eq!(out.len(), length, "the end comes once");
        out
    }

    /// What came out, and the verdict.
    fn inflate<'a>(
        pieces: impl IntoIterator<Item = &'a [u8]>,
    ) -> (Vec<u8>, Result<(), InflateError>) {
        let (mut inflater, mut out) = (Inflater::new(), Vec::new());
        for piece in pieces {
            let result = inflater.write(piece, |bytes| {
                assert!((1..=WINDOW).contains(&bytes.len()));
                out.extend_from_slice(bytes);
                Ok(())
            });
            if result.is_err() {
                assert_eq!(inflater.finish(), Err(InflateError::Failed));
                return (out, result);
            }
        }
        (out, inflater.finish())
    }

    /// "hello" by the zlib of others: python3 -c 'import zlib; print(zlib.compress(b"hello"))'.
    const HELLO: &[u8] = b"x\x9c\xcbH\xcd\xc9\xc9\x07\x00\x06,\x02\x15";

    #[test]
    fn known_answers() {
        assert_eq!(inflate([HELLO]), (b"hello".to_vec(), Ok(())));
        let empty = b"x\x9c\x03\x00\x00\x00\x00\x01";
        assert_eq!(inflate([&empty[..]]), (Vec::new(), Ok(())));
        // Stored, fixed and dynamic blocks; level 0 stores.
        let stored = b"x\x01\x01\x05\x00\xfa\xffhello\x06,\x02\x15";
        assert_eq!(inflate([&stored[..]]), (b"hello".to_vec(), Ok(())));
        assert_eq!(deflate(0, [&b"hello"[..]]), stored);
        for level in 0..=12 {
            let nothing = deflate(level, []);
            assert_eq!(nothing.first(), Some(&b'x'), "a window of 32 KiB");
            assert_eq!(inflate([&nothing[..]]), (Vec::new(), Ok(())), "{level}");
        }
    }

    #[test]
    fn an_inflater_knows_its_end() {
        let mut inflater = Inflater::default();
        let (cut, last) = HELLO.split_at(HELLO.len() - 1);
        for (piece, ended, shown) in [(cut, false, "Running"), (last, true, "Ended")] {
            let all: Result<(), InflateError> = inflater.write(piece, |_| Ok(()));
            assert_eq!((all, inflater.ended()), (Ok(()), ended));
            assert_eq!(
                alloc::format!("{inflater:?}"),
                alloc::format!("Inflater {{ progress: {shown}, .. }}")
            );
        }
        let mut deflater = Deflater::new(6);
        for shown in ["finished: false", "finished: true"] {
            assert!(alloc::format!("{deflater:?}").contains(shown));
            deflater.finish(&mut Vec::new());
        }
    }

    #[test]
    fn each_error_is_one_sentence() {
        let all = [
            InflateError::Corrupt,
            InflateError::Checksum,
            InflateError::Truncated,
            InflateError::Trailing,
            InflateError::Failed,
        ];
        let said = all.map(|error| alloc::format!("{error}"));
        for (at, text) in said.iter().enumerate() {
            assert!(text.ends_with('.') && !text.contains('\n'), "{text}");
            assert!(!said[..at].contains(text), "{text}");
        }
    }

    #[test]
    fn wrong_streams() {
        let (cut, last) = HELLO.split_at(HELLO.len() - 1);
        assert_eq!(
            inflate([cut]),
            (b"hello".to_vec(), Err(InflateError::Truncated))
        );
        assert_eq!(inflate([]), (Vec::new(), Err(InflateError::Truncated)));
        let wrong = [last.first().copied().unwrap_or(0) ^ 1];
        assert_eq!(
            inflate([cut, &wrong]),
            (b"hello".to_vec(), Err(InflateError::Checksum))
        );
        let twice = HELLO.repeat(2);
        for pieces in [&[&twice[..]][..], &[HELLO, HELLO], &[HELLO, b"", b"x"]] {
            let (text, verdict) = inflate(pieces.iter().copied());
            assert_eq!(
                (&text[..], verdict),
                (&b"hello"[..], Err(InflateError::Trailing))
            );
        }
        for corrupt in [
            // No zlib header, as in gzip and raw streams; a preset dictionary; a reserved block.
            &b"\x1f\x8b\x08\0"[..],
            b"\xcbH\xcd\xc9\xc9\x07\x00",
            b"x\xbb\0\0\0\0\0\0",
            b"x\x9c\x07\0\0",
        ] {
            assert_eq!(inflate([corrupt]), (Vec::new(), Err(InflateError::Corrupt)));
        }
    }

    #[test]
    fn a_bomb_passes_in_pieces_and_can_be_stopped() {
        let zeros = vec![0; 1 << 20];
        let bomb = deflate(9, core::iter::repeat_n(&zeros[..], 16));
        assert!(bomb.len() < 20_000, "{}", bomb.len());
        let (mut inflater, mut size) = (Inflater::new(), 0);
        let mut limit = |bytes: &[u8], most: usize| {
            assert!(bytes.len() <= WINDOW && bytes.iter().all(|b| *b == 0));
            size += bytes.len();
            if size > most { Err(None) } else { Ok(()) }
        };
        assert_eq!(inflater.write(&bomb, |b| limit(b, 16 << 20)), Ok(()));
        assert_eq!(inflater.finish(), Ok(()));
        assert_eq!(size, 16 << 20);

        let (mut inflater, mut size) = (Inflater::new(), 0);
        let mut limit = |bytes: &[u8]| {
            size += bytes.len();
            if size > 100_000 { Err(None) } else { Ok(()) }
        };
        assert_eq!(inflater.write(&bomb, &mut limit), Err(None));
        assert_eq!(
            inflater.write(&[], &mut limit),
            Err(Some(InflateError::Failed))
        );
        assert_eq!(inflater.finish(), Err(InflateError::Failed));
        assert!(size <= 100_000 + WINDOW);
    }

    /// Bytes with repetitions near and far.
    fn text() -> impl Strategy<Value = Vec<u8>> {
        let run = (proptest::collection::vec(any::<u8>(), 1..40), 1..2000_usize)
            .prop_map(|(bytes, times)| bytes.repeat(times));
        proptest::collection::vec(run, 0..4).prop_map(|runs| runs.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn round_trip(
            text in text(), level in 0..=9_u8, read in 1..70_000_usize, sent in 1..5000_usize,
        ) {
            let wire = deflate(level, text.chunks(read));
            let (back, verdict) = inflate(wire.chunks(sent));
            prop_assert_eq!(verdict, Ok(()));
            prop_assert!(back == text);
        }

        #[test]
        fn any_split_gives_the_same(
            text in text(), flip in any::<(usize, u8)>(), cut in any::<usize>(), more in any::<bool>(),
            size in 1..300_usize,
        ) {
            let mut wire = deflate(6, [&text[..]]);
            let place = flip.0 % wire.len();
            wire[place] ^= flip.1;
            if more {
                wire.push(0);
            } else {
                wire.truncate(wire.len() - cut % 3);
            }
            let whole = inflate([&wire[..]]);
            prop_assert!(whole == inflate(wire.chunks(size)));
            if flip.1 == 0 {
                prop_assert_eq!(whole.1.is_ok(), !more && cut % 3 == 0);
            }
        }

        #[test]
        fn garbage_is_harmless(
            header in any::<bool>(), bytes in proptest::collection::vec(any::<u8>(), 0..200),
            size in 1..9_usize,
        ) {
            let mut wire = if header { b"x\x9c".to_vec() } else { Vec::new() };
            wire.extend(bytes);
            let whole = inflate([&wire[..]]);
            prop_assert!(whole == inflate(wire.chunks(size)));
        }
    }
}
