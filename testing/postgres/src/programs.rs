//! PostgreSQL's programs: where they are, and as whom they run. The server refuses to run as root, so that a test that does
//! hands them to the user that Debian made for it.

use std::env;
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use rustix::process::geteuid;

/// Who runs PostgreSQL where this process is root: user and group.
static OWNER: LazyLock<Option<(u32, u32)>> = LazyLock::new(|| {
    geteuid().is_root().then(|| {
        // Debian's package makes the first; the second is everywhere.
        ["postgres", "nobody"]
            .into_iter()
            .find_map(account)
            .expect("there is a user without privileges")
    })
});

/// One of PostgreSQL's programs, of the latest version there is.
pub(crate) fn program(name: &str) -> Command {
    static DIRECTORY: LazyLock<Option<PathBuf>> = LazyLock::new(installed);
    let path = match &*DIRECTORY {
        Some(directory) => directory.join(name),
        None => PathBuf::from(name),
    };
    unprivileged(path.to_str().expect("the path is text"))
}

/// A program, run as somebody who is not root, with nothing of the caller's settings.
pub(crate) fn unprivileged(program: &str) -> Command {
    let mut command = match *OWNER {
        None => Command::new(program),
        Some((user, group)) => {
            let mut command = Command::new("setpriv");
            command
                .arg(format!("--reuid={user}"))
                .arg(format!("--regid={group}"));
            command.args(["--clear-groups", "--", program]);
            command
        }
    };
    command.env_clear().env("LC_ALL", "C").current_dir("/");
    for kept in ["PATH", "TMPDIR"] {
        if let Some(value) = env::var_os(kept) {
            command.env(kept, value);
        }
    }
    command
}

/// What a program says when it succeeds.
pub(crate) fn output(command: &mut Command) -> String {
    let output = command
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("{}", crate::missing(&error)));
    assert!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let said = String::from_utf8(output.stdout).expect("PostgreSQL's programs speak UTF-8");
    said.trim_end().to_owned()
}

/// Gives a file to the user that PostgreSQL runs as, and to nobody else.
pub(crate) fn hand_over(path: &str) {
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))
        .and_then(|()| match *OWNER {
            Some((user, group)) => chown(path, Some(user), Some(group)),
            None => Ok(()),
        })
        .expect("a file of ours can be given away");
}

/// Debian keeps every version in a directory of its own, which is not on the path.
fn installed() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").ok()?;
    versions
        .filter_map(|version| version.ok()?.file_name().to_str()?.parse::<u32>().ok())
        .max()
        .map(|version| PathBuf::from(format!("/usr/lib/postgresql/{version}/bin")))
}

fn account(name: &str) -> Option<(u32, u32)> {
    let number = |flag| {
        let output = Command::new("id").args([flag, name]).output().ok()?;
        String::from_utf8(output.stdout).ok()?.trim().parse().ok()
    };
    Some((number("-u")?, number("-g")?))
}
