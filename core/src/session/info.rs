//! FEAT, OPTS, HELP and STAT without a path.

use super::list::hidden;
use super::{Pending, Session, printable};
use crate::command::{self, COMMANDS, EXTENSIONS, Feature, SITE_COMMANDS};
use crate::listing::Facts;
use crate::{Code, Modes, Need, Reply};
use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

impl Session {
    /// RFC 2389 section 3.2: one feature a line, each with one leading space.
    pub(super) fn feat(&mut self) {
        let mut lines: Vec<Cow<'static, [u8]>> = Vec::with_capacity(COMMANDS.len());
        for spec in COMMANDS.iter().chain(SITE_COMMANDS) {
            if !self.has(spec.need) {
                continue;
            }
            let line = match spec.feature {
                Feature::Line(line) => Some(line.as_bytes().into()),
                Feature::Facts => Some(self.facts_feature().into_bytes().into()),
                Feature::Hashes => Some(self.hash_feature().into_bytes().into()),
                Feature::Changes => Some(self.changes_feature().into_bytes().into()),
                Feature::Languages => Some(b"LANG EN*".into()),
                Feature::BothVerbs => {
                    lines.push(spec.verb.as_bytes().into());
                    Some(spec.alias.as_bytes().into())
                }
                Feature::ModeZ if self.config.offer_deflate => Some(b"MODE Z".into()),
                Feature::ModeZ | Feature::None => None,
            };
            lines.extend(line);
        }
        lines.extend(EXTENSIONS.iter().map(|line| line.as_bytes().into()));
        let reply = Reply::lines(Code::SYSTEM_STATUS, "Extensions:", lines, "End");
        self.reply(&reply);
    }

    /// RFC 3659 section 7.8: all facts that there are, those that are chosen with a `*`.
    fn facts_feature(&self) -> String {
        let mut line = String::from("MLST ");
        let known = self.known_facts().flags();
        for ((name, chosen), known) in Facts::NAMES.iter().zip(self.facts.flags()).zip(known) {
            if known {
                line.push_str(name);
                line.push_str(if chosen { "*;" } else { ";" });
            }
        }
        line
    }

    /// The facts that this storage can know.
    fn known_facts(&self) -> Facts {
        let capabilities = self.capabilities();
        Facts {
            create: capabilities.create_times,
            mode: capabilities.modes == Modes::Kept,
            ..Facts::default()
        }
    }

    /// The facts that are shown: those that are chosen and known.
    pub(super) fn shown_facts(&self) -> Facts {
        let known = self.known_facts();
        Facts {
            create: self.facts.create && known.create,
            mode: self.facts.mode && known.mode,
            ..self.facts
        }
    }

    pub(super) fn opts(&mut self, option: &[u8]) {
        let mut words = option.splitn(2, |b| *b == b' ');
        let name = words.next().unwrap_or_default().to_ascii_uppercase();
        let value = words.next().unwrap_or_default();
        match name.as_slice() {
            b"UTF8" | b"UTF-8" => self.opts_utf8(value),
            b"MLST" => self.opts_mlst(value),
            b"HASH" if self.has(Need::AnyHash) => self.opts_hash(value),
            b"MODE" if self.config.offer_deflate => self.opts_mode(value),
            _ => self.say(Code::SYNTAX, "There is no such option."),
        }
    }

    /// Names are UTF-8 (RFC 2640), or in the charset of the listener or the login if there is one
    /// and the client says OFF. Windows asks before it logs in.
    fn opts_utf8(&mut self, value: &[u8]) {
        if value.is_empty() || value.eq_ignore_ascii_case(b"ON") {
            let _ = self.names.set_utf8(true);
            self.say(Code::OK, "Names are in UTF-8.");
        } else if !value.eq_ignore_ascii_case(b"OFF") {
            self.say(Code::SYNTAX, "Syntax: OPTS UTF8 [ON | OFF]");
        } else if let Some(charset) = self.names.fallback()
            && self.names.set_utf8(false)
        {
            self.say(Code::OK, format!("Names are in {charset}."));
        } else {
            self.say(Code::BAD_PARAMETER, "Names are always in UTF-8.");
        }
    }

    /// RFC 3659 section 7.9: the facts that are known among those asked for, and no others.
    fn opts_mlst(&mut self, value: &[u8]) {
        let mut chosen = Facts::none(self.facts.writable);
        for name in value.split(|b| *b == b';') {
            chosen.choose(name);
        }
        self.facts = chosen;
        let mut text = String::from("MLST OPTS");
        let mut separator = ' ';
        for (name, chosen) in Facts::NAMES.iter().zip(self.shown_facts().flags()) {
            if chosen {
                text.push(separator);
                text.push_str(name);
                separator = ';';
            }
        }
        if separator == ';' {
            text.push(';');
        }
        self.say(Code::OK, text);
    }

    /// What client and server are (a draft of the csid command): the client's words are not kept.
    pub(super) fn csid(&mut self) {
        let version = env!("CARGO_PKG_VERSION");
        let text = format!("name=OSS-FTP;version={version};casesensitive=1;");
        self.say(Code::OK, text);
    }

    /// RFC 2640 section 4: replies are in English, whatever kind of it is asked for.
    pub(super) fn lang(&mut self, tag: Option<&[u8]>) {
        let english = tag.is_none_or(|tag| {
            let first = tag.split(|b| *b == b'-').next().unwrap_or_default();
            first.eq_ignore_ascii_case(b"en")
        });
        if english {
            self.say(Code::OK, "Replies are in English.");
        } else {
            self.say(Code::BAD_PARAMETER, "Replies are in English only.");
        }
    }

    /// A value that there is, but not here.
    pub(super) fn bad_parameter(&mut self, spec: &command::Spec) {
        let text = if spec.verb == "SITE" {
            String::from("There is no such SITE command. SITE HELP lists what there is.")
        } else {
            format!("Not implemented. Syntax: {} {}", spec.verb, spec.syntax)
        };
        self.say(Code::BAD_PARAMETER, text);
    }

    pub(super) fn help(&mut self, verb: Option<&[u8]>) {
        let Some(verb) = verb else {
            let usable = |spec: &&command::Spec| self.has(spec.need) && !spec.is_refused();
            let known: Vec<_> = COMMANDS.iter().filter(usable).collect();
            let lines = known.chunks(8).map(|row| {
                let cells = row.iter().map(|spec| format!("{:<8}", spec.verb));
                Vec::from(cells.collect::<String>().trim_end())
            });
            let reply = Reply::lines(Code::HELP, "Commands:", lines, "HELP command says more.");
            self.reply(&reply);
            return;
        };
        match command::find(verb.trim_ascii()) {
            Some(spec) if self.has(spec.need) && !spec.is_refused() => {
                let syntax = format!("{} {}", spec.verb, spec.syntax);
                let text = format!("{}: {}", syntax.trim_end(), spec.help);
                self.say(Code::HELP, text);
            }
            _ => self.say(Code::NOT_IMPLEMENTED, "There is no such command."),
        }
    }

    /// STAT without a path, also while a transfer runs (RFC 959 section 4.1.3).
    pub(super) fn status(&mut self) {
        let mut lines: Vec<String> = Vec::new();
        lines.push(format!("Connected from {}", self.peer_ip()));
        if let Some(user) = &self.user {
            lines.push(format!("Logged in as {}", printable(user)));
        }
        lines.push(format!("Working directory {}", self.cwd.display()));
        let kind = if self.ascii { "A" } else { "I" };
        let mode = if self.deflate { "Z" } else { "S" };
        lines.push(format!("TYPE {kind}; STRU F; MODE {mode}"));
        if let Some((path, count)) = &self.hidden {
            let path = path.display();
            lines.push(format!("Last listing, of {path}: {}", hidden(*count)));
        }
        if let Pending::Transfer(running) = &self.pending {
            lines.push(format!(
                "{} of {}: {} bytes so far",
                running.verb,
                running.path.display(),
                running.bytes
            ));
        }
        let lines = lines.into_iter().map(String::into_bytes);
        self.reply(&Reply::lines(Code::SYSTEM_STATUS, "Status:", lines, "End"));
    }
}
