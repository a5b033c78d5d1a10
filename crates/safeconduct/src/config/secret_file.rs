//! Files that hold a secret: read whole, refused where everyone on the machine can read them, and where something came into
//! them that no eye sees. What is wrong is told by its place, never by what stands there.

use std::path::Path;

use safeconduct_protocol::registration::check_secret;
use safeconduct_protocol::secret::Secret;
use zeroize::Zeroizing;

use crate::private_file::{self, Readers};

/// What is wrong with a file, and what to do.
pub(super) type Wrong = (String, String);

/// The secret in the file at `path`, without the white space at its end.
///
/// # Errors
/// The file can't be read, is open to everyone or empty, or holds what is no line of text.
pub(super) fn read(path: &Path) -> Result<Secret, Wrong> {
    let shown = path.display();
    let bytes = read_whole(path)?;
    let text = one_line(&bytes).map_err(|what| {
        (
            format!("the secret in {shown} {what}"),
            "write it anew, on one line of plain text: printf %s \"$SECRET\" > file".to_owned(),
        )
    })?;
    if text.is_empty() {
        return Err((
            format!("the secret file {shown} is empty"),
            "write the secret into it, on one line".to_owned(),
        ));
    }
    Ok(Secret::new(text))
}

/// What stands in the file at `path`, which is for the eyes of few.
///
/// # Errors
/// The file can't be read, or is open to everyone.
pub(super) fn read_whole(path: &Path) -> Result<Zeroizing<Vec<u8>>, Wrong> {
    let shown = path.display();
    let wrong = |error| {
        (
            format!("the secret file {shown} can't be read: {error}"),
            "see that the path is right and that the user who runs safeconduct may read it"
                .to_owned(),
        )
    };
    if private_file::readers(path).map_err(wrong)? == Readers::Everyone {
        return Err((
            format!("the secret file {shown} can be read by everyone on this machine"),
            format!(
                "{}; if others had access, change the secret",
                private_file::advice(path)
            ),
        ));
    }
    Ok(Zeroizing::new(std::fs::read(path).map_err(wrong)?))
}

/// The secret of a client in the file at `path`: what RFC 6749 §A.2 lets a client send.
///
/// # Errors
/// As [`read`]; it is too short, or holds what no client can send.
pub(super) fn read_of_client(path: &Path) -> Result<Secret, Wrong> {
    let secret = read(path)?;
    let shown = path.display();
    let makes_one = "`openssl rand -hex 32` makes one that can't be guessed";
    check_secret(&secret).map_err(|what| {
        (
            format!("the secret in {shown} {what}"),
            makes_one.to_owned(),
        )
    })?;
    Ok(secret)
}

/// Where a secret holds a character that means another one where it is sent without being form-encoded (RFC 6749 §2.3.1), as
/// `curl -u` and many libraries send it: its position from 1.
pub(super) fn changes_unencoded(secret: &Secret) -> Option<usize> {
    let position = secret.expose().find(['+', '%']);
    position.map(|position| position + 1)
}

/// The text of a file without the white space at its end, or what else is in it.
fn one_line(bytes: &[u8]) -> Result<&str, String> {
    const MARKS: [(&[u8], &str); 3] = [
        (b"\xef\xbb\xbf", "UTF-8"),
        (b"\xff\xfe", "UTF-16"),
        (b"\xfe\xff", "UTF-16"),
    ];
    if let Some((_, encoding)) = MARKS.iter().find(|(mark, _)| bytes.starts_with(mark)) {
        return Err(format!("begins with a byte order mark ({encoding})"));
    }
    let text = str::from_utf8(bytes)
        .map_err(|error| format!("is no text from position {} on", error.valid_up_to() + 1))?
        .trim_end();
    match text.find(|character: char| character.is_control() && character != '\t') {
        Some(position) if matches!(text.as_bytes()[position], b'\n' | b'\r') => Err(format!(
            "has a line end inside, at position {}",
            position + 1
        )),
        Some(position) => Err(format!(
            "has a control character inside, at position {}",
            position + 1
        )),
        None => Ok(text),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use rstest::rstest;

    use super::*;

    const SECRET: &str = "0123456789abcdef0123456789abcdef";

    fn of_client(bytes: &[u8]) -> Result<String, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("web.secret");
        std::fs::write(&path, bytes).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        read_of_client(&path)
            .map(|secret| secret.expose().to_owned())
            .map_err(|(message, advice)| format!("{message}\n{advice}"))
    }

    #[rstest]
    #[case(SECRET)]
    #[case(&format!("{SECRET}\r\n"))]
    #[case(&format!("{SECRET} \n\n"))]
    fn white_space_at_the_end_is_no_part_of_a_secret(#[case] text: &str) {
        assert_eq!(of_client(text.as_bytes()).as_deref(), Ok(SECRET));
    }

    #[rstest]
    #[case::utf_8(
        b"\xef\xbb\xbf0123456789abcdef0123456789abcdef",
        "byte order mark (UTF-8)"
    )]
    #[case::utf_16(b"\xff\xfe0\x001\x002\x003\x00", "byte order mark (UTF-16)")]
    #[case::two_lines(
        b"0123456789abcdef\n0123456789abcdef",
        "a line end inside, at position 17"
    )]
    #[case::return_inside(
        b"0123456789abcdef\r0123456789abcdef",
        "a line end inside, at position 17"
    )]
    #[case::escape(
        b"0123456789abcdef0123456789abcde\x1bf",
        "a control character inside, at position 32"
    )]
    #[case::tab(
        b"0123456789abcdef0123456789abcde\tf",
        "a byte at position 32 that no client secret may hold"
    )]
    #[case::latin(
        b"\xe90123456789abcdef0123456789abcdef",
        "is no text from position 1 on"
    )]
    #[case::letter("0123é456789abcdef0123456789abcdef".as_bytes(), "a byte at position 5 that no client secret may hold")]
    #[case::no_break_space("0123456789abcdef0123456789abcde\u{a0}f".as_bytes(), "a byte at position 32 that no")]
    #[case::short(b"0123456789abcdef0123456789abcde", "is shorter than 32 characters")]
    fn what_no_client_can_send_is_told_by_its_place_and_not_shown(
        #[case] bytes: &[u8],
        #[case] says: &str,
    ) {
        let told = of_client(bytes).unwrap_err();
        assert!(told.contains(says), "{told}");
        assert!(!told.contains("456789"), "{told}");
    }
}
