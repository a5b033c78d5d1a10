//! The user's browser, where this process runs beside one.

use std::process::{Command, Stdio};

use url::Url;

/// What says that this process was started from another computer.
const REMOTE: [&str; 3] = ["SSH_CONNECTION", "SSH_CLIENT", "SSH_TTY"];
/// What says that there is a desktop here, where there may be none.
const DESKTOP: [&str; 3] = ["DISPLAY", "WAYLAND_DISPLAY", "BROWSER"];

/// Whether a browser that is opened here would be before the user's eyes: not over SSH, and on a desktop.
pub fn is_browser_here() -> bool {
    is_here(&|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))
}

fn is_here(is_set: &dyn Fn(&str) -> bool) -> bool {
    let always_desktop = cfg!(any(windows, target_os = "macos"));
    !REMOTE.into_iter().any(is_set) && (always_desktop || DESKTOP.into_iter().any(is_set))
}

/// Opens `url` as the desktop does. Whether something was started that says it will. Other users of this computer may see the address, among
/// the arguments of that.
pub fn open_in_browser(url: &Url) -> bool {
    let (opener, before): (&str, &[&str]) = if cfg!(target_os = "macos") {
        ("open", &[])
    } else if cfg!(windows) {
        ("rundll32", &["url.dll,FileProtocolHandler"])
    } else {
        ("xdg-open", &[])
    };
    let started = Command::new(opener)
        .args(before)
        .arg(url.as_str())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    match started {
        Ok(mut child) => {
            // Nothing of this process is left behind when the opener is done.
            std::thread::spawn(move || child.wait());
            true
        }
        Err(error) => {
            tracing::debug!(%error, opener, "no browser was opened");
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    /// Attacks: LI59.
    #[rstest]
    #[case(&["DISPLAY"], true)]
    #[case(&["WAYLAND_DISPLAY"], true)]
    #[case(&["DISPLAY", "SSH_CONNECTION"], false)]
    #[case(&["SSH_TTY"], false)]
    fn a_browser_is_opened_where_the_person_sits(#[case] set: &[&str], #[case] here: bool) {
        assert_eq!(is_here(&|name| set.contains(&name)), here);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn without_a_desktop_there_is_no_browser() {
        assert!(!is_here(&|_| false));
    }
}
