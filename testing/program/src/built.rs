//! Which program is tested.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::{env, fs};

/// The variable that names another program than the one that cargo has built beside the test.
pub const PROGRAM: &str = "SAFECONDUCT_PROGRAM";

/// The program: the one that [`PROGRAM`] names, or the one that cargo has built beside this one.
///
/// # Panics
/// It is not built, or older than its source.
pub fn program() -> &'static Path {
    static BUILT: LazyLock<PathBuf> = LazyLock::new(|| match env::var_os(PROGRAM) {
        // It is started in another directory.
        Some(named) => std::path::absolute(named).expect("the program's name is a path"),
        None => beside_this_one(),
    });
    &BUILT
}

fn beside_this_one() -> PathBuf {
    let own = env::current_exe().expect("the test knows where it is");
    // A test is one directory further down.
    let beside = own.ancestors().skip(1).take(2);
    let mut programs = beside.map(|directory| directory.join("safeconduct"));
    let program = programs.find(|program| program.is_file());
    let program = program.unwrap_or_else(|| {
        panic!("safeconduct is not built: run cargo test with --workspace, or name it in {PROGRAM}")
    });
    if let Some(newer) = newer_than(&program) {
        panic!(
            "{} is older than {newer}: run cargo test with --workspace, or name another in {PROGRAM}",
            program.display()
        );
    }
    program
}

/// A source file that is newer than the program that cargo built of it.
fn newer_than(program: &Path) -> Option<String> {
    let changed = |path: &Path| fs::metadata(path).and_then(|file| file.modified()).ok();
    let built = changed(program)?;
    // As a Makefile has it: `program: source source …`.
    let sources = fs::read_to_string(program.with_extension("d")).ok()?;
    let (_, sources) = sources.split_once(": ")?;
    let newer = |source: &&str| changed(Path::new(source)).is_some_and(|changed| changed > built);
    sources
        .split_whitespace()
        .find(newer)
        .map(ToOwned::to_owned)
}
