//! What changes in a server that runs, when its files do or an operator says so: all of it, or nothing where any of it is wrong. What can't change
//! while it runs is named, and stays as it was.

use std::collections::BTreeMap;
use std::path::PathBuf;

use safeconduct_server::Server;
use safeconduct_server::keys::MasterKeys;
use safeconduct_server::listener::LiveLimits;
use safeconduct_store::By;
use serde_json::Value;
use tokio::time::{MissedTickBehavior, interval};

use super::certificate::{PACE, ShownCertificate};
use super::declarations::{Secrets, reconcile};
use super::settings::{admin_limits, limits};
use super::signals::Hangups;
use crate::cli::database::Database;
use crate::cli::failure::Failure;
use crate::cli::supervisor;
use crate::config::{self, Checked, Config, Flag, Problems};
use crate::logging::Level;

/// What is in force as soon as it was read; of everything else, the server learns at its start.
const LIVE: [&str; 8] = [
    "clients",
    "scopes",
    "resources",
    "groups",
    "server.limits.",
    "server.trusted_proxies",
    "server.tls.",
    "log.level",
];

/// Where the configuration of a server comes from.
pub(super) struct Source {
    pub(super) file: Option<PathBuf>,
    pub(super) flags: Vec<Flag>,
    pub(super) prune: bool,
}

/// What can be read again, and what it is told to.
pub(super) struct Reload {
    pub(super) source: Source,
    /// What the server was started with.
    pub(super) started: Keys,
    pub(super) server: Server,
    pub(super) masters: MasterKeys,
    pub(super) limits: LiveLimits,
    pub(super) admin_limits: LiveLimits,
    pub(super) certificate: Option<ShownCertificate>,
    pub(super) log: Level,
}

/// The values of a configuration, each by its key.
pub(super) struct Keys(BTreeMap<String, Value>);

impl Reload {
    /// Looks at the files of the certificate from time to time, and reads everything again at each hangup, one after the other.
    pub(super) async fn run(mut self, mut hangups: Hangups) {
        let mut ticks = interval(PACE);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = hangups.next() => {
                    supervisor::reloading();
                    let status = self.reload().await;
                    supervisor::reloaded(&status);
                }
                _ = ticks.tick() => {
                    if let Some(certificate) = &mut self.certificate {
                        certificate.look();
                    }
                }
            }
        }
    }

    /// Reads everything again, says what came of it in the log, and in a line for the service manager.
    async fn reload(&mut self) -> String {
        match self.take().await {
            Ok(needs_restart) => {
                self.server.telemetry().reloaded("done");
                if needs_restart.is_empty() {
                    tracing::info!("reloaded");
                    return "reloaded".to_owned();
                }
                let keys = needs_restart.join(", ");
                tracing::warn!(keys, "reloaded, but for what needs a restart");
                format!("reloaded, but for what needs a restart: {keys}")
            }
            Err(refused) => {
                self.server.telemetry().reloaded("refused");
                let first = refused.tell();
                tracing::error!("not reloaded: everything stays as it was");
                format!("not reloaded, everything stays as it was: {first}")
            }
        }
    }

    /// Puts the configuration of this moment into force. Gives the keys that changed and need a restart.
    async fn take(&mut self) -> Result<Vec<String>, Refused> {
        let source = &self.source;
        let mut checked = config::load(source.file.as_deref(), source.flags.clone())?;
        let secrets = checked.declared.secrets();
        let needs_restart = self.needs_restart(&checked);
        let certificate = match (&self.certificate, &checked.tls) {
            (Some(shown), Some(files)) => shown.judge(files).map(Some),
            _ => Ok(None),
        };
        let (secrets, certificate) = match (secrets, certificate) {
            (Ok(secrets), Ok(certificate)) => (secrets, certificate),
            (secrets, certificate) => {
                let problems = [secrets.err(), certificate.err()].into_iter().flatten();
                return Err(Problems(problems.flat_map(|problems| problems.0).collect()).into());
            }
        };
        let warnings = checked
            .warnings
            .0
            .iter()
            .chain(&secrets.warnings.0)
            .cloned();
        let warnings = Problems(warnings.collect());
        let (limits, admin_limits) = (limits(&checked), admin_limits(&checked));
        let level = checked.config.log.level.clone();
        let clients = checked.declared.clients.iter();
        let clients = clients.map(|declared| declared.client.id.clone()).collect();
        // What needs a restart is as it was, for the database as well.
        checked.issuer = self.server.settings().issuer.clone();
        self.declare(checked, secrets.of_clients).await?;

        // From here on nothing is refused.
        self.server.declare(clients);
        self.limits.set(limits);
        self.admin_limits.set(admin_limits);
        self.log.set(&level);
        if let (Some(shown), Some(judged)) = (&mut self.certificate, certificate) {
            shown.adopt(judged);
        }
        warnings.warn();
        Ok(needs_restart)
    }

    fn needs_restart(&self, checked: &Checked) -> Vec<String> {
        let turns_tls = self.certificate.is_some() != checked.tls.is_some();
        let changed = self.started.changed(&Keys::of(&checked.config));
        let is_live = |key: &String| match key.starts_with("server.tls.") {
            true => !turns_tls,
            false => LIVE.iter().any(|live| key.starts_with(live)),
        };
        changed.into_iter().filter(|key| !is_live(key)).collect()
    }

    async fn declare(
        &self,
        checked: Checked,
        secrets: Vec<Option<safeconduct_protocol::secret::Secret>>,
    ) -> Result<(), Failure> {
        let store = self.server.store().by(By::server());
        let database = Database::again(checked, store, self.masters.clone()).await?;
        let prune = self.source.prune;
        reconcile(&database, Secrets { secrets, prune }).await
    }
}

/// Why nothing of a configuration is in force.
enum Refused {
    Problems(Problems),
    Failure(Failure),
}

impl Refused {
    /// Says everything in the log; gives the beginning of it.
    fn tell(&self) -> String {
        match self {
            Self::Problems(problems) => {
                problems.warn();
                let first = problems.0.first();
                first.map_or_else(String::new, |first| {
                    format!("{}: {}", first.origin, first.message)
                })
            }
            Self::Failure(failure) => {
                let message = failure.message();
                tracing::warn!("{message}");
                message.lines().next().unwrap_or_default().to_owned()
            }
        }
    }
}

impl From<Problems> for Refused {
    fn from(problems: Problems) -> Self {
        Self::Problems(problems)
    }
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

impl Keys {
    pub(super) fn of(config: &Config) -> Self {
        let mut keys = BTreeMap::new();
        let written = serde_json::to_value(config).expect("a configuration can be written down");
        flatten(String::new(), written, &mut keys);
        Self(keys)
    }

    /// The keys that are not the same in both.
    fn changed(&self, other: &Self) -> Vec<String> {
        let all = self
            .0
            .keys()
            .chain(other.0.keys().filter(|key| !self.0.contains_key(*key)));
        let mut changed: Vec<String> = all
            .filter(|key| self.0.get(*key) != other.0.get(*key))
            .cloned()
            .collect();
        changed.sort_unstable();
        changed
    }
}

fn flatten(key: String, value: Value, keys: &mut BTreeMap<String, Value>) {
    match value {
        Value::Object(members) if !members.is_empty() => {
            for (name, value) in members {
                let below = if key.is_empty() {
                    name
                } else {
                    format!("{key}.{name}")
                };
                flatten(below, value, keys);
            }
        }
        value => {
            keys.insert(key, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Sources, check_sources};

    fn keys(text: &str) -> Keys {
        let text = format!(
            "issuer = \"https://id.example\"\nserver.trusted_proxies = [\"10.0.0.1\"]\n{text}"
        );
        let checked = check_sources(&Sources {
            file: Some(("safeconduct.toml".into(), text)),
            ..Sources::default()
        });
        Keys::of(&checked.unwrap().config)
    }

    #[test]
    fn every_key_that_is_another_is_named() {
        let before = keys("ui.name = \"Acme\"\n[groups.staff]\n");
        let after = keys(
            "tokens.access_ttl = \"2m\"\nlog.level = \"debug\"\n[groups.staff]\nrequire_second_factor = true\n",
        );
        assert_eq!(
            before.changed(&after),
            [
                "groups.staff.require_second_factor",
                "log.level",
                "tokens.access_ttl",
                "ui.name"
            ]
        );
        assert!(after.changed(&after).is_empty());
    }

    #[test]
    fn what_is_in_force_at_once_is_a_key_that_there_is() {
        let all = keys(
            "[scopes.\"a.b\"]\ntext.en = \"A\"\n[[resources]]\nuri = \"https://api.example\"\nscopes = [\"a.b\"]\n[groups.staff]\n[[clients]]\nid = \"api\"\ngrant_types = []\nsecret_file = \"s\"\n",
        );
        for live in LIVE {
            assert!(all.0.keys().any(|key| key.starts_with(live)), "{live}");
        }
    }
}
