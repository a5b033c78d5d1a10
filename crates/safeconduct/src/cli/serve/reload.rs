//! What changes in a server that runs, when its files do or an operator says so.

use tokio::time::{MissedTickBehavior, interval};

use super::certificate::{PACE, ShownCertificate};
use super::signals::Hangups;
use crate::cli::supervisor;

/// What can be read again.
pub(super) struct Reload {
    pub(super) certificate: Option<ShownCertificate>,
}

impl Reload {
    /// Looks at the files from time to time, and reads them again at each hangup, one after the other.
    pub(super) async fn run(mut self, mut hangups: Hangups) {
        let mut ticks = interval(PACE);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = hangups.next() => {
                    supervisor::reloading();
                    self.reload();
                    supervisor::ready();
                }
                _ = ticks.tick() => {
                    if let Some(certificate) = &mut self.certificate {
                        certificate.look();
                    }
                }
            }
        }
    }

    fn reload(&mut self) {
        let reloaded = match &mut self.certificate {
            Some(certificate) => certificate.reload(),
            None => Ok(()),
        };
        match reloaded {
            Ok(()) => tracing::info!("reloaded"),
            Err(_) => tracing::warn!("not reloaded: everything stays as it was"),
        }
    }
}
