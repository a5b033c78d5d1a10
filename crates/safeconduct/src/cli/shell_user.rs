//! Who runs a command, as events name them: by what the machine knows of the process. What the environment says can be set by whoever
//! runs it, so it is told beside that and never in its place.

use safeconduct_store::By;

/// Where sudo and doas say who called them.
const CALLERS: [&str; 2] = ["SUDO_USER", "DOAS_USER"];

/// Whoever runs this process.
pub(crate) fn by() -> By {
    let uid = rustix::process::geteuid().as_raw();
    let name = whoami::username().ok();
    let called_by = CALLERS.iter().find_map(|name| std::env::var(name).ok());
    By::shell(&described(uid, name.as_deref(), called_by.as_deref()))
}

fn described(uid: u32, name: Option<&str>, called_by: Option<&str>) -> String {
    let user = match name {
        Some(name) => format!("{name} (uid {uid})"),
        None => format!("uid {uid}"),
    };
    match called_by {
        Some(caller) => format!("{user}, called by {caller} as it says"),
        None => user,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_environment_says_stands_beside_what_the_machine_knows() {
        assert_eq!(described(1000, Some("ada"), None), "ada (uid 1000)");
        assert_eq!(described(1000, None, None), "uid 1000");
        assert_eq!(
            described(0, Some("root"), Some("ada")),
            "root (uid 0), called by ada as it says"
        );
    }
}
