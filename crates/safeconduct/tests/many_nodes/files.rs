//! The files of `deploy/`, which the guide shows and a machine of its own would have, with the guide's addresses replaced by
//! those of this machine: 127.0.0.11 is the first node, as 10.0.0.11 is there.

use std::path::Path;

pub(crate) const HAPROXY: &str = include_str!("../../../../deploy/many-nodes/haproxy.cfg");
pub(crate) const CONFIGURATION: &str =
    include_str!("../../../../deploy/many-nodes/safeconduct.toml");
pub(crate) const NODE: &str = include_str!("../../../../deploy/many-nodes/node.env");
pub(crate) const DATABASE: &str = include_str!("../../../../deploy/many-nodes/database.sql");
pub(crate) const POSTGRESQL: &str = include_str!("../../../../deploy/many-nodes/postgresql.conf");
pub(crate) const ACCESS: &str = include_str!("../../../../deploy/many-nodes/pg_hba.conf");
const SERVICE: &str = include_str!("../../../../deploy/safeconduct.service");

const GUIDE: &str = include_str!("../../../../docs/guides/many-nodes.md");

/// What the set-up has to be told about this machine.
pub(crate) struct Here<'h> {
    /// Where its files are.
    pub(crate) directory: &'h Path,
    pub(crate) https: u16,
    pub(crate) http: u16,
    pub(crate) public: u16,
    pub(crate) admin: u16,
    /// The hosts of the database in its URL.
    pub(crate) databases: &'h str,
}

impl Here<'_> {
    /// A file of the set-up as it has to be here, without its comments.
    pub(crate) fn adapt(&self, file: &str) -> String {
        let in_directory = |name: &str| self.directory.join(name).display().to_string();
        let replacements = [
            ("10.0.0.21,10.0.0.22", self.databases.to_owned()),
            ("10.0.0.0/24", "127.0.0.1/32".to_owned()),
            ("10.0.0.10:443", format!("10.0.0.10:{}", self.https)),
            ("10.0.0.10:80", format!("10.0.0.10:{}", self.http)),
            ("8420", self.public.to_string()),
            ("8429", self.admin.to_string()),
            // Else the proxy would come from 127.0.0.1, as everybody here does.
            (
                "default-server check",
                "default-server source 10.0.0.10 check".to_owned(),
            ),
            ("10.0.0.", "127.0.0.".to_owned()),
            ("/etc/haproxy/id.example.com.pem", in_directory("proxy.pem")),
            ("/etc/safeconduct/database-ca.pem", in_directory("ca.pem")),
        ];
        let replace = |text: String, (guide, here): &(&str, String)| text.replace(guide, here);
        let text: Vec<_> = lines(file).collect();
        let adapted = replacements.iter().fold(text.join("\n") + "\n", replace);
        assert!(
            !adapted.contains("/etc/"),
            "what is there on this machine? {adapted}"
        );
        adapted
    }
}

/// A file without its comments.
pub(crate) fn lines(file: &str) -> impl Iterator<Item = &str> {
    let lines = file.lines().map(str::trim);
    lines.filter(|line| !line.is_empty() && !line.starts_with('#'))
}

#[test]
fn the_guide_shows_the_files_that_the_tests_start() {
    for (name, file) in [
        ("deploy/safeconduct.service", SERVICE),
        ("deploy/many-nodes/safeconduct.toml", CONFIGURATION),
        ("deploy/many-nodes/node.env", NODE),
        ("deploy/many-nodes/haproxy.cfg", HAPROXY),
        ("deploy/many-nodes/postgresql.conf", POSTGRESQL),
        ("deploy/many-nodes/pg_hba.conf", ACCESS),
        ("deploy/many-nodes/database.sql", DATABASE),
    ] {
        assert!(
            GUIDE.contains(&format!("../../{name}")),
            "the guide does not link to {name}"
        );
        let shown = GUIDE.contains(&format!("\n{file}```\n"));
        assert!(shown || file == SERVICE, "the guide shows another {name}");
    }
}
