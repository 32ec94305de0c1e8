//! The table of commands.

use super::parse::{self, Parser};
use super::site;
use crate::text::key;
use crate::{HashAlgorithm, Need};

/// What `FEAT` says about a command (RFC 2389 section 3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Feature {
    /// Nothing: the command is in RFC 959.
    None,
    /// This line.
    Line(&'static str),
    /// `MLST` and the facts, with a `*` after those that are chosen (RFC 3659 section 7.8).
    Facts,
    /// `HASH` and the algorithms, with a `*` after the one that is chosen.
    Hashes,
    /// `MFF` and the facts that can be changed.
    Changes,
    /// `LANG` and the languages, with a `*` after the one that is chosen (RFC 2640 section 4.3).
    Languages,
    /// The verb and its alias, a line each: some clients look for the one, some for the other.
    BothVerbs,
    /// `MODE Z`, where it is offered.
    ModeZ,
}

/// One command of the table.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Spec {
    /// The verb in upper case; for SITE both words.
    pub verb: &'static str,
    /// Another verb with the same meaning (the X forms of RFC 775); empty if there is none.
    pub alias: &'static str,
    /// Its argument, as HELP shows it.
    pub syntax: &'static str,
    /// What it does, in a few words.
    pub help: &'static str,
    /// Where it is described: `RFC 959 4.1.1`, or the name of a draft or of a server.
    pub source: &'static str,
    /// The codes of its replies, in order; 421, 500, 501 and 530 may answer any command.
    pub codes: &'static [u16],
    /// Whether it is allowed before login.
    pub before_login: bool,
    /// Whether it changes files, so that a read-only user may not.
    pub writes: bool,
    /// Whether it moves bytes over a data connection.
    pub transfers: bool,
    /// What has to be there for it: without that it answers 502, and FEAT and HELP leave it out.
    pub need: Need,
    /// What FEAT says.
    pub feature: Feature,
    pub(super) parser: Parser,
}

const fn spec(
    verb: &'static str,
    syntax: &'static str,
    help: &'static str,
    parser: Parser,
) -> Spec {
    Spec {
        verb,
        alias: "",
        syntax,
        help,
        source: "",
        codes: &[],
        before_login: false,
        writes: false,
        transfers: false,
        need: Need::Nothing,
        feature: Feature::None,
        parser,
    }
}

/// A verb that is known and answers 502.
const fn refused(verb: &'static str, help: &'static str) -> Spec {
    spec(verb, "", help, parse::not_implemented)
        .codes(&[502])
        .before_login()
}

impl Spec {
    const fn source(mut self, source: &'static str) -> Self {
        self.source = source;
        self
    }
    const fn codes(mut self, codes: &'static [u16]) -> Self {
        self.codes = codes;
        self
    }
    const fn alias(mut self, alias: &'static str) -> Self {
        self.alias = alias;
        self
    }
    const fn before_login(mut self) -> Self {
        self.before_login = true;
        self
    }
    const fn writes(mut self) -> Self {
        self.writes = true;
        self
    }
    const fn transfers(mut self) -> Self {
        self.transfers = true;
        self
    }
    const fn needs(mut self, need: Need) -> Self {
        self.need = need;
        self
    }
    const fn feature(mut self, line: &'static str) -> Self {
        self.feature = Feature::Line(line);
        self
    }
    const fn tells(mut self, feature: Feature) -> Self {
        self.feature = feature;
        self
    }

    /// Whether it is one of [`SITE_COMMANDS`].
    #[must_use]
    pub fn is_site(&self) -> bool {
        self.verb.starts_with("SITE ")
    }

    /// Whether it is known only to be refused with 502.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        (self.parser)(b"").is_err_and(|bad| matches!(bad, parse::Bad::NotImplemented))
    }
}

/// All commands, in the order in which HELP shows them.
#[rustfmt::skip]
pub static COMMANDS: &[Spec] = &[
    spec("USER", "name", "who logs in", parse::user)
        .source("RFC 959 4.1.1").codes(&[331, 534]).before_login(),
    spec("PASS", "password", "log in", parse::pass)
        .source("RFC 959 4.1.1").codes(&[230, 451, 503, 534]).alias("P@SW").before_login(),
    spec("ACCT", "account", "nothing: no account is needed", parse::acct)
        .source("RFC 959 4.1.1").codes(&[202]).before_login(),
    spec("REIN", "", "log out and begin anew", parse::rein)
        .source("RFC 959 4.1.1").codes(&[220]).before_login(),
    spec("QUIT", "", "log out and close", parse::quit)
        .source("RFC 959 4.1.1").codes(&[221]).before_login(),
    spec("HOST", "name", "choose the virtual host", parse::host)
        .source("RFC 7151 3").codes(&[220, 503, 504]).before_login().feature("HOST"),
    spec("AUTH", "TLS | TLS-C | TLS-P | SSL", "begin TLS", parse::auth)
        .source("RFC 4217 4").codes(&[234, 502, 503, 504]).before_login().needs(Need::Tls)
        .feature("AUTH TLS"),
    spec("PBSZ", "0", "the size of protected buffers", parse::pbsz)
        .source("RFC 4217 8").codes(&[200, 502, 503]).before_login().needs(Need::Tls)
        .feature("PBSZ"),
    spec("PROT", "C | P", "protect data connections", parse::prot)
        .source("RFC 4217 9").codes(&[200, 502, 503, 504, 534, 536]).before_login()
        .needs(Need::Tls).feature("PROT"),
    spec("CCC", "", "end TLS on the control connection", parse::ccc)
        .source("RFC 4217 6").codes(&[200, 502, 533, 534]).needs(Need::ClearAgain).feature("CCC"),
    spec("CWD", "path", "change the working directory", parse::cwd)
        .source("RFC 959 4.1.1").codes(&[250, 450, 451, 504, 550, 553]).alias("XCWD"),
    spec("CDUP", "", "change to the parent directory", parse::cdup)
        .source("RFC 959 4.1.1").codes(&[250]).alias("XCUP"),
    spec("PWD", "", "show the working directory", parse::pwd)
        .source("RFC 959 4.1.3").codes(&[257, 550]).alias("XPWD"),
    spec("TYPE", "A | I | L 8", "choose text or bytes", parse::type_)
        .source("RFC 959 4.1.2").codes(&[200, 504]),
    spec("STRU", "F", "choose the file structure", parse::stru)
        .source("RFC 959 4.1.2").codes(&[200, 504]),
    spec("MODE", "S | Z", "choose the transfer mode", parse::mode)
        .source("RFC 959 4.1.2").codes(&[200, 504]).tells(Feature::ModeZ),
    spec("PASV", "", "listen for a data connection", parse::pasv)
        .source("RFC 959 4.1.2").codes(&[227, 425]),
    spec("EPSV", "[1 | 2 | ALL]", "listen for a data connection, IPv6 too", parse::epsv)
        .source("RFC 2428 3").codes(&[200, 229, 425, 522]).feature("EPSV"),
    spec("PORT", "h1,h2,h3,h4,p1,p2", "name the client's data port", parse::port)
        .source("RFC 959 4.1.2").codes(&[200, 502, 504]).needs(Need::ActiveData),
    spec("EPRT", "|1 or 2|address|port|", "name the client's data port, IPv6 too", parse::eprt)
        .source("RFC 2428 2").codes(&[200, 502, 504, 522]).needs(Need::ActiveData).feature("EPRT"),
    spec("RETR", "path", "download a file", parse::retr)
        .source("RFC 959 4.1.3")
        .codes(&[150, 226, 425, 426, 450, 451, 504, 521, 522, 550, 551, 553, 554]).transfers(),
    spec("STOR", "path", "upload a file", parse::stor)
        .source("RFC 959 4.1.3")
        .codes(&[150, 226, 425, 426, 450, 451, 504, 521, 522, 550, 551, 552, 553, 554]).transfers()
        .writes(),
    spec("STOU", "[path]", "upload a file under a name of its own", parse::stou)
        .source("RFC 959 4.1.3")
        .codes(&[150, 226, 425, 426, 450, 451, 504, 521, 522, 550, 551, 552, 553]).transfers()
        .writes(),
    spec("APPE", "path", "append to a file", parse::appe)
        .source("RFC 959 4.1.3")
        .codes(&[150, 226, 425, 426, 450, 451, 504, 521, 522, 550, 551, 552, 553, 554]).transfers()
        .writes(),
    spec("REST", "bytes", "where the next transfer begins", parse::rest)
        .source("RFC 3659 5").codes(&[350]).feature("REST STREAM"),
    spec("RANG", "first last", "which bytes the next download or hash is of", parse::rang)
        .source("draft-bryan-ftp-range").codes(&[350]).feature("RANG STREAM"),
    spec("ALLO", "bytes", "how long the next upload will be", parse::allo)
        .source("RFC 959 4.1.3").codes(&[200]),
    spec("RNFR", "path", "what to rename", parse::rnfr)
        .source("RFC 959 4.1.3").codes(&[350, 450, 451, 504, 550, 553]).writes(),
    spec("RNTO", "path", "its new name", parse::rnto)
        .source("RFC 959 4.1.3").codes(&[250, 450, 451, 503, 504, 550, 552, 553]).writes(),
    spec("DELE", "path", "delete a file", parse::dele)
        .source("RFC 959 4.1.3").codes(&[250, 450, 451, 504, 550, 553]).writes(),
    spec("RMD", "path", "remove an empty directory", parse::rmd)
        .source("RFC 959 4.1.3").codes(&[250, 450, 451, 504, 550, 553]).alias("XRMD").writes(),
    spec("MKD", "path", "make a directory", parse::mkd)
        .source("RFC 959 4.1.3").codes(&[257, 450, 451, 504, 550, 552, 553]).alias("XMKD").writes(),
    spec("SIZE", "path", "the size of a file in bytes", parse::size)
        .source("RFC 3659 4").codes(&[213, 450, 451, 504, 550, 553]).feature("SIZE"),
    spec("MDTM", "[time] path", "when a file was changed, or set that", parse::mdtm)
        .source("RFC 3659 3").codes(&[213, 450, 451, 504, 550, 553]).feature("MDTM"),
    spec("MFMT", "time path", "set when a file was changed", parse::mfmt)
        .source("draft-somers-ftp-mfxx").codes(&[213, 450, 451, 502, 504, 550, 553]).writes()
        .needs(Need::ModifyTimes).feature("MFMT"),
    spec("MFCT", "time path", "set when a file was made", parse::mfct)
        .source("draft-somers-ftp-mfxx").codes(&[213, 450, 451, 502, 504, 550, 553]).writes()
        .needs(Need::CreateTimes).feature("MFCT"),
    spec("MFF", "fact=value; path", "change facts of a file", parse::mff)
        .source("draft-somers-ftp-mfxx").codes(&[213, 450, 451, 502, 504, 550, 553]).writes()
        .needs(Need::AnyFact).tells(Feature::Changes),
    spec("LIST", "[path]", "list a directory, or what * and ? match", parse::list)
        .source("RFC 959 4.1.3").codes(&[150, 226, 425, 426, 450, 451, 504, 521, 522, 550, 553])
        .transfers(),
    spec("NLST", "[path]", "the same, names alone", parse::nlst)
        .source("RFC 959 4.1.3").codes(&[150, 226, 425, 426, 450, 451, 504, 521, 522, 550, 553])
        .transfers(),
    spec("MLSD", "[path]", "list a directory for programs", parse::mlsd)
        .source("RFC 3659 7").codes(&[150, 226, 425, 426, 450, 451, 504, 521, 522, 550, 553])
        .transfers(),
    spec("MLST", "[path]", "the facts of one name", parse::mlst)
        .source("RFC 3659 7").codes(&[250, 450, 451, 504, 550, 553]).tells(Feature::Facts),
    spec("AVBL", "[path]", "how many bytes can be stored", parse::avbl)
        .source("draft-peterson-streamlined-ftp").codes(&[213, 450, 451, 502, 504, 550, 553])
        .needs(Need::Space).feature("AVBL"),
    spec("HASH", "path", "the hash of a file", parse::hash)
        .source("draft-bryan-ftpext-hash").codes(&[213, 450, 451, 502, 504, 550, 551, 553])
        .needs(Need::AnyHash).tells(Feature::Hashes),
    spec("XCRC", "path [from to]", "the CRC-32 of a file", parse::xcrc)
        .source("draft-bryan-ftpext-hash").codes(&[250, 450, 451, 502, 504, 550, 553])
        .needs(Need::Hash(HashAlgorithm::Crc32)).feature("XCRC"),
    spec("XMD5", "path [from to]", "the MD5 of a file", parse::xmd5)
        .source("draft-bryan-ftpext-hash").codes(&[250, 450, 451, 502, 504, 550, 553])
        .needs(Need::Hash(HashAlgorithm::Md5)).feature("XMD5"),
    spec("XSHA", "path [from to]", "the SHA-1 of a file", parse::xsha)
        .source("draft-bryan-ftpext-hash").codes(&[250, 450, 451, 502, 504, 550, 553])
        .alias("XSHA1").needs(Need::Hash(HashAlgorithm::Sha1)).tells(Feature::BothVerbs),
    spec("XSHA256", "path [from to]", "the SHA-256 of a file", parse::xsha256)
        .source("draft-bryan-ftpext-hash").codes(&[250, 450, 451, 502, 504, 550, 553])
        .needs(Need::Hash(HashAlgorithm::Sha256)).feature("XSHA256"),
    spec("XSHA512", "path [from to]", "the SHA-512 of a file", parse::xsha512)
        .source("draft-bryan-ftpext-hash").codes(&[250, 450, 451, 502, 504, 550, 553])
        .needs(Need::Hash(HashAlgorithm::Sha512)).feature("XSHA512"),
    spec("MD5", "path [from to]", "the MD5 of a file", parse::md5)
        .source("draft-twine-ftpmd5").codes(&[251, 450, 451, 502, 504, 550, 553])
        .needs(Need::Hash(HashAlgorithm::Md5)).feature("MD5"),
    spec("COMB", "target source...", "join files into one", parse::comb)
        .source("ftpserverlib").codes(&[250, 450, 451, 502, 504, 550, 552, 553]).writes()
        .needs(Need::Combine).feature("COMB target;source_list"),
    spec("STAT", "[path]", "what the server is doing, or a listing", parse::stat)
        .source("RFC 959 4.1.3").codes(&[211, 212, 213, 450, 451, 504, 550, 553]),
    spec("FEAT", "", "list the extensions", parse::feat)
        .source("RFC 2389 3").codes(&[211]).before_login(),
    spec("OPTS", "name [value]", "set an option", parse::opts)
        .source("RFC 2389 4").codes(&[200, 504]).before_login(),
    spec("CLNT", "name", "name the client", parse::clnt)
        .source("ProFTPD").codes(&[200]).before_login().feature("CLNT"),
    spec("CSID", "name=value;...", "name client and server", parse::csid)
        .source("draft-peterson-streamlined-ftp").codes(&[200]).before_login().feature("CSID"),
    spec("LANG", "[tag]", "the language of replies", parse::lang)
        .source("RFC 2640 4").codes(&[200, 504]).before_login().tells(Feature::Languages),
    spec("SYST", "", "the type of system", parse::syst)
        .source("RFC 959 4.1.3").codes(&[215]).before_login(),
    spec("HELP", "[command]", "this", parse::help)
        .source("RFC 959 4.1.3").codes(&[214, 502]).before_login(),
    spec("SITE", "command", "what only some servers have; SITE HELP lists it", site::site)
        .source("RFC 959 4.1.3").codes(&[504]),
    spec("NOOP", "", "do nothing", parse::noop)
        .source("RFC 959 4.1.3").codes(&[200]).before_login(),
    spec("ABOR", "", "stop the transfer", parse::abor)
        .source("RFC 959 4.1.3").codes(&[225, 226]).before_login(),
    refused("SMNT", "mount another file system").source("RFC 959 4.1.1"),
    refused("ADAT", "security data: TLS needs none").source("RFC 2228 3"),
    refused("MIC", "a protected command: TLS protects them").source("RFC 2228 3"),
    refused("CONF", "a protected command: TLS protects them").source("RFC 2228 3"),
    refused("ENC", "a protected command: TLS protects them").source("RFC 2228 3"),
    refused("LPRT", "a long address: EPRT has it").source("RFC 1639 2"),
    refused("LPSV", "a long address: EPSV has it").source("RFC 1639 2"),
];

/// What follows SITE, in the order in which SITE HELP shows it.
#[rustfmt::skip]
pub static SITE_COMMANDS: &[Spec] = &[
    spec("SITE HELP", "[command]", "this", site::help)
        .source("RFC 959 4.1.3").codes(&[214, 502]),
    spec("SITE CHMOD", "mode path", "change the mode of a file", site::chmod)
        .source("many servers").codes(&[200, 450, 451, 502, 504, 550, 553]).writes()
        .needs(Need::Modes),
    spec("SITE UTIME", "time path | path atime mtime ctime UTC",
        "set when a file was changed", site::utime)
        .source("ProFTPD, Pure-FTPd").codes(&[200, 450, 451, 502, 504, 550, 553]).writes()
        .needs(Need::ModifyTimes).feature("SITE UTIME"),
    spec("SITE MKDIR", "path", "make a directory and those above it", site::mkdir)
        .source("ProFTPD").codes(&[250, 450, 451, 504, 550, 552, 553]).writes()
        .feature("SITE MKDIR"),
    spec("SITE RMDIR", "path", "remove a directory and all in it", site::rmdir)
        .source("ProFTPD").codes(&[250, 450, 451, 502, 504, 550, 553]).writes()
        .needs(Need::RemoveTree).feature("SITE RMDIR"),
    spec("SITE COPY", "source target", "copy a file", site::copy)
        .source("ProFTPD").codes(&[200, 450, 451, 502, 504, 550, 552, 553]).writes()
        .needs(Need::Copy).feature("SITE COPY"),
    spec("SITE CPFR", "path", "what to copy", site::cpfr)
        .source("ProFTPD").codes(&[350, 450, 451, 502, 504, 550, 553]).needs(Need::Copy),
    spec("SITE CPTO", "path", "the name of the copy", site::cpto)
        .source("ProFTPD").codes(&[250, 450, 451, 502, 503, 504, 550, 552, 553]).writes()
        .needs(Need::Copy),
    spec("SITE SYMLINK", "target link", "make a symbolic link", site::symlink)
        .source("ProFTPD").codes(&[200, 450, 451, 502, 504, 550, 552, 553]).writes()
        .needs(Need::Symlinks).feature("SITE SYMLINK"),
    spec("SITE RESTORE", "path", "ask an archived file back", site::restore)
        .source("this server").codes(&[250, 450, 451, 502, 504, 550, 553]).needs(Need::Restore),
    spec("SITE IDLE", "[seconds]", "show or set the idle timeout", site::idle)
        .source("Pure-FTPd").codes(&[200]),
];

/// What FEAT lists besides the rows of the table: path names are as RFC 3659 section 6 says, and
/// in UTF-8 (RFC 2640).
pub static EXTENSIONS: &[&str] = &["TVFS", "UTF8"];

/// The verb and the alias of each row, as [`key`] has them: what is looked for twice a command.
static KEYS: [[u64; 2]; COMMANDS.len()] = {
    let mut keys = [[0; 2]; COMMANDS.len()];
    let mut at = 0;
    while at < keys.len() {
        let spec = &COMMANDS[at];
        keys[at] = [key(spec.verb.as_bytes()), key(spec.alias.as_bytes())];
        at += 1;
    }
    keys
};

/// The row of a verb or alias, in any case. `SITE` and a word after it is the row of both.
#[must_use]
pub fn find(verb: &[u8]) -> Option<&'static Spec> {
    let sub = verb
        .split_at_checked(5)
        .filter(|(site, _)| site.eq_ignore_ascii_case(b"SITE "));
    if let Some((_, word)) = sub {
        return site_row(word).map(|(row, _)| row);
    }
    let wanted = Some(key(verb)).filter(|key| *key != 0)?;
    let row = KEYS.iter().position(|keys| keys.contains(&wanted))?;
    COMMANDS.get(row)
}

/// The row of [`SITE_COMMANDS`] that the argument of SITE begins with, and what follows it and
/// its one space.
pub(super) fn site_row(argument: &[u8]) -> Option<(&'static Spec, &[u8])> {
    let end = argument.iter().position(|b| *b == b' ');
    let (word, rest) = argument.split_at(end.unwrap_or(argument.len()));
    let row = SITE_COMMANDS.iter().find(|spec| {
        let name = spec.verb.as_bytes().get(5..).unwrap_or_default();
        word.eq_ignore_ascii_case(name)
    })?;
    Some((row, rest.get(1..).unwrap_or_default()))
}
