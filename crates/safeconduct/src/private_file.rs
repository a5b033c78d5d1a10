//! Who may read a file that holds a secret: the rule for the master key, for the secrets of clients and for the password of the
//! database.

use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use rustix::fs::StatVfsMountFlags;

/// Who can read a file beside its owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Readers {
    /// No other account.
    Owner,
    /// Its group.
    Group,
    /// Every process that sees the mount. It is read-only, so its modes can't be changed here, and the operator who mounts it decides who sees
    /// it: the secrets of Kubernetes and of Docker, systemd's credentials.
    Mount,
    /// Everyone on this machine.
    Everyone,
}

/// Says who can read the file at `path`.
///
/// # Errors
/// The file can't be looked at.
pub(crate) fn readers(path: &Path) -> io::Result<Readers> {
    let mode = std::fs::metadata(path)?.mode();
    let read_only = || {
        Ok(rustix::fs::statvfs(path)?
            .f_flag
            .contains(StatVfsMountFlags::RDONLY))
    };
    judge(mode, read_only)
}

fn judge(mode: u32, read_only: impl FnOnce() -> io::Result<bool>) -> io::Result<Readers> {
    Ok(match mode {
        mode if mode & 0o007 != 0 && read_only()? => Readers::Mount,
        mode if mode & 0o007 != 0 => Readers::Everyone,
        mode if mode & 0o070 != 0 => Readers::Group,
        _ => Readers::Owner,
    })
}

/// What to do about a file that everyone can read; it may belong to a user whose files this process can't change.
pub(crate) fn advice(path: &Path) -> String {
    let owner = std::fs::metadata(path).map_or(0, |file: Metadata| file.uid());
    let us = rustix::process::geteuid();
    let shown = path.display();
    if us.is_root() || us.as_raw() == owner {
        format!("run chmod 600 {shown}")
    } else {
        format!(
            "let its owner (uid {owner}) take the others' rights from it, or mount it read-only for safeconduct alone"
        )
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(0o600, Readers::Owner, Readers::Owner)]
    #[case(0o400, Readers::Owner, Readers::Owner)]
    #[case(0o640, Readers::Group, Readers::Group)]
    #[case(0o440, Readers::Group, Readers::Group)]
    #[case(0o444, Readers::Everyone, Readers::Mount)]
    #[case(0o644, Readers::Everyone, Readers::Mount)]
    #[case(0o604, Readers::Everyone, Readers::Mount)]
    #[case(0o602, Readers::Everyone, Readers::Mount)]
    #[case(0o777, Readers::Everyone, Readers::Mount)]
    fn what_everyone_can_read_is_private_on_a_read_only_mount_alone(
        #[case] mode: u32,
        #[case] on_a_disk: Readers,
        #[case] mounted_read_only: Readers,
    ) {
        assert_eq!(judge(mode, || Ok(false)).unwrap(), on_a_disk);
        assert_eq!(judge(mode, || Ok(true)).unwrap(), mounted_read_only);
    }

    #[test]
    fn a_mount_that_can_not_be_looked_at_is_not_trusted() {
        let broken = || Err(io::Error::other("no such mount"));
        assert!(judge(0o444, broken).is_err());
        assert_eq!(judge(0o400, broken).unwrap(), Readers::Owner);
    }
}
