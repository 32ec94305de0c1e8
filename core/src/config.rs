//! What a session is told once: names, limits and timers.

use alloc::string::String;
use core::net::Ipv4Addr;
use core::time::Duration;

/// The settings that all sessions of a listener share.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionConfig {
    /// The text of the 220 greeting.
    pub greeting: String,
    /// The IPv4 address that the 227 reply names instead of the connection's own, for servers
    /// behind NAT. EPSV names no address and needs none.
    pub masquerade_address: Option<Ipv4Addr>,
    /// From the greeting to a successful login; then 421.
    pub login_timeout: Duration,
    /// Between two commands, transfers not counted; then 421.
    pub idle_timeout: Duration,
    /// From the 150 to an open data connection; then 425.
    pub data_connect_timeout: Duration,
    /// Between two bytes on a data connection; then 426.
    pub stall_timeout: Duration,
    /// How long a finished download waits for the client to close its side of the data
    /// connection, so that the last bytes are not lost to a reset.
    pub linger_timeout: Duration,
    /// The connection is closed with the 530 to so many wrong passwords in a row.
    pub max_login_failures: u32,
    /// Whether an upload counts as whole although the control connection was closed without QUIT
    /// before the data connection ended. True only for devices that hang up that way.
    pub commit_on_disconnect: bool,
    /// An upload whose end came so long after its last byte, or longer, may be that of a client
    /// that was killed. It is committed only when ten times that pause has passed, but at most
    /// [`SessionConfig::hang_up_window`], and the control connection still stands.
    pub pause_before_end: Duration,
    /// A client that dies closes its connections one after the other, the data connection
    /// perhaps first. A control connection that is closed so soon after the end of an upload
    /// makes it truncated, as one that was closed before does.
    pub hang_up_window: Duration,
    /// Whether an upload in TYPE I with fewer bytes than a preceding ALLO named is truncated.
    /// After REST the bytes before the offset count too: ALLO may mean the whole file.
    pub strict_allo: bool,
    /// After so many unknown commands the connection is closed with 421. Once somebody is logged
    /// in, only those count that follow one another.
    pub max_unknown_commands: u32,
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
        }
    }
}
