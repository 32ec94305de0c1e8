//! What a session is told once: names, limits and timers.
//!
//! Nothing here can be wrong: a timeout of zero runs out at once, and one too long to add up
//! never does.

use crate::{Capabilities, Charset};
use alloc::string::String;
use alloc::vec::Vec;
use core::net::Ipv4Addr;
use core::time::Duration;

/// What a listener does about TLS (RFC 4217). By default there is none: all of it is false.
///
/// The certificate, and TLS itself, are the driver's: see
/// [the contract](crate#tls).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
#[allow(clippy::struct_excessive_bools)]
pub struct TlsPolicy {
    /// Whether there is a certificate: without one AUTH, PBSZ, PROT and CCC answer 502 and FEAT does
    /// not name them. [`TlsPolicy::implicit`] says so too.
    pub offered: bool,
    /// TLS from the first byte on (port 990). The greeting comes after the handshake, and data
    /// connections are protected until PROT C is said.
    pub implicit: bool,
    /// USER and PASS in clear are refused with 534, and nothing is asked of the storage. Without a
    /// certificate nobody can log in then.
    pub required_for_login: bool,
    /// Transfers over clear data connections, listings too, are refused with 521, and PROT C with
    /// 534.
    pub required_for_data: bool,
    /// Whether CCC may make the control connection clear again. Else it answers 534, and FEAT does
    /// not name it.
    pub allow_ccc: bool,
}

/// To where PORT and EPRT may have the server connect (RFC 2577 section 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum ActivePolicy {
    /// Nowhere: both are refused with 502, and FEAT and HELP do not name them.
    Closed,
    /// To the client's own address, ports from 1024 on.
    #[default]
    OwnAddress,
    /// To any address of the kind that the control connection has (IPv4 or IPv6), ports from 1024
    /// on: for transfers between two servers. It makes the server
    /// a tool for attacks on others, so it is for closed networks only.
    AnyAddress,
}

/// The settings that all sessions of a listener share.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionConfig {
    /// The text of the 220 greeting, one line; `OSS-FTP ready.` by default. Control characters in
    /// it are sent as `?`.
    pub greeting: String,
    /// The IPv4 address that the 227 reply names instead of the connection's own, for servers
    /// behind NAT; none by default. Clients on the same machine get the connection's own. EPSV
    /// names no address and needs none.
    pub masquerade_address: Option<Ipv4Addr>,
    /// From the beginning of the connection, or from a logout, to a successful login; then 421.
    /// 60 s by default.
    pub login_timeout: Duration,
    /// Between two commands, transfers not counted; then 421. 300 s by default; SITE IDLE changes
    /// it for its session.
    pub idle_timeout: Duration,
    /// From the 150 to an open data connection; then 425. 30 s by default.
    pub data_connect_timeout: Duration,
    /// Between two bytes on a data connection; then 426. 60 s by default.
    pub stall_timeout: Duration,
    /// How long a finished download waits for the client to close its side of the data
    /// connection, so that the last bytes are not lost to a reset. 2 s by default.
    pub linger_timeout: Duration,
    /// The connection is closed with the 530 to so many wrong passwords in a row; 3 by default.
    pub max_login_failures: u32,
    /// Whether an upload counts as whole although the control connection was closed without QUIT
    /// before the data connection ended. True only for devices that hang up that way; false by
    /// default.
    pub commit_on_disconnect: bool,
    /// An upload whose end came so long after its last byte, or longer, may be that of a client
    /// that was killed. It is committed only when ten times that pause has passed, but at most
    /// [`SessionConfig::hang_up_window`], and the control connection still stands. 500 µs by default.
    pub pause_before_end: Duration,
    /// A client that dies closes its connections one after the other, the data connection
    /// perhaps first. A control connection that is closed so soon after the end of an upload
    /// makes it truncated, as one that was closed before does. 50 ms by default.
    pub hang_up_window: Duration,
    /// Whether an upload in TYPE I with fewer bytes than a preceding ALLO named is truncated.
    /// After REST the bytes before the offset count too: ALLO may mean the whole file. False by
    /// default: then ALLO is a hint.
    pub strict_allo: bool,
    /// After so many unknown commands the connection is closed with 421; 20 by default. Once
    /// somebody is logged in, only those count that follow one another.
    pub max_unknown_commands: u32,
    /// How long a handshake of TLS, or its end for CCC, may take on the control connection. Then it
    /// is closed; there is nothing to say 421 on. 30 s by default.
    pub tls_timeout: Duration,
    /// A login or an operation of the storage that has not answered for so long gets 451, and
    /// the connection is closed: the last resort, far beyond what a storage takes. So do a
    /// listener, with 425, and the opening of a transfer, after which the connection stays. 24 hours
    /// by default.
    pub operation_timeout: Duration,
    /// The most that SITE IDLE may ask for; 7,200 s by default. The least is 10 s.
    pub max_idle_timeout: Duration,
    /// TLS; none by default.
    pub tls: TlsPolicy,
    /// Active data connections; to the client's own address by default.
    pub active: ActivePolicy,
    /// The names that HOST accepts (RFC 7151), compared without case; an IPv6 address with or
    /// without its brackets, in any of its forms. Empty, as by default: any.
    pub hosts: Vec<String>,
    /// How names are read that are not UTF-8, and written after `OPTS UTF8 OFF` (see
    /// [`Names`](crate::Names));
    /// none by default. [`LoginInfo::charset`](crate::LoginInfo::charset) can say another one for its user.
    pub charset: Option<Charset>,
    /// Whether names are UTF-8 as long as nothing else is said; true by default. False, with a
    /// charset, is for devices that know only that charset and never say so.
    pub utf8: bool,
    /// What the storage can do, as far as it is known before login, where FEAT is often asked;
    /// nothing by default. After login it is what
    /// [`LoginInfo::capabilities`](crate::LoginInfo::capabilities) says.
    pub capabilities: Capabilities,
    /// Whether TYPE A changes line ends; true by default. False for clients that forget TYPE I:
    /// then SIZE, REST and RANG work in TYPE A as well.
    pub convert_ascii: bool,
    /// Whether transfers are in TYPE I until the client says TYPE; false by default, as RFC 959
    /// section 5.1 has ASCII Non-print. That changes line ends, and there are devices that never
    /// send TYPE and mean their pictures as they are.
    pub image_by_default: bool,
    /// Whether MODE Z is offered (draft-preston-ftpext-deflate); true by default. If not, it is 504.
    pub offer_deflate: bool,
}

impl Default for SessionConfig {
    fn default() -> Self {
        Self {
            greeting: String::from("OSS-FTP ready."),
            masquerade_address: None,
            login_timeout: Duration::from_secs(60),
            idle_timeout: Duration::from_secs(300),
            data_connect_timeout: Duration::from_secs(30),
            stall_timeout: Duration::from_secs(60),
            linger_timeout: Duration::from_secs(2),
            max_login_failures: 3,
            commit_on_disconnect: false,
            pause_before_end: Duration::from_micros(500),
            hang_up_window: Duration::from_millis(50),
            strict_allo: false,
            max_unknown_commands: 20,
            tls_timeout: Duration::from_secs(30),
            operation_timeout: Duration::from_secs(24 * 3600),
            max_idle_timeout: Duration::from_secs(7200),
            tls: TlsPolicy::default(),
            active: ActivePolicy::default(),
            hosts: Vec::new(),
            charset: None,
            utf8: true,
            capabilities: Capabilities::default(),
            convert_ascii: true,
            image_by_default: false,
            offer_deflate: true,
        }
    }
}
