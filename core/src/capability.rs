//! What a storage can do besides the file actions that every storage has.

use crate::HashAlgorithm;

/// What a row of the [table of commands](crate::command::COMMANDS) needs, so that FEAT, HELP and
/// SITE HELP name only what works for this session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Need {
    /// Nothing: it always works.
    Nothing,
    /// TLS is offered on this listener (RFC 4217): AUTH, PBSZ and PROT.
    Tls,
    /// TLS is offered, and may be given up again on the control connection (CCC, RFC 4217 section 6).
    /// Where it is offered and only that may not be, CCC answers 534 and not 502.
    ClearAgain,
    /// The server makes data connections to the client: PORT and EPRT are not closed.
    ActiveData,
    /// Times of change can be set.
    ModifyTimes,
    /// Times of creation can be set.
    CreateTimes,
    /// At least one fact can be changed.
    AnyFact,
    /// Modes are kept, or at least taken.
    Modes,
    /// The free space is known.
    Space,
    /// At least one hash can be computed.
    AnyHash,
    /// This hash can be computed.
    Hash(HashAlgorithm),
    /// Files can be copied inside the storage.
    Copy,
    /// Files can be joined inside the storage.
    Combine,
    /// Symbolic links can be made.
    Symlinks,
    /// Archived files can be asked back.
    Restore,
    /// Whole directories can be removed at once.
    RemoveTree,
}

/// What happens to the mode of SITE CHMOD and of `UNIX.mode` in MFF.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Modes {
    /// The commands are refused with 502.
    #[default]
    Refused,
    /// SITE CHMOD answers 200 for a file that exists, and says that nothing was changed: there
    /// are programs that give up when a mode is refused. MFF does not know the fact.
    Ignored,
    /// They are kept and shown.
    Kept,
}

/// What a storage can do, apart from what each can. Everything is off by default, and then the
/// commands that need it are 502.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
#[allow(clippy::struct_excessive_bools)]
pub struct Capabilities {
    /// [`Operation::SetFacts`](crate::Operation::SetFacts) takes a time of change: MFMT, MFF, SITE
    /// UTIME, and MDTM with a time.
    pub modify_times: bool,
    /// [`Operation::SetFacts`](crate::Operation::SetFacts) takes a time of creation: MFCT, MFF.
    pub create_times: bool,
    /// What becomes of modes.
    pub modes: Modes,
    /// [`Operation::Space`](crate::Operation::Space): AVBL.
    pub space: bool,
    /// [`Operation::Hash`](crate::Operation::Hash) with these algorithms: HASH, XCRC and its like.
    pub hashes: HashAlgorithms,
    /// [`Operation::Copy`](crate::Operation::Copy): SITE COPY, CPFR and CPTO.
    pub copy: bool,
    /// [`Operation::Combine`](crate::Operation::Combine): COMB.
    pub combine: bool,
    /// [`Operation::Symlink`](crate::Operation::Symlink): SITE SYMLINK.
    pub symlinks: bool,
    /// [`Operation::Restore`](crate::Operation::Restore): SITE RESTORE.
    pub restore: bool,
    /// [`Operation::RemoveTree`](crate::Operation::RemoveTree): SITE RMDIR.
    pub remove_tree: bool,
}

impl Capabilities {
    /// Everything that there is, with modes kept.
    #[must_use]
    pub const fn all() -> Self {
        Self {
            modify_times: true,
            create_times: true,
            modes: Modes::Kept,
            space: true,
            hashes: HashAlgorithms::ALL,
            copy: true,
            combine: true,
            symlinks: true,
            restore: true,
            remove_tree: true,
        }
    }

    /// Whether this storage fulfils `need`; TLS and data connections are not its matter.
    #[must_use]
    pub fn fulfil(&self, need: Need) -> bool {
        match need {
            Need::Nothing => true,
            Need::Tls | Need::ClearAgain | Need::ActiveData => false,
            Need::ModifyTimes => self.modify_times,
            Need::CreateTimes => self.create_times,
            Need::AnyFact => self.modify_times || self.create_times || self.modes == Modes::Kept,
            Need::Modes => self.modes != Modes::Refused,
            Need::Space => self.space,
            Need::AnyHash => self.hashes != HashAlgorithms::NONE,
            Need::Hash(algorithm) => self.hashes.contains(algorithm),
            Need::Copy => self.copy,
            Need::Combine => self.combine,
            Need::Symlinks => self.symlinks,
            Need::Restore => self.restore,
            Need::RemoveTree => self.remove_tree,
        }
    }
}

/// A set of hash algorithms.
///
/// ```
/// use ossftp_core::{HashAlgorithm, HashAlgorithms};
/// let set = HashAlgorithms::NONE.with(HashAlgorithm::Md5);
/// assert!(set.contains(HashAlgorithm::Md5) && !set.contains(HashAlgorithm::Sha1));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct HashAlgorithms(u8);

impl HashAlgorithms {
    /// None of them.
    pub const NONE: Self = Self(0);
    /// All of them.
    pub const ALL: Self = Self(0b11_1111);

    /// The same set with `algorithm` in it.
    #[must_use]
    pub const fn with(self, algorithm: HashAlgorithm) -> Self {
        Self(self.0 | 1 << algorithm as u8)
    }

    /// Whether `algorithm` is in it.
    #[must_use]
    pub const fn contains(self, algorithm: HashAlgorithm) -> bool {
        self.0 & (1 << algorithm as u8) != 0
    }

    /// Those in it, the preferred one first.
    pub fn iter(self) -> impl Iterator<Item = HashAlgorithm> {
        HashAlgorithm::ALL
            .iter()
            .copied()
            .filter(move |algorithm| self.contains(*algorithm))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets() {
        assert!(
            HashAlgorithms::ALL
                .iter()
                .eq(HashAlgorithm::ALL.iter().copied())
        );
        assert_eq!(HashAlgorithms::NONE.iter().count(), 0);
        let two = HashAlgorithms::NONE
            .with(HashAlgorithm::Crc32)
            .with(HashAlgorithm::Sha256);
        assert!(two.iter().eq([HashAlgorithm::Sha256, HashAlgorithm::Crc32]));
    }

    #[test]
    fn nothing_is_there_that_was_not_said() {
        let (none, all) = (Capabilities::default(), Capabilities::all());
        for need in [
            Need::ModifyTimes,
            Need::CreateTimes,
            Need::AnyFact,
            Need::Modes,
            Need::Space,
            Need::AnyHash,
            Need::Hash(HashAlgorithm::Crc64),
            Need::Copy,
            Need::Combine,
            Need::Symlinks,
            Need::Restore,
            Need::RemoveTree,
        ] {
            assert!(!none.fulfil(need) && all.fulfil(need), "{need:?}");
        }
        assert!(none.fulfil(Need::Nothing) && !all.fulfil(Need::Tls));
    }
}
