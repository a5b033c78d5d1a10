//! How long the disk takes to make a write durable, in the very moment of a run: on shared disks it differs tenfold within minutes.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::statistics::Durations;

/// The page that is written each time.
const PAGE: [u8; 4096] = [7; 4096];
/// How long the disk is asked.
const PATIENCE: Duration = Duration::from_millis(200);

/// Appends pages to a file in `directory` and flushes each (`fdatasync`), for a moment.
pub(crate) fn flush(directory: &Path) -> Result<Durations> {
    let path = directory.join("flush");
    let mut file = OpenOptions::new().create(true).append(true).open(&path)?;
    let mut durations = Vec::new();
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        let before = Instant::now();
        file.write_all(&PAGE)?;
        file.sync_data()?;
        durations.push(before.elapsed());
    }
    std::fs::remove_file(path)?;
    Ok(Durations::new(durations))
}
