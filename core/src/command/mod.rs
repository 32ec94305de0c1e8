//! Commands: one table that says which there are, and the parser for one framed line.
//!
//! [`COMMANDS`] is the home of every rule that belongs to a verb as such: whether it is allowed
//! before login, whether it changes anything, what its argument looks like, what `HELP` and
//! `FEAT` say about it. What a command *does* stands in the session.

mod parse;
mod site;
mod table;
mod words;

pub(crate) use parse::without_signals;
pub use parse::{ParseError, parse};
pub use site::Site;
pub(crate) use words::{facts as fact_text, maybe_time_and_path, quoted};

pub use table::{COMMANDS, EXTENSIONS, Feature, SITE_COMMANDS, Spec, find};

use crate::listing::time_val;
use crate::{FactChanges, HashAlgorithm, Secret};
use alloc::borrow::Cow;
use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;
use core::net::{IpAddr, SocketAddr};

/// A parsed command. Path arguments are bytes as they came, not yet joined to a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Command {
    /// USER name.
    User(Vec<u8>),
    /// PASS password, which may be empty or hold spaces.
    Pass(Secret),
    /// QUIT.
    Quit,
    /// CWD or XCWD path.
    Cwd(Vec<u8>),
    /// CDUP or XCUP.
    Cdup,
    /// PWD or XPWD.
    Pwd,
    /// TYPE A or TYPE I (and L 8, which is the same here).
    Type(TransferType),
    /// STRU F, the only structure there is.
    Stru,
    /// MODE S or MODE Z.
    Mode(TransferMode),
    /// PASV.
    Pasv,
    /// EPSV, with a network protocol, or ALL (RFC 2428).
    Epsv(Epsv),
    /// PORT, the address of the client's data port.
    Port(SocketAddr),
    /// EPRT, the same for both protocols (RFC 2428).
    Eprt(SocketAddr),
    /// RETR path.
    Retr(Vec<u8>),
    /// STOR path.
    Stor(Vec<u8>),
    /// APPE path.
    Appe(Vec<u8>),
    /// REST, in bytes (RFC 3659 section 5).
    Rest(u64),
    /// ALLO, in bytes.
    Allo(u64),
    /// RNFR path.
    Rnfr(Vec<u8>),
    /// RNTO path.
    Rnto(Vec<u8>),
    /// DELE path.
    Dele(Vec<u8>),
    /// RMD or XRMD path.
    Rmd(Vec<u8>),
    /// MKD or XMKD path.
    Mkd(Vec<u8>),
    /// SIZE path.
    Size(Vec<u8>),
    /// MDTM path, which may be a time and a path, to set it.
    Mdtm(Vec<u8>),
    /// LIST: its options, and the path that follows them.
    List(ListOptions, Option<Vec<u8>>),
    /// NLST: its options, and the path that follows them.
    Nlst(ListOptions, Option<Vec<u8>>),
    /// MLSD.
    Mlsd(Option<Vec<u8>>),
    /// MLST.
    Mlst(Option<Vec<u8>>),
    /// STAT.
    Stat(Option<Vec<u8>>),
    /// FEAT.
    Feat,
    /// OPTS, the option and its values as they came.
    Opts(Vec<u8>),
    /// SYST.
    Syst,
    /// HELP.
    Help(Option<Vec<u8>>),
    /// NOOP.
    Noop,
    /// ABOR.
    Abor,
    /// ACCT, whatever follows: no account is ever needed.
    Acct,
    /// REIN.
    Rein,
    /// HOST name (RFC 7151): a host name or an address, in brackets if it is IPv6.
    Host(Vec<u8>),
    /// AUTH (RFC 4217): the mechanisms are names of the same thing.
    Auth {
        /// TLS-P and SSL: data connections are protected without PROT P.
        private: bool,
    },
    /// PBSZ: any 32-bit number, and 0 is what it becomes.
    Pbsz(u32),
    /// PROT.
    Prot(Protection),
    /// CCC.
    Ccc,
    /// CLNT, the name of the client.
    Clnt(Vec<u8>),
    /// CSID, what the client says of itself.
    Csid(Vec<u8>),
    /// LANG, with a language tag (RFC 2640).
    Lang(Option<Vec<u8>>),
    /// STOU, with a name to begin from.
    Stou(Option<Vec<u8>>),
    /// MFMT time path: the time of change in Unix seconds.
    Mfmt(i64, Vec<u8>),
    /// MFCT time path: the time of creation in Unix seconds.
    Mfct(i64, Vec<u8>),
    /// MFF facts path.
    Mff(FactChanges, Vec<u8>),
    /// AVBL.
    Avbl(Option<Vec<u8>>),
    /// HASH path.
    Hash(Vec<u8>),
    /// XCRC and its like: path, and from which byte (inclusive) to which (exclusive).
    Checksum(Checksum, Vec<u8>, Option<(u64, u64)>),
    /// RANG: the first and the last byte, both inclusive; 1 and 0 take it back.
    Rang(u64, u64),
    /// COMB target, and what it is made of.
    Comb(Vec<u8>, Vec<Vec<u8>>),
    /// SITE.
    Site(Site),
}

/// What clients ask for with words like those of ls before the path of LIST and NLST. RFC 959
/// knows none of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct ListOptions {
    /// As `ls -l`; else names alone. LIST is long but for `-1`, NLST is not but for `-l`.
    pub long: bool,
    /// `-d`: the entry of the directory itself.
    pub itself: bool,
}

impl ListOptions {
    /// The argument that says this, for a command that is `long` by itself.
    fn before(self, path: Option<&[u8]>, long: bool) -> Option<Cow<'_, [u8]>> {
        let mut words = Vec::new();
        match (self.long, long) {
            (false, true) => words.push(b'1'),
            (true, false) => words.push(b'l'),
            _ => {}
        }
        if self.itself {
            words.push(b'd');
        }
        if words.is_empty() {
            return path.map(Cow::Borrowed);
        }
        words.insert(0, b'-');
        if let Some(path) = path {
            words.push(b' ');
            words.extend_from_slice(path);
        }
        Some(Cow::Owned(words))
    }
}

/// The transfer modes that there are (RFC 959 section 3.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TransferMode {
    /// S: bytes as they are.
    Stream,
    /// Z: a zlib stream.
    Deflate,
}

/// The levels of protection of RFC 2228 section 3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Protection {
    /// C: none.
    Clear,
    /// S: integrity. TLS has no such level.
    Safe,
    /// E: secrecy without integrity. TLS has no such level.
    Confidential,
    /// P: TLS.
    Private,
}

/// The commands that answer with a checksum of their own algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Checksum {
    /// XCRC: CRC-32.
    Xcrc,
    /// XMD5.
    Xmd5,
    /// XSHA and XSHA1: SHA-1.
    Xsha,
    /// XSHA256.
    Xsha256,
    /// XSHA512.
    Xsha512,
    /// MD5, which names the file in its answer.
    Md5,
}

impl Checksum {
    /// What it computes.
    #[must_use]
    pub const fn algorithm(self) -> HashAlgorithm {
        match self {
            Self::Xcrc => HashAlgorithm::Crc32,
            Self::Xmd5 | Self::Md5 => HashAlgorithm::Md5,
            Self::Xsha => HashAlgorithm::Sha1,
            Self::Xsha256 => HashAlgorithm::Sha256,
            Self::Xsha512 => HashAlgorithm::Sha512,
        }
    }

    const fn verb(self) -> &'static str {
        match self {
            Self::Xcrc => "XCRC",
            Self::Xmd5 => "XMD5",
            Self::Xsha => "XSHA",
            Self::Xsha256 => "XSHA256",
            Self::Xsha512 => "XSHA512",
            Self::Md5 => "MD5",
        }
    }
}

/// The representation types that there are (RFC 959 section 3.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TransferType {
    /// A N: line ends are changed.
    Ascii,
    /// I and L 8: bytes as they are.
    Image,
}

/// The argument of EPSV (RFC 2428 section 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Epsv {
    /// None: the protocol of the control connection.
    Any,
    /// 1: IPv4.
    V4,
    /// 2: IPv6.
    V6,
    /// ALL: no other way of making data connections will be used.
    All,
}

impl Command {
    /// The verb, as the table has it; for SITE, both words.
    #[must_use]
    pub fn verb(&self) -> &'static str {
        match self {
            Self::User(_) => "USER",
            Self::Pass(_) => "PASS",
            Self::Quit => "QUIT",
            Self::Cwd(_) => "CWD",
            Self::Cdup => "CDUP",
            Self::Pwd => "PWD",
            Self::Type(_) => "TYPE",
            Self::Stru => "STRU",
            Self::Mode(_) => "MODE",
            Self::Pasv => "PASV",
            Self::Epsv(_) => "EPSV",
            Self::Port(_) => "PORT",
            Self::Eprt(_) => "EPRT",
            Self::Retr(_) => "RETR",
            Self::Stor(_) => "STOR",
            Self::Appe(_) => "APPE",
            Self::Rest(_) => "REST",
            Self::Allo(_) => "ALLO",
            Self::Rnfr(_) => "RNFR",
            Self::Rnto(_) => "RNTO",
            Self::Dele(_) => "DELE",
            Self::Rmd(_) => "RMD",
            Self::Mkd(_) => "MKD",
            Self::Size(_) => "SIZE",
            Self::Mdtm(_) => "MDTM",
            Self::List(..) => "LIST",
            Self::Nlst(..) => "NLST",
            Self::Mlsd(_) => "MLSD",
            Self::Mlst(_) => "MLST",
            Self::Stat(_) => "STAT",
            Self::Feat => "FEAT",
            Self::Opts(_) => "OPTS",
            Self::Syst => "SYST",
            Self::Help(_) => "HELP",
            Self::Noop => "NOOP",
            Self::Abor => "ABOR",
            Self::Acct => "ACCT",
            Self::Rein => "REIN",
            Self::Host(_) => "HOST",
            Self::Auth { .. } => "AUTH",
            Self::Pbsz(_) => "PBSZ",
            Self::Prot(_) => "PROT",
            Self::Ccc => "CCC",
            Self::Clnt(_) => "CLNT",
            Self::Csid(_) => "CSID",
            Self::Lang(_) => "LANG",
            Self::Stou(_) => "STOU",
            Self::Mfmt(..) => "MFMT",
            Self::Mfct(..) => "MFCT",
            Self::Mff(..) => "MFF",
            Self::Avbl(_) => "AVBL",
            Self::Hash(_) => "HASH",
            Self::Checksum(which, ..) => which.verb(),
            Self::Rang(..) => "RANG",
            Self::Comb(..) => "COMB",
            Self::Site(site) => site.verb(),
        }
    }

    /// The line that [`parse`] reads this command from, without a line end.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let (verb, argument) = (self.verb(), self.argument());
        let length = argument.as_ref().map_or(0, |argument| argument.len() + 1);
        let mut line = Vec::with_capacity(verb.len() + length);
        line.extend_from_slice(verb.as_bytes());
        if let Some(argument) = argument {
            line.push(b' ');
            line.extend_from_slice(&argument);
        }
        line
    }

    fn argument(&self) -> Option<Cow<'_, [u8]>> {
        match self {
            Self::User(a)
            | Self::Cwd(a)
            | Self::Retr(a)
            | Self::Stor(a)
            | Self::Appe(a)
            | Self::Rnfr(a)
            | Self::Rnto(a)
            | Self::Dele(a)
            | Self::Rmd(a)
            | Self::Mkd(a)
            | Self::Size(a)
            | Self::Mdtm(a)
            | Self::Host(a)
            | Self::Clnt(a)
            | Self::Csid(a)
            | Self::Hash(a)
            | Self::Opts(a) => Some(Cow::Borrowed(a)),
            Self::List(options, path) => options.before(path.as_deref(), true),
            Self::Nlst(options, path) => options.before(path.as_deref(), false),
            Self::Mlsd(a)
            | Self::Mlst(a)
            | Self::Stat(a)
            | Self::Lang(a)
            | Self::Stou(a)
            | Self::Avbl(a)
            | Self::Help(a) => a.as_deref().map(Cow::Borrowed),
            Self::Pass(secret) => Some(Cow::Borrowed(secret.expose())),
            Self::Type(TransferType::Ascii) => Some(Cow::Borrowed(b"A")),
            Self::Type(TransferType::Image) => Some(Cow::Borrowed(b"I")),
            Self::Stru => Some(Cow::Borrowed(b"F")),
            Self::Mode(TransferMode::Stream) => Some(Cow::Borrowed(b"S")),
            Self::Mode(TransferMode::Deflate) => Some(Cow::Borrowed(b"Z")),
            Self::Auth { private } => Some(Cow::Borrowed(if *private { b"TLS-P" } else { b"TLS" })),
            Self::Pbsz(n) => Some(n.to_string().into_bytes().into()),
            Self::Prot(Protection::Clear) => Some(Cow::Borrowed(b"C")),
            Self::Prot(Protection::Safe) => Some(Cow::Borrowed(b"S")),
            Self::Prot(Protection::Confidential) => Some(Cow::Borrowed(b"E")),
            Self::Prot(Protection::Private) => Some(Cow::Borrowed(b"P")),
            Self::Mfmt(time, path) | Self::Mfct(time, path) => {
                Some(words::led_by(time_val(*time).as_bytes(), path).into())
            }
            Self::Mff(changes, path) => Some(words::led_by(&words::facts(changes), path).into()),
            Self::Checksum(_, path, None) => Some(words::quoted(path).into()),
            Self::Checksum(_, path, Some((from, to))) => {
                let mut argument = words::quoted(path);
                argument.extend_from_slice(format!(" {from} {to}").as_bytes());
                Some(argument.into())
            }
            Self::Rang(first, last) => Some(format!("{first} {last}").into_bytes().into()),
            Self::Comb(target, sources) => {
                let mut argument = words::quoted(target);
                for source in sources {
                    argument.push(b' ');
                    argument.extend_from_slice(&words::quoted(source));
                }
                Some(argument.into())
            }
            Self::Site(site) => site.argument().map(Cow::Owned),
            Self::Rest(n) | Self::Allo(n) => Some(n.to_string().into_bytes().into()),
            Self::Epsv(Epsv::Any) => None,
            Self::Epsv(Epsv::V4) => Some(Cow::Borrowed(b"1")),
            Self::Epsv(Epsv::V6) => Some(Cow::Borrowed(b"2")),
            Self::Epsv(Epsv::All) => Some(Cow::Borrowed(b"ALL")),
            Self::Port(to) => Some(port_argument(*to).into_bytes().into()),
            Self::Eprt(to) => {
                let protocol = if to.is_ipv4() { 1 } else { 2 };
                Some(
                    format!("|{protocol}|{}|{}|", to.ip(), to.port())
                        .into_bytes()
                        .into(),
                )
            }
            Self::Quit
            | Self::Cdup
            | Self::Pwd
            | Self::Pasv
            | Self::Feat
            | Self::Syst
            | Self::Noop
            | Self::Acct
            | Self::Rein
            | Self::Ccc
            | Self::Abor => None,
        }
    }
}

/// `h1,h2,h3,h4,p1,p2`, as PORT takes it and 227 names it (RFC 959 section 4.1.2). An IPv6
/// address has no such form and shows as zeros.
pub(crate) fn port_argument(to: SocketAddr) -> alloc::string::String {
    let [a, b, c, d] = match to.ip() {
        IpAddr::V4(v4) => v4.octets(),
        IpAddr::V6(_) => [0; 4],
    };
    let [high, low] = to.port().to_be_bytes();
    format!("{a},{b},{c},{d},{high},{low}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::net::SocketAddr;

    #[test]
    fn an_error_names_its_command() {
        let verb = |line: &[u8]| parse(line).unwrap_err().spec().map(|spec| spec.verb);
        assert_eq!(verb(b"XYZZY"), None);
        assert_eq!(verb(b"cwd"), Some("CWD"));
        assert_eq!(verb(b"XPWD x"), Some("PWD"));
        assert_eq!(verb(b"STRU R"), Some("STRU"));
        assert_eq!(verb(b"EPSV 3"), Some("EPSV"));
        assert_eq!(verb(b"SITE UTIME"), Some("SITE UTIME"));
    }

    #[test]
    fn an_address_as_port_takes_it() {
        let port = |to: &str| port_argument(to.parse::<SocketAddr>().unwrap());
        assert_eq!(port("192.0.2.7:1027"), "192,0,2,7,4,3");
        assert_eq!(port("[2001:db8::1]:255"), "0,0,0,0,0,255");
    }
}
