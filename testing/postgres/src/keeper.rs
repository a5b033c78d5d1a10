//! The keeper of a server's directory: a small shell that outlives the test process for a moment. It makes the directory as
//! the user that PostgreSQL runs as, waits until nobody holds its standard input any more, ends whatever server is left, and
//! removes the directory. A test process that is killed leaves nothing behind.

use std::fs::{self, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Stdio};

use crate::programs::{hand_over, unprivileged};

const SCRIPT: &str = r#"
umask 077
directory=$(mktemp -d "${TMPDIR:-/tmp}/safeconduct-postgres.XXXXXX") || exit 1
trap '' HUP INT TERM
echo "$directory"
read -r _
# A server that was killed leaves its number behind, which may be another process by now.
end() {
    pid=$(head -n 1 "$1" 2>/dev/null)
    [ "$(readlink "/proc/$pid/cwd")" = "$2" ] || return 0
    kill "$3" "$pid"
    tries=0
    while [ "$(readlink "/proc/$pid/cwd")" = "$2" ] && [ "$tries" -lt 100 ]; do
        sleep 0.1
        tries=$((tries + 1))
    done
}
# PgBouncer has nothing to lose, and takes no other signal where it was started with signals ignored, as by nohup.
end "$directory/pooler.pid" "$directory" -KILL
end "$directory/data/postmaster.pid" "$directory/data" -QUIT
rm -rf "$directory"
"#;

pub(crate) struct Keeper {
    directory: String,
    shell: Child,
    /// Closed when the keeper is dropped or the process ends.
    held: Option<ChildStdin>,
}

impl Keeper {
    pub(crate) fn start() -> Self {
        let mut command = unprivileged("sh");
        command.args(["-c", SCRIPT]);
        let mut shell = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("a shell can be started");
        let said = shell.stdout.take().expect("its output is piped");
        let mut directory = String::new();
        BufReader::new(said)
            .read_line(&mut directory)
            .expect("the keeper names its directory");
        let directory = directory.trim_end().to_owned();
        assert!(!directory.is_empty(), "there is no place for a server");
        Self {
            directory,
            held: shell.stdin.take(),
            shell,
        }
    }

    pub(crate) fn directory(&self) -> &str {
        &self.directory
    }

    pub(crate) fn path(&self, name: &str) -> String {
        format!("{}/{name}", self.directory)
    }

    /// Writes a file that belongs to the server's user alone.
    pub(crate) fn write(&self, name: &str, content: &str) {
        let path = self.path(name);
        fs::write(&path, content).expect("the server's directory can be written");
        hand_over(&path);
    }

    pub(crate) fn append(&self, name: &str, content: &str) {
        append(&self.path(name), content);
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        drop(self.held.take());
        let _ = self.shell.wait();
    }
}

/// Adds a line to a file. A directory that is gone meanwhile has no use for it.
pub(crate) fn append(path: &str, line: &str) {
    let mut options = OpenOptions::new();
    if let Ok(mut file) = options.create(true).append(true).open(path) {
        let _ = writeln!(file, "{line}");
    }
}
