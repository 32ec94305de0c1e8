//! The table of commands.

use super::parse::{self, Parser};
use crate::text::key;

/// What `FEAT` says about a command (RFC 2389 section 3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Feature {
    /// Nothing: the command is in RFC 959.
    None,
    /// This line.
    Line(&'static str),
    /// `MLST` and the facts, with a `*` after those that are chosen.
    Facts,
}

/// One command of the table.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Spec {
    /// The verb in upper case.
    pub verb: &'static str,
    /// Another verb with the same meaning (the X forms of RFC 775); empty if there is none.
    pub alias: &'static str,
    /// Its argument, as HELP shows it.
    pub syntax: &'static str,
    /// What it does, in a few words.
    pub help: &'static str,
    /// Whether it is allowed before login.
    pub before_login: bool,
    /// Whether it changes files, so that a read-only user may not.
    pub writes: bool,
    /// Whether it moves bytes over a data connection.
    pub transfers: bool,
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
        before_login: false,
        writes: false,
        transfers: false,
        feature: Feature::None,
        parser,
    }
}

impl Spec {
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
    const fn feature(mut self, line: &'static str) -> Self {
        self.feature = Feature::Line(line);
        self
    }
}

/// All commands, in the order in which HELP shows them.
pub static COMMANDS: &[Spec] = &[
    spec("USER", "name", "who logs in", parse::user).before_login(),
    spec("PASS", "password", "log in", parse::pass).before_login(),
    spec("QUIT", "", "log out and close", parse::quit).before_login(),
    spec("CWD", "path", "change the working directory", parse::cwd).alias("XCWD"),
    spec("CDUP", "", "change to the parent directory", parse::cdup).alias("XCUP"),
    spec("PWD", "", "show the working directory", parse::pwd).alias("XPWD"),
    spec("TYPE", "A | I | L 8", "choose text or bytes", parse::type_),
    spec("STRU", "F", "choose the file structure", parse::stru),
    spec("MODE", "S", "choose the transfer mode", parse::mode),
    spec("PASV", "", "listen for a data connection", parse::pasv),
    spec(
        "EPSV",
        "[1 | 2 | ALL]",
        "listen for a data connection, IPv6 too",
        parse::epsv,
    )
    .feature("EPSV"),
    spec(
        "PORT",
        "h1,h2,h3,h4,p1,p2",
        "name the client's data port",
        parse::port,
    ),
    spec(
        "EPRT",
        "|1 or 2|address|port|",
        "name the client's data port, IPv6 too",
        parse::eprt,
    )
    .feature("EPRT"),
    spec("RETR", "path", "download a file", parse::retr).transfers(),
    spec("STOR", "path", "upload a file", parse::stor)
        .transfers()
        .writes(),
    spec("APPE", "path", "append to a file", parse::appe)
        .transfers()
        .writes(),
    spec(
        "REST",
        "bytes",
        "where the next transfer begins",
        parse::rest,
    )
    .feature("REST STREAM"),
    spec(
        "ALLO",
        "bytes",
        "how long the next upload will be",
        parse::allo,
    ),
    spec("RNFR", "path", "what to rename", parse::rnfr).writes(),
    spec("RNTO", "path", "its new name", parse::rnto).writes(),
    spec("DELE", "path", "delete a file", parse::dele).writes(),
    spec("RMD", "path", "remove an empty directory", parse::rmd)
        .alias("XRMD")
        .writes(),
    spec("MKD", "path", "make a directory", parse::mkd)
        .alias("XMKD")
        .writes(),
    spec("SIZE", "path", "the size of a file in bytes", parse::size).feature("SIZE"),
    spec("MDTM", "path", "when a file was changed", parse::mdtm).feature("MDTM"),
    spec("LIST", "[path]", "list a directory", parse::list).transfers(),
    spec("NLST", "[path]", "list names alone", parse::nlst).transfers(),
    spec(
        "MLSD",
        "[path]",
        "list a directory for programs",
        parse::mlsd,
    )
    .transfers(),
    Spec {
        feature: Feature::Facts,
        ..spec("MLST", "[path]", "the facts of one name", parse::mlst)
    },
    spec(
        "STAT",
        "[path]",
        "what the server is doing, or a listing",
        parse::stat,
    ),
    spec("FEAT", "", "list the extensions", parse::feat).before_login(),
    spec("OPTS", "name [value]", "set an option", parse::opts).before_login(),
    spec("SYST", "", "the type of system", parse::syst).before_login(),
    spec("HELP", "[command]", "this", parse::help).before_login(),
    spec("NOOP", "", "do nothing", parse::noop).before_login(),
    spec("ABOR", "", "stop the transfer", parse::abor),
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

/// The row of a verb or alias, in any case.
#[must_use]
pub fn find(verb: &[u8]) -> Option<&'static Spec> {
    let wanted = Some(key(verb)).filter(|key| *key != 0)?;
    let row = KEYS.iter().position(|keys| keys.contains(&wanted))?;
    COMMANDS.get(row)
}
