//! Who may read the files that hold what is known of people: the database, what SQLite keeps beside it, and copies that lie in its folder.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use crate::config::Checked;
use crate::private_file::{self, Readers};

/// Where SQLite's header says which program made a file, and what it says in a database and in a backup of ours.
const APPLICATION_ID: std::ops::Range<usize> = 68..72;
const OURS: [&[u8]; 2] = [b"Safe", b"SafB"];

/// No folder is looked through further than this.
const MOST: usize = 1_000;

/// What is wrong with each of these files that others can read, and what to do.
pub(super) fn open_to_others(checked: &Checked) -> Vec<(String, String)> {
    let Some(database) = checked.database.file() else {
        return Vec::new();
    };
    let database = std::path::absolute(database).unwrap_or_else(|_| database.to_owned());
    let mut files: Vec<PathBuf> = ["", "-wal", "-shm"]
        .iter()
        .map(|suffix| {
            let mut name = database.clone().into_os_string();
            name.push(suffix);
            PathBuf::from(name)
        })
        .collect();
    let entries = database
        .parent()
        .and_then(|folder| std::fs::read_dir(folder).ok());
    let entries = entries.into_iter().flatten().take(MOST).flatten();
    let copies = entries
        .map(|entry| entry.path())
        .filter(|path| is_ours(path));
    files.extend(copies);
    files.sort();
    files.dedup();
    let warnings = files.iter().filter_map(|path| {
        let who = match private_file::readers(path).ok()? {
            Readers::Everyone => "everyone on this machine",
            Readers::Group => "its group",
            Readers::Owner | Readers::Mount => return None,
        };
        let path = path.as_path();
        let message = format!(
            "{} can be read by {who}: users, their addresses and what they did are in it",
            path.display()
        );
        Some((message, private_file::advice(path)))
    });
    warnings.collect()
}

/// Whether a file is a database of this program, or a copy of one.
fn is_ours(path: &Path) -> bool {
    let mut header = [0; 100];
    let is_file = std::fs::metadata(path).is_ok_and(|file| file.is_file());
    let mut read = || File::open(path)?.read_exact(&mut header);
    is_file
        && read().is_ok()
        && header.starts_with(b"SQLite format 3\0")
        && OURS.contains(&&header[APPLICATION_ID])
}
