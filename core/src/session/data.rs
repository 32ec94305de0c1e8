//! How a data connection comes about: TYPE, REST, ALLO, PASV, EPSV, PORT and EPRT.

use super::{Pending, Session};
use crate::command::{Epsv, TransferMode, TransferType, port_argument};
use crate::{ActivePolicy, Code, DataRoute, Id, Output};
use alloc::format;
use alloc::vec::Vec;
use core::net::{IpAddr, SocketAddr};

impl Session {
    pub(super) fn set_type(&mut self, kind: TransferType) {
        self.ascii = kind == TransferType::Ascii;
        let text = match (self.ascii, self.converts()) {
            (true, true) => "Type is ASCII: line ends are changed.",
            (true, false) => "Type is ASCII, but bytes stay as they are.",
            (false, _) => "Type is image: bytes as they are.",
        };
        self.say(Code::OK, text);
    }

    /// Whether line ends are changed. Where they are not, offsets and sizes mean the same in
    /// TYPE A as in TYPE I.
    pub(super) fn converts(&self) -> bool {
        self.ascii && self.config.convert_ascii
    }

    pub(super) fn set_mode(&mut self, mode: TransferMode) {
        self.deflate = match mode {
            TransferMode::Stream => false,
            TransferMode::Deflate if self.config.offer_deflate => true,
            TransferMode::Deflate => {
                self.say(Code::BAD_PARAMETER, "Only MODE S.");
                return;
            }
        };
        let text = if self.deflate {
            "Deflate mode: data is a zlib stream."
        } else {
            "Stream mode."
        };
        self.say(Code::OK, text);
    }

    /// OPTS MODE Z LEVEL n (the deflate draft, and servers since): 0 to 9.
    pub(super) fn opts_mode(&mut self, value: &[u8]) {
        let words: Vec<_> = value.split(|b| *b == b' ').collect();
        let level = match words.as_slice() {
            [z, level, [digit @ b'0'..=b'9']]
                if z.eq_ignore_ascii_case(b"Z") && level.eq_ignore_ascii_case(b"LEVEL") =>
            {
                digit - b'0'
            }
            _ => {
                self.say(Code::SYNTAX, "Syntax: OPTS MODE Z LEVEL 0-9");
                return;
            }
        };
        self.deflate_level = level;
        self.say(Code::OK, format!("MODE Z has level {level}."));
    }

    /// RFC 3659 section 5.3. An offset in TYPE A would depend on how lines are counted, so there
    /// only 0 is taken; an offset that does not fit the file is for the transfer to refuse.
    pub(super) fn set_rest(&mut self, offset: u64) {
        (self.rest, self.range) = (0, None);
        if self.converts() && offset > 0 {
            self.say(Code::SYNTAX, "REST needs TYPE I.");
            return;
        }
        self.rest = offset;
        let text = format!("The next transfer begins at byte {offset}.");
        self.say(Code::NEED_MORE, text);
    }

    pub(super) fn set_allo(&mut self, bytes: u64) {
        self.allo = Some(bytes);
        // 200 and not 202: there are cameras that take 202 for a failure and try for ever.
        self.say(Code::OK, "Noted.");
    }

    pub(super) fn pasv(&mut self) {
        if self.refuse_after_epsv_all() {
            return;
        }
        if self.local_ip().is_ipv6() {
            self.say(
                Code::NO_DATA_CONNECTION,
                "PASV cannot name an IPv6 address; use EPSV.",
            );
            return;
        }
        self.listen(false);
    }

    pub(super) fn epsv(&mut self, which: Epsv) {
        let fits = match which {
            Epsv::Any | Epsv::All => true,
            Epsv::V4 => self.local_ip().is_ipv4(),
            Epsv::V6 => self.local_ip().is_ipv6(),
        };
        if !fits {
            self.bad_protocol();
        } else if which == Epsv::All {
            self.epsv_all = true;
            self.say(Code::OK, "Only EPSV from now on.");
        } else {
            self.listen(true);
        }
    }

    fn listen(&mut self, extended: bool) {
        self.stop_listening();
        let id = self.fresh_id();
        self.pending = Pending::Listen { id, extended };
        self.outputs.push_back(Output::Listen { id });
    }

    pub(super) fn listening(&mut self, id: Id, address: Option<SocketAddr>) {
        let Pending::Listen {
            id: waiting,
            extended,
        } = self.pending
        else {
            return;
        };
        if waiting != id {
            return;
        }
        self.done();
        match address {
            None => self.say(
                Code::NO_DATA_CONNECTION,
                "No passive port is free, try again later.",
            ),
            Some(address) => {
                self.route = Some(DataRoute::Passive);
                if extended {
                    let text = format!("Entering Extended Passive Mode (|||{}|)", address.port());
                    self.say(Code::EXTENDED_PASSIVE, text);
                } else {
                    let named = SocketAddr::new(self.passive_ip(), address.port());
                    let text = format!("Entering Passive Mode ({}).", port_argument(named));
                    self.say(Code::PASSIVE, text);
                }
            }
        }
        self.settle();
    }

    /// The address that 227 names: the masquerade address, but not to clients on this machine,
    /// which might not reach themselves through it.
    fn passive_ip(&self) -> IpAddr {
        match self.config.masquerade_address {
            Some(public) if !self.peer_ip().is_loopback() => IpAddr::V4(public),
            _ => self.local_ip(),
        }
    }

    /// PORT and EPRT. Not to system ports, and unless the policy is wider, only to the client's own
    /// address: anything else is the bounce attack of RFC 2577 section 3, which names 504 for it.
    pub(super) fn active(&mut self, to: SocketAddr, extended: bool) {
        if self.refuse_after_epsv_all() {
            return;
        }
        let to = SocketAddr::new(to.ip().to_canonical(), to.port());
        if extended && to.is_ipv4() != self.local_ip().is_ipv4() {
            self.bad_protocol();
            return;
        }
        let own = to.ip() == self.peer_ip();
        if !own && self.config.active != ActivePolicy::AnyAddress {
            let text = format!(
                "Data connections go to your own address {} only.",
                self.peer_ip()
            );
            self.say(Code::BAD_PARAMETER, text);
            return;
        }
        if to.port() < 1024 {
            self.say(
                Code::BAD_PARAMETER,
                "Data connections go to ports from 1024 on.",
            );
            return;
        }
        let nobody = to.ip().is_unspecified() || to.ip().is_multicast();
        if nobody || to.is_ipv4() != self.local_ip().is_ipv4() {
            self.say(
                Code::BAD_PARAMETER,
                "From this connection no data connection can go there.",
            );
            return;
        }
        self.stop_listening();
        let mut route = to;
        if own {
            // EPRT names a link-local address without the link; it is the control connection's.
            route = self.peer.addr;
            route.set_ip(to.ip());
            route.set_port(to.port());
        }
        self.route = Some(DataRoute::Active(route));
        self.say(Code::OK, format!("Data goes to {to}."));
    }

    /// RFC 2428 section 4.
    fn refuse_after_epsv_all(&mut self) -> bool {
        if self.epsv_all {
            self.say(Code::SYNTAX, "EPSV ALL was said: only EPSV is allowed.");
        }
        self.epsv_all
    }

    pub(super) fn bad_protocol(&mut self) {
        let usable = if self.local_ip().is_ipv4() { 1 } else { 2 };
        let text = format!("Network protocol not supported, use ({usable})");
        self.say(Code::BAD_PROTOCOL, text);
    }

    pub(super) fn stop_listening(&mut self) {
        if self.route.take() == Some(DataRoute::Passive) {
            self.outputs.push_back(Output::StopListening);
        }
    }

    /// The client's address; an IPv4 client of an IPv6 socket counts as IPv4.
    pub(super) fn peer_ip(&self) -> IpAddr {
        self.peer.addr.ip().to_canonical()
    }

    fn local_ip(&self) -> IpAddr {
        self.peer.local.ip().to_canonical()
    }
}
