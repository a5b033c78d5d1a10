//! Runs `docs/guides/curl.md`, `docs/guides/quickstart.md`, `docs/guides/operating.md` and `docs/guides/migrating.md` as their reader would: each ```` ```sh ```` block in one bash, against the built binary. A
//! ```` ```text ```` block is what the block before it must have printed, line by line, with `…` for what differs each time.

use std::env;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use safeconduct_testing_program::{free_ports, program};

const CURL: &str = include_str!("../../../docs/guides/curl.md");
const MIGRATING: &str = include_str!("../../../docs/guides/migrating.md");
const OPERATING: &str = include_str!("../../../docs/guides/operating.md");
const QUICKSTART: &str = include_str!("../../../docs/guides/quickstart.md");

/// Printed between two blocks, so that their output can be told apart.
const BETWEEN: &str = "\u{1e}";

#[test]
fn the_whole_flow_works_as_written_with_curl() {
    walk(CURL, 8);
}

#[test]
fn the_quickstart_works_as_written_with_curl() {
    walk(QUICKSTART, 4);
}

#[test]
fn the_operator_s_day_works_as_written_with_curl() {
    walk(OPERATING, 8);
}

/// Attacks: AP70, AP71, AP72, AP73, AP75, AP76.
#[test]
fn moving_here_works_as_written() {
    walk(MIGRATING, 7);
}

/// Runs the commands of `guide` in a new folder beside the exports of other systems, and holds what they print against what stands below them.
fn walk(guide: &str, least: usize) {
    let ports = Ports::free();
    let steps = steps(&ports.instead_of_the_usual(guide));
    assert!(steps.len() > least, "the guide has lost its commands");
    let directory = tempfile::tempdir().expect("a temporary directory");
    let exports = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/exports");
    for export in fs::read_dir(exports).expect("the exports") {
        let export = export.expect("an export");
        let copy = directory.path().join(export.file_name());
        fs::copy(export.path(), copy).expect("a copy");
    }

    let output = run(&script(&steps), directory.path(), &ports);

    let printed = String::from_utf8(output.stdout).expect("UTF-8");
    let complaints = String::from_utf8_lossy(&output.stderr);
    for (step, printed) in steps.iter().zip(printed.split(BETWEEN)) {
        let Some(expected) = &step.expected else {
            continue;
        };
        assert!(
            matches(expected, printed),
            "{}\nprinted\n{printed}\ninstead of\n{expected}\nand complained\n{complaints}",
            step.commands
        );
    }
    assert!(
        output.status.success(),
        "the guide stopped half way:\n{printed}\n{complaints}"
    );
}

/// One block of commands, and what it must print.
struct Step {
    commands: String,
    expected: Option<String>,
}

fn steps(guide: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for (position, block) in guide.split("```").enumerate() {
        let fenced = position % 2 == 1;
        match block.split_once('\n') {
            Some(("sh", commands)) if fenced => steps.push(Step {
                commands: commands.to_owned(),
                expected: None,
            }),
            Some(("text", expected)) if fenced => {
                let step = steps.last_mut().expect("output follows commands");
                step.expected = Some(expected.to_owned());
            }
            _ => {}
        }
    }
    steps
}

/// Where the server of a guide listens: at ports that are free here.
struct Ports {
    public: u16,
    admin: u16,
}

impl Ports {
    fn free() -> Self {
        let [public, admin] = free_ports();
        Self { public, admin }
    }

    fn instead_of_the_usual(&self, guide: &str) -> String {
        guide
            .replace("8420", &self.public.to_string())
            .replace("8429", &self.admin.to_string())
    }

    /// What moves a server there whose configuration says nothing of ports, or the usual ones.
    fn variables(&self) -> [(&'static str, String); 3] {
        let Self { public, admin } = self;
        [
            ("SAFECONDUCT_ISSUER", format!("http://localhost:{public}")),
            ("SAFECONDUCT_SERVER__LISTEN", format!("127.0.0.1:{public}")),
            (
                "SAFECONDUCT_SERVER__ADMIN_LISTEN",
                format!("127.0.0.1:{admin}"),
            ),
        ]
    }
}

fn script(steps: &[Step]) -> String {
    let stop_what_is_left = "set -euo pipefail\ntrap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n";
    let blocks = steps
        .iter()
        .map(|step| format!("{}\nprintf '{BETWEEN}'\n", step.commands));
    stop_what_is_left.to_owned() + &blocks.collect::<String>()
}

fn run(script: &str, directory: &Path, ports: &Ports) -> Output {
    let mut path = vec![program().parent().expect("a directory").to_owned()];
    path.extend(env::split_paths(&env::var_os("PATH").expect("a PATH")));
    fs::write(directory.join(".curlrc"), "max-time = 30\n").expect("a settings file for curl");
    Command::new("bash")
        .args(["-c", script])
        .current_dir(directory)
        .env_clear()
        .env("PATH", env::join_paths(path).expect("a PATH"))
        .env("HOME", directory)
        .env("CURL_HOME", directory)
        .env("TMPDIR", directory)
        .envs(ports.variables())
        .output()
        .expect("bash, curl and openssl; ./scripts/test packages installs them")
}

/// Whether `printed` has the lines of `expected`, where each `…` stands for any text within its line.
fn matches(expected: &str, printed: &str) -> bool {
    let (expected, printed) = (expected.trim_end().lines(), printed.trim_end().lines());
    expected.clone().count() == printed.clone().count()
        && expected
            .zip(printed)
            .all(|(expected, printed)| line_matches(expected, printed))
}

fn line_matches(expected: &str, printed: &str) -> bool {
    let Some((start, rest)) = expected.split_once('…') else {
        return expected == printed;
    };
    let Some(mut left) = printed.strip_prefix(start) else {
        return false;
    };
    let mut parts: Vec<&str> = rest.split('…').collect();
    let end = parts.pop().unwrap_or_default();
    for part in parts {
        match left.split_once(part) {
            Some((_, after)) => left = after,
            None => return false,
        }
    }
    left.ends_with(end)
}

#[test]
fn an_ellipsis_stands_for_text_in_one_line_only() {
    assert!(matches("{\"a\":…,\"c\":3}\n", "{\"a\":1,\"b\":2,\"c\":3}"));
    assert!(matches("one\n…\n", "one\ntwo\n"));
    assert!(!matches("{\"active\":true,…}\n", "{\"active\":false}"));
    assert!(!matches("{…\"z\":1…}\n", "{\"a\":1}"));
    assert!(!matches("one\n…\n", "one\ntwo\nthree\n"));
    assert!(!matches("a…a\n", "a"));
}
