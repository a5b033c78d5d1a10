//! The last refusals of this node, for who asks what goes wrong just now: in memory, few, and gone with the process. The log has all.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::response::Response;
use safeconduct_protocol::{
    error::{Reason, Refusal},
    sent,
    time::Timestamp,
};

/// How many are kept.
const KEPT: usize = 100;
/// The longest detail that is kept, in bytes.
const LONGEST_DETAIL: usize = 300;

/// Marks an answer as a refusal, on its way to where the request is known by its correlation id.
#[derive(Clone)]
pub(crate) struct Marked {
    reason: Reason,
    detail: Option<String>,
}

/// `response`, marked as what `refusal` was answered with.
pub(crate) fn marked(response: Response, refusal: &Refusal) -> Response {
    with_mark(response, refusal.reason(), refusal.detail())
}

/// `response`, marked as a refusal for this reason.
pub(crate) fn with_mark(mut response: Response, reason: Reason, detail: Option<&str>) -> Response {
    let detail = detail.map(|detail| sent::plain(detail, LONGEST_DETAIL));
    response.extensions_mut().insert(Marked { reason, detail });
    response
}

/// A request that was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RecentRefusal {
    /// When.
    pub(crate) at: Timestamp,
    /// Why.
    pub(crate) reason: Reason,
    /// What it was this time, as the log has it.
    pub(crate) detail: Option<String>,
    /// The name of the request.
    pub(crate) correlation_id: String,
    /// Its method.
    pub(crate) method: &'static str,
    /// The address that it was for, with `{names}`.
    pub(crate) route: String,
    /// From where it came.
    pub(crate) address: Option<IpAddr>,
}

impl Marked {
    /// The refusal of the request that is described by the rest.
    pub(crate) fn of(
        &self,
        at: Timestamp,
        (correlation_id, method, route): (&str, &'static str, &str),
        address: Option<IpAddr>,
    ) -> RecentRefusal {
        RecentRefusal {
            at,
            reason: self.reason,
            detail: self.detail.clone(),
            correlation_id: correlation_id.to_owned(),
            method,
            route: route.to_owned(),
            address,
        }
    }
}

/// The last ones, the newest first. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct LastRefusals(Arc<Mutex<VecDeque<RecentRefusal>>>);

impl LastRefusals {
    /// Keeps one more, and forgets the oldest where there are enough.
    pub(crate) fn keep(&self, refusal: RecentRefusal) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.truncate(KEPT - 1);
        kept.push_front(refusal);
    }

    /// All that are kept.
    pub(crate) fn all(&self) -> Vec<RecentRefusal> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_are_kept_and_come_first() {
        let last = LastRefusals::default();
        for number in 0..250 {
            let marked = Marked {
                reason: Reason::NotFound,
                detail: None,
            };
            let at = Timestamp::from_seconds(number);
            last.keep(marked.of(at, ("c", "GET", "/"), None));
        }
        let kept: Vec<i64> = last.all().iter().map(|one| one.at.seconds()).collect();
        assert_eq!(kept, (150..250).rev().collect::<Vec<_>>());
    }

    #[test]
    fn a_detail_is_plain_and_short() {
        let response = with_mark(
            Response::default(),
            Reason::NotFound,
            Some(&format!("a\u{1b}[2J{}", "x".repeat(1_000))),
        );
        let marked = response.extensions().get::<Marked>().unwrap();
        let detail = marked.detail.as_deref().unwrap();
        assert!(detail.len() <= LONGEST_DETAIL + 8, "{}", detail.len());
        assert!(!detail.contains('\u{1b}'), "{detail}");
    }
}
