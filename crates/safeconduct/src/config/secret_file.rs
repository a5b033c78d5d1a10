//! Files that hold a secret: read whole, and refused where everyone on the machine can read them.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use safeconduct_protocol::secret::Secret;
use zeroize::Zeroizing;

/// The secret in the file at `path`, without the white space at its end.
///
/// # Errors
/// The file can't be read, is open to everyone or empty: what is wrong, and what to do.
pub(super) fn read(path: &Path) -> Result<Secret, (String, String)> {
    let shown = path.display();
    let wrong = |error| {
        (
            format!("the secret file {shown} can't be read: {error}"),
            "see that the path is right and that the user who runs safeconduct may read it"
                .to_owned(),
        )
    };
    let mode = std::fs::metadata(path).map_err(wrong)?.mode();
    if mode & 0o007 != 0 {
        return Err((
            format!("the secret file {shown} can be read by everyone on this machine"),
            format!("run chmod 600 {shown}; if others had access, change the secret"),
        ));
    }
    let text = Zeroizing::new(std::fs::read_to_string(path).map_err(wrong)?);
    let secret = text.trim_end();
    if secret.is_empty() {
        return Err((
            format!("the secret file {shown} is empty"),
            "write the secret into it, on one line".to_owned(),
        ));
    }
    Ok(Secret::new(secret))
}
