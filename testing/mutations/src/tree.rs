//! A copy of the workspace into which changes are built.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// The copy.
pub struct Tree {
    root: PathBuf,
    folder: PathBuf,
}

impl Tree {
    /// Copies the files below `root` that git tracks to `folder`.
    ///
    /// # Errors
    /// If git does not list them, or one can't be copied.
    pub fn copy(root: &Path, folder: PathBuf) -> Result<Self> {
        let listed = listed(root)?;
        let tree = Self {
            root: root.to_owned(),
            folder,
        };
        for file in &listed {
            // A file that was deleted and not committed is listed still.
            if let Ok(content) = fs::read(root.join(file)) {
                tree.write(file, &content)?;
            }
        }
        remove_others(&tree.folder, &tree.folder, &listed)?;
        Ok(tree)
    }

    /// Where it is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What `file` holds in the repository.
    ///
    /// # Errors
    /// If it can't be read.
    pub fn source(&self, file: &str) -> Result<String> {
        fs::read_to_string(self.root.join(file)).with_context(|| file.to_owned())
    }

    /// Writes a file of the copy. One that holds this already is left as it is, with its time, so that cargo builds nothing again.
    ///
    /// # Errors
    /// If it can't be written.
    pub fn write(&self, file: &str, content: &[u8]) -> Result<()> {
        let path = self.folder.join(file);
        if fs::read(&path).is_ok_and(|there| there == content) {
            return Ok(());
        }
        fs::create_dir_all(path.parent().context("a file is in a folder")?)?;
        fs::write(&path, content).with_context(|| format!("writing {}", path.display()))?;
        let permissions = fs::metadata(self.root.join(file))?.permissions();
        Ok(fs::set_permissions(&path, permissions)?)
    }
}

fn listed(root: &Path) -> Result<BTreeSet<String>> {
    let git = Command::new("git")
        .args(["ls-files", "-z"])
        .current_dir(root)
        .output()
        .context("running git")?;
    ensure!(git.status.success(), "git ls-files says no");
    let names = String::from_utf8(git.stdout).context("names of files are UTF-8")?;
    let names = names.split('\0').filter(|name| !name.is_empty());
    Ok(names.map(str::to_owned).collect())
}

/// Removes what is no longer tracked: cargo would find tests in it.
fn remove_others(tree: &Path, folder: &Path, listed: &BTreeSet<String>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            remove_others(tree, &path, listed)?;
        } else if !listed.contains(path.strip_prefix(tree)?.to_string_lossy().as_ref()) {
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}
