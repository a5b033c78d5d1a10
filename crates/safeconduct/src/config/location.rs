//! Where a database is: what may be written as its URL, where its password comes from, and how it is named to people, which is
//! without the password. What the parameters behind a `?` mean is the driver's.

use std::fmt;
use std::path::{Path, PathBuf};

use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use safeconduct_protocol::secret::Secret;

use super::secret_file;

/// The database of a configuration, or one that a command was told.
#[derive(Clone)]
pub(crate) enum Location {
    /// A file, for one node.
    Sqlite(PathBuf),
    /// A server, for any number of nodes.
    Postgres(Postgres),
}

/// A database on a PostgreSQL server.
#[derive(Clone)]
pub(crate) struct Postgres {
    /// What stands before the user: `postgres://`.
    scheme: &'static str,
    user: String,
    /// As it stood in the URL, percent-encoded.
    password: Option<Secret>,
    password_file: Option<PathBuf>,
    /// The hosts, the name of the database and the parameters: `db.example.com/safeconduct?sslmode=verify-full`.
    rest: String,
}

/// Why a text is no location: what is wrong and what to do. It never repeats the text, which may hold a password.
pub(crate) struct Misnamed {
    pub(crate) message: &'static str,
    pub(crate) advice: &'static str,
}

impl Location {
    /// The location that `url` names. A relative path stays relative.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn parse(url: &str) -> Result<Self, Misnamed> {
        for scheme in ["postgres://", "postgresql://"] {
            if let Some(rest) = url.strip_prefix(scheme) {
                return Postgres::parse(scheme, rest).map(Self::Postgres);
            }
        }
        let path = url.strip_prefix("sqlite:").unwrap_or_default();
        let path = path.strip_prefix("//").unwrap_or(path);
        if path.is_empty() || path.contains('?') || path == ":memory:" {
            return Err(Misnamed {
                message: "names no database",
                advice: "write sqlite:/var/lib/safeconduct/safeconduct.db or postgres://safeconduct@db.example.com/safeconduct",
            });
        }
        Ok(Self::Sqlite(PathBuf::from(path)))
    }

    /// The SQLite file, where it is one.
    pub(crate) fn file(&self) -> Option<&Path> {
        match self {
            Self::Sqlite(path) => Some(path),
            Self::Postgres(_) => None,
        }
    }

    /// Whether the URL itself holds the password.
    pub(crate) fn has_password(&self) -> bool {
        matches!(self, Self::Postgres(postgres) if postgres.password.is_some() || postgres.names_password())
    }

    /// The same with the password in the file at `path`, which is read when the database is opened. SQLite has none.
    pub(crate) fn with_password_file(self, path: Option<PathBuf>) -> Self {
        match self {
            Self::Postgres(postgres) => Self::Postgres(Postgres {
                password_file: path,
                ..postgres
            }),
            sqlite => sqlite,
        }
    }

    /// The URL by which the store opens it, with the password.
    ///
    /// # Errors
    /// The file of the password can't be read, or everyone on this machine can read it: what is wrong, and what to do.
    pub(crate) fn url(&self) -> Result<Secret, (String, String)> {
        match self {
            Self::Sqlite(path) => Ok(Secret::new(format!("sqlite:{}", path.display()))),
            Self::Postgres(postgres) => postgres.url(),
        }
    }
}

/// As people may see it.
impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => path.display().fmt(f),
            Self::Postgres(Postgres {
                scheme, user, rest, ..
            }) => {
                let shown = if self.has_password() {
                    rest.split('?').next().unwrap_or_default()
                } else {
                    rest
                };
                write!(f, "{scheme}{user}@{shown}")
            }
        }
    }
}

impl Postgres {
    fn parse(scheme: &'static str, text: &str) -> Result<Self, Misnamed> {
        let incomplete = Misnamed {
            message: "lacks a user, a host or a database",
            advice: "write postgres://USER@HOST/NAME; in a user or a password, `/`, `@`, `:` and `%` are written %2F, %40, %3A and %25",
        };
        let authority_end = text.find(['/', '?', '#']).unwrap_or(text.len());
        let (authority, path) = text.split_at(authority_end);
        let name = path.split('?').next().unwrap_or_default();
        let Some((credentials, hosts)) = authority.rsplit_once('@') else {
            return Err(incomplete);
        };
        let (user, password) = match credentials.split_once(':') {
            Some((user, password)) => (user, Some(password)),
            None => (credentials, None),
        };
        // A socket's directory may be named by a parameter instead.
        let has_host = !hosts.is_empty() || path.contains("host=");
        if user.is_empty() || !has_host || name.len() < 2 || text.contains('#') {
            return Err(incomplete);
        }
        Ok(Self {
            scheme,
            user: user.to_owned(),
            password: password.map(Secret::new),
            password_file: None,
            rest: format!("{hosts}{path}"),
        })
    }

    /// Whether a parameter of the URL is the password.
    fn names_password(&self) -> bool {
        let parameters = self.rest.split_once('?').map_or("", |(_, after)| after);
        parameters
            .split('&')
            .filter_map(|one| one.split('=').next())
            .any(|name| percent_decode_str(name).eq(*b"password"))
    }

    fn url(&self) -> Result<Secret, (String, String)> {
        let Self {
            scheme, user, rest, ..
        } = self;
        let password = match (&self.password_file, &self.password) {
            (Some(path), _) => {
                let password = secret_file::read(path)?;
                Some(Secret::new(
                    utf8_percent_encode(password.expose(), NON_ALPHANUMERIC).to_string(),
                ))
            }
            (None, password) => password.clone(),
        };
        Ok(Secret::new(match password {
            Some(password) => format!("{scheme}{user}:{}@{rest}", password.expose()),
            None => format!("{scheme}{user}@{rest}"),
        }))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use rstest::rstest;

    use super::*;

    fn parse(url: &str) -> Location {
        Location::parse(url).unwrap_or_else(|misnamed| panic!("{url}: {}", misnamed.message))
    }

    #[rstest]
    #[case("sqlite:safeconduct.db", "safeconduct.db")]
    #[case("sqlite:///var/lib/sc.db", "/var/lib/sc.db")]
    #[case("postgres://ada@db/sc", "postgres://ada@db/sc")]
    #[case(
        "postgresql://ada@one:5432,two:5433/sc?sslmode=verify-full",
        "postgresql://ada@one:5432,two:5433/sc?sslmode=verify-full"
    )]
    #[case("postgres://ada:hush@db/sc?sslmode=require", "postgres://ada@db/sc")]
    #[case("postgres://ada@db/sc?password=hush", "postgres://ada@db/sc")]
    #[case(
        "postgres://ada@/sc?host=/run/postgresql",
        "postgres://ada@/sc?host=/run/postgresql"
    )]
    #[case(
        "postgres://ada@%2Frun%2Fpostgresql/sc",
        "postgres://ada@%2Frun%2Fpostgresql/sc"
    )]
    fn a_location_is_shown_without_its_password(#[case] url: &str, #[case] shown: &str) {
        let location = parse(url);
        assert_eq!(location.to_string(), shown);
        assert_eq!(location.has_password(), url.contains("hush"));
        let opened = location.url().unwrap();
        assert_eq!(
            opened.expose().replace("sqlite:", ""),
            url.replace("sqlite://", "").replace("sqlite:", "")
        );
    }

    #[rstest]
    #[case("")]
    #[case("mysql://ada@db/sc")]
    #[case("sqlite:")]
    #[case("sqlite::memory:")]
    #[case("sqlite:a.db?mode=memory")]
    #[case("postgres://db/sc")]
    #[case("postgres://ada@/sc")]
    #[case("postgres://:hush@db/sc")]
    #[case("postgres://ada@db")]
    #[case("postgres://ada@db/")]
    #[case("postgres://ada@db/?sslmode=require")]
    #[case("postgres://ada:ha#sh@db/sc")]
    fn what_names_no_database_is_refused(#[case] url: &str) {
        let misnamed = Location::parse(url).err();
        assert!(
            misnamed.is_some_and(|misnamed| !misnamed.advice.is_empty()),
            "{url}"
        );
    }

    #[test]
    fn a_password_from_a_file_may_hold_any_character() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("database.password");
        std::fs::write(&path, "a/b@c:d%e f\n").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        let location = parse("postgres://ada@db/sc").with_password_file(Some(path.clone()));
        assert_eq!(
            location.url().unwrap().expose(),
            "postgres://ada:a%2Fb%40c%3Ad%25e%20f@db/sc"
        );
        assert_eq!(location.to_string(), "postgres://ada@db/sc");

        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        let (message, advice) = location.url().err().unwrap();
        assert!(
            message.ends_with("can be read by everyone on this machine"),
            "{message}"
        );
        assert!(!format!("{message}{advice}").contains("a/b"), "{advice}");
    }
}
