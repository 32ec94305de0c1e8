//! From one framed line to a [`Command`], with nom.
//!
//! Exactly one space stands between verb and argument; every further one belongs to the
//! argument (RFC 2640 section 3.1). Verbs are letters in any case.

use super::table::{self, Spec};
use super::words::{facts_and_path, many_words, path_and_range, time_and_path};
use super::{Checksum, Command, Epsv, ListOptions, Protection, TransferMode, TransferType};
use crate::Secret;
use crate::text::has_control;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use nom::branch::alt;
use nom::bytes::complete::{tag_no_case, take_till, take_while_m_n, take_while1};
use nom::character::complete::{
    char as byte, u8 as number, u16 as port_number, u32 as size_of_32_bits, u64 as count,
};
use nom::combinator::{
    all_consuming, eof, map, map_opt, opt, recognize, rest as remainder, value, verify,
};
use nom::error::Error;
use nom::sequence::{delimited, preceded, separated_pair, terminated};
use nom::{IResult, Parser as _};

/// Why a line is no command.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum ParseError {
    /// There is no such verb: 500.
    UnknownVerb,
    /// The argument does not fit: 501.
    Syntax(&'static Spec),
    /// The argument is well formed and names something that is not there: 504.
    Parameter(&'static Spec),
    /// A network protocol that is not there: 522 (RFC 2428).
    Protocol(&'static Spec),
    /// The verb is known and not implemented: 502.
    NotImplemented(&'static Spec),
}

impl ParseError {
    /// The row of the table that the line meant.
    #[must_use]
    pub const fn spec(&self) -> Option<&'static Spec> {
        match self {
            Self::UnknownVerb => None,
            Self::Syntax(spec)
            | Self::Parameter(spec)
            | Self::Protocol(spec)
            | Self::NotImplemented(spec) => Some(spec),
        }
    }
}

/// Why an argument does not do.
#[derive(Debug, Clone, Copy)]
pub(super) enum Bad {
    Syntax,
    Parameter,
    Protocol,
    NotImplemented,
}

/// Reads an argument; what follows the verb and its one space.
pub(super) type Parser = fn(&[u8]) -> Result<Command, Bad>;
pub(super) type Read<'a, T> = IResult<&'a [u8], T, Error<&'a [u8]>>;

/// Parses one line, its end not included.
///
/// ```
/// use ossftp_core::command::{parse, Command};
/// assert_eq!(parse(b"retr  two spaces").unwrap(), Command::Retr(b" two spaces".to_vec()));
/// assert!(parse(b"RETR").is_err());
/// ```
///
/// # Errors
/// [`ParseError`] names the row of the table where there is one.
pub fn parse(line: &[u8]) -> Result<Command, ParseError> {
    let (argument, verb) = verb(without_signals(line)).map_err(|_| ParseError::UnknownVerb)?;
    let spec = table::find(verb).ok_or(ParseError::UnknownVerb)?;
    let sub = (spec.verb == "SITE").then(|| table::site_row(argument));
    let spec = sub.flatten().map_or(spec, |(row, _)| row);
    // A password may hold control characters, but none that ends a line or a text somewhere.
    let bad = if spec.verb == "PASS" {
        argument.iter().any(|b| matches!(b, 0 | b'\r' | b'\n'))
    } else {
        has_control(argument)
    };
    if bad {
        return Err(ParseError::Syntax(spec));
    }
    let parser = if spec.is_site() {
        super::site::site
    } else {
        spec.parser
    };
    parser(argument).map_err(|bad| match bad {
        Bad::Syntax => ParseError::Syntax(spec),
        Bad::Parameter => ParseError::Parameter(spec),
        Bad::Protocol => ParseError::Protocol(spec),
        Bad::NotImplemented => ParseError::NotImplemented(spec),
    })
}

/// The line without what is left of Telnet signals before its verb: where urgent data loses its
/// way, IAC does not arrive with them.
pub(crate) fn without_signals(line: &[u8]) -> &[u8] {
    let verb = line.iter().position(|b| *b < 240);
    line.get(verb.unwrap_or(0)..).unwrap_or_default()
}

/// The verb, and the argument that follows its one space.
fn verb(line: &[u8]) -> Read<'_, &[u8]> {
    let end = alt((value((), byte(' ')), value((), eof)));
    // P@SS and P@SW are what some firewalls make of PASS, and MD5 has a digit.
    let letter = |b: u8| b.is_ascii_alphanumeric() || b == b'@';
    terminated(take_while_m_n(1, 8, letter), end).parse(line)
}

/// All of `argument`, read by `parser`, or a syntax error.
pub(super) fn whole<'a, T>(
    parser: impl nom::Parser<&'a [u8], Output = T, Error = Error<&'a [u8]>>,
    argument: &'a [u8],
) -> Result<T, Bad> {
    match all_consuming(parser).parse(argument) {
        Ok((_, parsed)) => Ok(parsed),
        Err(_) => Err(Bad::Syntax),
    }
}

fn text(argument: &[u8]) -> Result<Vec<u8>, Bad> {
    whole(verify(remainder, |a: &[u8]| !a.is_empty()), argument).map(<[u8]>::to_vec)
}

fn optional(argument: &[u8]) -> Option<Vec<u8>> {
    (!argument.is_empty()).then(|| argument.to_vec())
}

/// For commands without an argument: spaces after the verb are let pass, text is not.
fn nothing(argument: &[u8], command: Command) -> Result<Command, Bad> {
    whole(take_till(|b| b != b' '), argument).map(|_| command)
}

pub(super) fn user(a: &[u8]) -> Result<Command, Bad> {
    text(a).map(Command::User)
}
pub(super) fn pass(a: &[u8]) -> Result<Command, Bad> {
    Ok(Command::Pass(Secret::new(a)))
}
pub(super) fn quit(_: &[u8]) -> Result<Command, Bad> {
    Ok(Command::Quit)
}
pub(super) fn cwd(a: &[u8]) -> Result<Command, Bad> {
    text(a).map(Command::Cwd)
}
pub(super) fn cdup(a: &[u8]) -> Result<Command, Bad> {
    nothing(a, Command::Cdup)
}
pub(super) fn pwd(a: &[u8]) -> Result<Command, Bad> {
    nothing(a, Command::Pwd)
}
pub(super) fn pasv(a: &[u8]) -> Result<Command, Bad> {
    nothing(a, Command::Pasv)
}
pub(super) fn feat(a: &[u8]) -> Result<Command, Bad> {
    nothing(a, Command::Feat)
}
pub(super) fn syst(a: &[u8]) -> Result<Command, Bad> {
    nothing(a, Command::Syst)
}
pub(super) fn abor(_: &[u8]) -> Result<Command, Bad> {
    Ok(Command::Abor)
}
pub(super) fn noop(_: &[u8]) -> Result<Command, Bad> {
    // Keep-alives come with all kinds of text after them.
    Ok(Command::Noop)
}
pub(super) fn retr(a: &[u8]) -> Result<Command, Bad> {
    text(a).map(Command::Retr)
}
pub(super) fn stor(a: &[u8]) -> Result<Command, Bad> {
    text(a).map(Command::Stor)
}
pub(super) fn appe(a: &[u8]) -> Result<Command, Bad> {
    text(a).map(Command::Appe)
}
pub(super) fn rnfr(a: &[u8]) -> Result<Command, Bad> {
    text(a).map(Command::Rnfr)
}
pub(super) fn rnto(a: &[u8]) -> Result<Command, Bad> {
    text(a).map(Command::Rnto)
}
pub(super) fn dele(a: &[u8]) -> Result<Command, Bad> {
    text(a).map(Command::Dele)
}
pub(super) fn rmd(a: &[u8]) -> Result<Command, Bad> {
    text(a).map(Command::Rmd)
}
pub(super) fn mkd(a: &[u8]) -> Result<Command, Bad> {
    text(a).map(Command::Mkd)
}
pub(super) fn size(a: &[u8]) -> Result<Command, Bad> {
    text(a).map(Command::Size)
}
pub(super) fn mdtm(a: &[u8]) -> Result<Command, Bad> {
    text(a).map(Command::Mdtm)
}
pub(super) fn opts(a: &[u8]) -> Result<Command, Bad> {
    text(a).map(Command::Opts)
}
/// Long unless `-1` asks for names alone; as with ls, `-l` is stronger.
pub(super) fn list(a: &[u8]) -> Result<Command, Bad> {
    let path = without_options(a);
    let has = |letter| has_option(a, path, letter);
    let long = has(b'l') || !has(b'1');
    let itself = has(b'd');
    Ok(Command::List(ListOptions { long, itself }, optional(path)))
}
/// Names alone unless `-l` asks for more.
pub(super) fn nlst(a: &[u8]) -> Result<Command, Bad> {
    let path = without_options(a);
    let has = |letter| has_option(a, path, letter);
    let (long, itself) = (has(b'l'), has(b'd'));
    Ok(Command::Nlst(ListOptions { long, itself }, optional(path)))
}
pub(super) fn mlsd(a: &[u8]) -> Result<Command, Bad> {
    Ok(Command::Mlsd(optional(a)))
}
pub(super) fn mlst(a: &[u8]) -> Result<Command, Bad> {
    Ok(Command::Mlst(optional(a)))
}
/// `STAT -la` asks for a listing as `STAT .` does, not for the state of the server.
pub(super) fn stat(a: &[u8]) -> Result<Command, Bad> {
    let path = Some(without_options(a)).filter(|path| !path.is_empty());
    Ok(Command::Stat(
        optional(a).map(|_| path.unwrap_or(b".").to_vec()),
    ))
}
pub(super) fn help(a: &[u8]) -> Result<Command, Bad> {
    Ok(Command::Help(optional(a)))
}

/// One `-la`-like word as old clients send it, and the space after it; what its letters ask for
/// beyond [`ListOptions`] is passed over, `-R` too. A name that looks like one is reached as
/// `./-la`.
fn list_option(argument: &[u8]) -> Read<'_, ()> {
    let letters = take_while1(|b: u8| b.is_ascii_alphanumeric());
    let end = alt((value((), byte(' ')), value((), eof)));
    value((), (byte('-'), letters, end)).parse(argument)
}

fn without_options(mut argument: &[u8]) -> &[u8] {
    while let Ok((rest, ())) = list_option(argument) {
        argument = rest;
    }
    argument
}

/// Whether `letter` is among the options that stand before `path` at the end of `argument`.
fn has_option(argument: &[u8], path: &[u8], letter: u8) -> bool {
    let words = argument.len().saturating_sub(path.len());
    argument.get(..words).unwrap_or_default().contains(&letter)
}

/// TYPE A [N], I, L 8 and `L8`; other types and forms are 504 (RFC 959 section 5.3.1).
pub(super) fn type_(argument: &[u8]) -> Result<Command, Bad> {
    let form = opt(preceded(byte(' '), tag_no_case("N")));
    let size = preceded(opt(byte(' ')), byte('8'));
    let known = alt((
        value(TransferType::Ascii, (tag_no_case("A"), form)),
        value(TransferType::Image, tag_no_case("I")),
        value(TransferType::Image, (tag_no_case("L"), size)),
    ));
    known_letter(known, argument).map(Command::Type)
}

/// STRU F; R and P are 504.
pub(super) fn stru(argument: &[u8]) -> Result<Command, Bad> {
    known_letter(value(Command::Stru, tag_no_case("F")), argument)
}

/// MODE S and Z; B and C are 504.
pub(super) fn mode(argument: &[u8]) -> Result<Command, Bad> {
    let known = alt((
        value(TransferMode::Stream, tag_no_case("S")),
        value(TransferMode::Deflate, tag_no_case("Z")),
    ));
    known_letter(known, argument).map(Command::Mode)
}

/// Known verbs that no server needs.
pub(super) fn not_implemented(_: &[u8]) -> Result<Command, Bad> {
    Err(Bad::NotImplemented)
}
pub(super) fn acct(_: &[u8]) -> Result<Command, Bad> {
    Ok(Command::Acct)
}
pub(super) fn rein(a: &[u8]) -> Result<Command, Bad> {
    nothing(a, Command::Rein)
}
pub(super) fn ccc(a: &[u8]) -> Result<Command, Bad> {
    nothing(a, Command::Ccc)
}
pub(super) fn clnt(a: &[u8]) -> Result<Command, Bad> {
    text(a).map(Command::Clnt)
}
pub(super) fn csid(a: &[u8]) -> Result<Command, Bad> {
    text(a).map(Command::Csid)
}
pub(super) fn stou(a: &[u8]) -> Result<Command, Bad> {
    Ok(Command::Stou(optional(a)))
}
pub(super) fn avbl(a: &[u8]) -> Result<Command, Bad> {
    Ok(Command::Avbl(optional(a)))
}
pub(super) fn hash(a: &[u8]) -> Result<Command, Bad> {
    text(a).map(Command::Hash)
}

/// A host name or an IPv4 address, or an IPv6 address in brackets, and no port (RFC 7151
/// section 3).
pub(super) fn host(argument: &[u8]) -> Result<Command, Bad> {
    let name = take_while1(|b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_'));
    let literal = delimited(byte('['), take_till(|b| b == b']'), byte(']'));
    let literal = verify(recognize(literal), |text: &[u8]| {
        let inner = text.get(1..text.len().saturating_sub(1));
        inner.and_then(ascii::<Ipv6Addr>).is_some()
    });
    whole(alt((name, literal)), argument).map(|name| Command::Host(name.to_vec()))
}

/// TLS, TLS-C, TLS-P and SSL; other mechanisms are 504 (RFC 4217 section 4).
pub(super) fn auth(argument: &[u8]) -> Result<Command, Bad> {
    let known = alt((
        value(true, tag_no_case("TLS-P")),
        value(false, tag_no_case("TLS-C")),
        value(false, tag_no_case("TLS")),
        value(true, tag_no_case("SSL")),
    ));
    known_letter(known, argument).map(|private| Command::Auth { private })
}

/// A number of 32 bits (RFC 2228 section 3).
pub(super) fn pbsz(argument: &[u8]) -> Result<Command, Bad> {
    whole(map(size_of_32_bits, Command::Pbsz), argument)
}

/// C, S, E or P; other letters are 504 (RFC 2228 section 3).
pub(super) fn prot(argument: &[u8]) -> Result<Command, Bad> {
    let known = alt((
        value(Protection::Clear, tag_no_case("C")),
        value(Protection::Safe, tag_no_case("S")),
        value(Protection::Confidential, tag_no_case("E")),
        value(Protection::Private, tag_no_case("P")),
    ));
    known_letter(known, argument).map(Command::Prot)
}

/// A language tag, or nothing (RFC 2640 section 4).
pub(super) fn lang(argument: &[u8]) -> Result<Command, Bad> {
    if argument.is_empty() {
        return Ok(Command::Lang(None));
    }
    let tag = take_while1(|b: u8| b.is_ascii_alphanumeric() || b == b'-');
    whole(tag, argument).map(|tag| Command::Lang(Some(tag.to_vec())))
}

pub(super) fn mfmt(argument: &[u8]) -> Result<Command, Bad> {
    time_and_path(argument).map(|(time, path)| Command::Mfmt(time, path))
}
pub(super) fn mfct(argument: &[u8]) -> Result<Command, Bad> {
    time_and_path(argument).map(|(time, path)| Command::Mfct(time, path))
}
pub(super) fn mff(argument: &[u8]) -> Result<Command, Bad> {
    facts_and_path(argument).map(|(changes, path)| Command::Mff(changes, path))
}

fn checksum(which: Checksum, argument: &[u8]) -> Result<Command, Bad> {
    path_and_range(argument).map(|(path, range)| Command::Checksum(which, path, range))
}
pub(super) fn xcrc(a: &[u8]) -> Result<Command, Bad> {
    checksum(Checksum::Xcrc, a)
}
pub(super) fn xmd5(a: &[u8]) -> Result<Command, Bad> {
    checksum(Checksum::Xmd5, a)
}
pub(super) fn xsha(a: &[u8]) -> Result<Command, Bad> {
    checksum(Checksum::Xsha, a)
}
pub(super) fn xsha256(a: &[u8]) -> Result<Command, Bad> {
    checksum(Checksum::Xsha256, a)
}
pub(super) fn xsha512(a: &[u8]) -> Result<Command, Bad> {
    checksum(Checksum::Xsha512, a)
}
pub(super) fn md5(a: &[u8]) -> Result<Command, Bad> {
    checksum(Checksum::Md5, a)
}

/// Two numbers, both inclusive.
pub(super) fn rang(argument: &[u8]) -> Result<Command, Bad> {
    let both = separated_pair(count, byte(' '), count);
    whole(
        map(both, |(first, last)| Command::Rang(first, last)),
        argument,
    )
}

/// The target, and at least one part of it.
pub(super) fn comb(argument: &[u8]) -> Result<Command, Bad> {
    let mut words = many_words(argument)?;
    if words.len() < 2 {
        return Err(Bad::Syntax);
    }
    let target = words.remove(0);
    Ok(Command::Comb(target, words))
}

fn known_letter<'a, T>(
    known: impl nom::Parser<&'a [u8], Output = T, Error = Error<&'a [u8]>>,
    argument: &'a [u8],
) -> Result<T, Bad> {
    whole(known, argument).map_err(|bad| match argument.first() {
        Some(b) if b.is_ascii_alphabetic() => Bad::Parameter,
        _ => bad,
    })
}

/// Digits alone that fit in 64 bits; no sign.
pub(super) fn rest(argument: &[u8]) -> Result<Command, Bad> {
    whole(map(count, Command::Rest), argument)
}

/// `n` or `n R m`: record sizes mean nothing here.
pub(super) fn allo(argument: &[u8]) -> Result<Command, Bad> {
    let record = opt((byte(' '), tag_no_case("R"), byte(' '), count));
    whole(map(terminated(count, record), Command::Allo), argument)
}

pub(super) fn epsv(argument: &[u8]) -> Result<Command, Bad> {
    let known = alt((
        value(Epsv::All, tag_no_case("ALL")),
        value(Epsv::V4, byte('1')),
        value(Epsv::V6, byte('2')),
        value(Epsv::Any, eof),
    ));
    match whole(known, argument) {
        Ok(known) => Ok(Command::Epsv(known)),
        Err(_) if !argument.is_empty() && argument.iter().all(u8::is_ascii_digit) => {
            Err(Bad::Protocol)
        }
        Err(bad) => Err(bad),
    }
}

/// `h1,h2,h3,h4,p1,p2` (RFC 959 section 4.1.2).
pub(super) fn port(argument: &[u8]) -> Result<Command, Bad> {
    let next = || preceded(byte(','), number);
    let all = (number, next(), next(), next(), next(), next());
    let address = map(all, |(a, b, c, d, high, low)| {
        let port = u16::from_be_bytes([high, low]);
        Command::Port(SocketAddr::from((Ipv4Addr::new(a, b, c, d), port)))
    });
    whole(address, argument)
}

/// `|protocol|address|port|`, with any delimiter from 33 to 126 (RFC 2428 section 2).
pub(super) fn eprt(argument: &[u8]) -> Result<Command, Bad> {
    let delimiter = *argument.first().ok_or(Bad::Syntax)?;
    if !(33..=126).contains(&delimiter) || delimiter.is_ascii_digit() {
        return Err(Bad::Syntax);
    }
    let mark = || byte(char::from(delimiter));
    let field = || take_till(move |b| b == delimiter);
    let fields = (
        preceded(mark(), field()),
        preceded(mark(), field()),
        preceded(mark(), terminated(port_number, mark())),
    );
    let (protocol, address, port) = whole(fields, argument)?;
    let address: IpAddr = match protocol {
        b"1" => IpAddr::V4(whole(map_opt(remainder, ascii::<Ipv4Addr>), address)?),
        b"2" => IpAddr::V6(whole(map_opt(remainder, ascii::<Ipv6Addr>), address)?),
        digits if !digits.is_empty() && digits.iter().all(u8::is_ascii_digit) => {
            return Err(Bad::Protocol);
        }
        _ => return Err(Bad::Syntax),
    };
    Ok(Command::Eprt(SocketAddr::from((address, port))))
}

fn ascii<T: core::str::FromStr>(bytes: &[u8]) -> Option<T> {
    core::str::from_utf8(bytes).ok()?.parse().ok()
}

#[cfg(test)]
mod tests;
