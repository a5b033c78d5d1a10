//! The files that pages link to, as they are built in: each served under a name that says its content.

use std::borrow::Cow;

use rust_embed::{EmbeddedFile, RustEmbed};

use super::error::PagesError;

/// Where the files that pages link to are served, below the issuer.
pub(super) const ASSETS: &str = "/assets/";

#[derive(RustEmbed)]
#[folder = "assets"]
pub(super) struct Assets;

/// A file the pages link to; its path names its content, so that it may be cached for ever.
#[derive(Clone, Debug)]
pub struct Asset {
    /// The path below the issuer, with the content's hash in it: `/assets/safeconduct-<hash>.css`.
    pub path: String,
    /// The content.
    pub bytes: Cow<'static, [u8]>,
    /// The value for `Content-Type`.
    pub content_type: &'static str,
}

impl Asset {
    /// The value for `Cache-Control`: whoever has the path has this content.
    pub const CACHE_CONTROL: &'static str = "public, max-age=31536000, immutable";
}

/// The built-in file `<stem>.<extension>`.
pub(super) fn asset(
    stem: &str,
    extension: &str,
    content_type: &'static str,
) -> Result<Asset, PagesError> {
    let name = format!("{stem}.{extension}");
    let file = Assets::get(&name).ok_or(PagesError::Missing(name))?;
    Ok(Asset {
        path: path_of(stem, extension, &file.metadata.sha256_hash()),
        bytes: file.data,
        content_type,
    })
}

/// The stylesheet as it is built in.
pub(super) fn our_stylesheet() -> Result<String, PagesError> {
    text(Assets::get("safeconduct.css"), "safeconduct.css")
}

/// The path of a file that is named by the hash of its content.
pub(super) fn path_of(stem: &str, extension: &str, hash: &[u8; 32]) -> String {
    let hash: String = hash[..8].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{ASSETS}{stem}-{hash}.{extension}")
}

/// The text of a file that was found built in.
pub(super) fn text(file: Option<EmbeddedFile>, name: &str) -> Result<String, PagesError> {
    file.and_then(|file| String::from_utf8(file.data.into_owned()).ok())
        .ok_or_else(|| PagesError::Missing(name.to_owned()))
}
