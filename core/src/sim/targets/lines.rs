//! Framing, whatever the pieces are.

use super::source::{Cuts, Source};
use crate::line::{Line, LineReader, MAX_LINE};
use alloc::format;
use alloc::vec::Vec;

/// A `~` that stands for many bytes does so only so often.
const MAX_STRETCHES: usize = 12;
const STRETCH: usize = 1024;

/// A wire and the pieces in which it comes: any pieces give the lines that it gives as a whole
/// and byte by byte, and that a second reading finds in it; lines that are too long are told
/// once each, and what is kept of a line is bounded.
///
/// The first byte says how many sizes of pieces follow it. In the wire each of the first `~`
/// stands for 1,024 bytes, so that a seed need not be long to hold a long line.
///
/// # Panics
/// One of these does not hold.
pub fn lines(data: &[u8]) {
    let mut source = Source::new(data);
    let cuts = source.cuts();
    let wire = stretched(source.rest());
    let expected = reading(&wire);
    assert_eq!(read(&[&wire], usize::MAX), expected, "as a whole");
    assert_eq!(read(&cuts.of(&wire), usize::MAX), expected, "in pieces");
    assert_eq!(read(&cuts.of(&wire), 1), expected, "one by one");
    let single = Cuts::bytes().of(&wire);
    assert_eq!(read(&single, usize::MAX), expected, "byte by byte");
}

fn stretched(wire: &[u8]) -> Vec<u8> {
    let mut left = MAX_STRETCHES;
    let mut out = Vec::with_capacity(wire.len());
    for byte in wire {
        if *byte == b'~' && left > 0 {
            left -= 1;
            out.resize(out.len() + STRETCH, b'x');
        } else {
            out.push(*byte);
        }
    }
    out
}

/// What the reader makes of it when at most `at_once` lines are taken after each piece, and all
/// others in the end.
fn read(pieces: &[&[u8]], at_once: usize) -> Vec<Line> {
    let mut reader = LineReader::default();
    let (mut lines, mut waiting) = (Vec::new(), 0);
    for (count, piece) in pieces.iter().enumerate() {
        reader.push(piece);
        waiting += piece.len();
        assert!(reader.waiting_bytes() <= waiting);
        for _ in 0..at_once {
            let Some(line) = reader.next_line() else {
                assert_eq!(reader.waiting_lines(), 0);
                assert_eq!(
                    reader.waiting_bytes(),
                    0,
                    "what is no line yet was not taken"
                );
                waiting = 0;
                break;
            };
            lines.push(line);
        }
        // Its `Debug` takes long, and what is too much stays so up to the end of the line.
        if count.is_multiple_of(256) {
            assert!(kept(&reader) <= MAX_LINE, "{reader:?}");
        }
    }
    lines.extend(core::iter::from_fn(|| reader.next_line()));
    assert_eq!((reader.waiting_lines(), reader.waiting_bytes()), (0, 0));
    reader.clear();
    assert_eq!((reader.next_line(), kept(&reader)), (None, 0));
    lines
}

/// How much of an unfinished line is kept: only its `Debug` tells.
fn kept(reader: &LineReader) -> usize {
    let text = format!("{reader:?}");
    let number = text.split("current_bytes: ").nth(1).unwrap_or_default();
    let end = number.find(|c: char| !c.is_ascii_digit());
    let digits = number.get(..end.unwrap_or(number.len()));
    let digits = digits.unwrap_or_default();
    digits.parse().expect("the reader tells what it keeps")
}

/// The second reading: LF cuts, then what is Telnet's goes, then CR NUL becomes CR.
fn reading(wire: &[u8]) -> Vec<Line> {
    let whole = wire.iter().rposition(|b| *b == b'\n');
    let whole = wire.get(..whole.unwrap_or(0)).unwrap_or_default();
    if whole.is_empty() {
        return Vec::new();
    }
    let lines = whole.split(|b| *b == b'\n').map(|line| {
        let text = without_telnet(line);
        let text = text.strip_suffix(b"\r").unwrap_or(&text);
        let mut after_cr = false;
        let text = text.iter().copied().filter(|b| {
            let hidden = after_cr && *b == 0;
            after_cr = *b == b'\r';
            !hidden
        });
        text.collect::<Vec<u8>>()
    });
    lines
        .filter(|line| !line.is_empty())
        .map(|line| {
            if line.len() > MAX_LINE {
                Line::TooLong
            } else {
                Line::Text(line)
            }
        })
        .collect()
}

/// RFC 854: IAC IAC is a byte; IAC with WILL, WONT, DO or DONT takes one byte more; IAC SB takes
/// all up to IAC SE; a byte that is no command stays.
fn without_telnet(line: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    let mut bytes = line.iter().copied();
    while let Some(byte) = bytes.next() {
        if byte != 255 {
            text.push(byte);
            continue;
        }
        match bytes.next() {
            Some(255) => text.push(255),
            Some(251..=254) => drop(bytes.next()),
            Some(250) => {
                let mut command = false;
                // IAC IAC in there is a byte of it, IAC and anything else but SE nothing.
                bytes.by_ref().find(|b| {
                    let end = command && *b == 240;
                    command = *b == 255 && !command;
                    end
                });
            }
            // What is no command of Telnet follows an IAC that stands alone.
            Some(byte @ 0..=235) => text.push(byte),
            _ => {}
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_second_reading_reads() {
        let text = |text: &[u8]| Line::Text(text.to_vec());
        assert_eq!(
            reading(b"a\r\n\n\xff\xfd\x06b\r\0c\r\n\xff\xfax\xff\xf0d\nhalf"),
            [text(b"a"), text(b"b\rc"), text(b"d")]
        );
        assert_eq!(
            reading(&stretched(b"~~~~x\nA\n")),
            [Line::TooLong, text(b"A")]
        );
    }

    proptest! {
        #[test]
        fn any_wire_in_any_pieces(data in proptest::collection::vec(
            prop_oneof![
                Just(b'\r'), Just(b'\n'), Just(255), Just(250), Just(240), Just(0), Just(b'~'),
                any::<u8>()
            ],
            0..100,
        )) {
            lines(&data);
        }
    }
}
