//! Which browser the console answers. Whoever has a program on this computer can send it requests, and any page of the web can send a browser
//! to it; so it answers the one browser that came first with the address that the terminal shows.
//!
//! That address carries a secret, which dies at its first use and gives the browser a cookie. Browsers send cookies of a host to all of its
//! ports (RFC 6265 §8.5), where other programs of this computer may listen; so every page lies below a path that nobody can guess, and the cookie
//! goes there alone. Cookie, path and forms are this process's own.

use std::collections::{HashSet, VecDeque};
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use http::HeaderMap;
use http::header::{COOKIE, HOST, ORIGIN};
use safeconduct_client::Secret;
use safeconduct_protocol::cookie::{self, Sent};
use safeconduct_protocol::encoding;
use safeconduct_protocol::random;

/// The cookie of the one browser.
const NAME: &str = "sc-console";
/// How many pages with forms may be open: of more, those shown first can't be sent any more.
const MOST_FORMS: usize = 4096;

/// The address of the console, and what its one browser has.
pub(crate) struct Binding {
    host: String,
    origin: String,
    base: String,
    cookie: Secret,
    /// What opens it to a browser, until one has come.
    opening: Mutex<Option<Secret>>,
    forms: Mutex<Forms>,
}

/// The tokens of forms that were shown and not yet sent.
#[derive(Default)]
struct Forms {
    unsent: HashSet<String>,
    in_order: VecDeque<String>,
}

impl Binding {
    /// A console at `address`, which no browser has opened yet.
    pub(crate) fn new(address: SocketAddr) -> Self {
        let host = address.to_string();
        Self {
            origin: format!("http://{host}"),
            host,
            base: format!("/{}", encoding::encode(&random::bytes::<16>())),
            cookie: Secret::generate(),
            opening: Mutex::new(None),
            forms: Mutex::default(),
        }
    }

    /// Scheme, host and port.
    pub(crate) fn origin(&self) -> &str {
        &self.origin
    }

    /// The path below which all pages are.
    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    /// The secret that opens the console to one browser, in place of the one before.
    pub(crate) fn open(&self) -> Secret {
        let secret = Secret::generate();
        *lock(&self.opening) = Some(secret.clone());
        secret
    }

    /// Whether `secret` opens the console: it does so once.
    pub(crate) fn is_opened_by(&self, secret: &str) -> bool {
        let mut opening = lock(&self.opening);
        let opens = (opening.as_ref()).is_some_and(|opening| is_same(opening, secret));
        if opens {
            *opening = None;
        }
        opens
    }

    /// The cookie that its browser keeps until it is closed.
    pub(crate) fn set_cookie(&self) -> String {
        format!(
            "{NAME}={}; Path={}; HttpOnly; SameSite=Lax",
            self.cookie.expose(),
            self.base
        )
    }

    /// Whether a request comes from its browser.
    pub(crate) fn is_known(&self, headers: &HeaderMap) -> bool {
        let values = headers.get_all(COOKIE).iter();
        match cookie::sent(values.map(|value| value.as_bytes()), NAME) {
            Sent::Value(value) => is_same(&self.cookie, value),
            Sent::Nothing | Sent::Unreadable | Sent::Several => false,
        }
    }

    /// Whether a request names the console as its address does: another name that leads here is one that somebody else can bind anew.
    pub(crate) fn is_named(&self, headers: &HeaderMap) -> bool {
        let mut names = headers.get_all(HOST).iter();
        let named = names.next().is_some_and(|name| *name == self.host);
        named && names.next().is_none()
    }

    /// Whether a form was sent by a page of the console, as far as its browser says.
    pub(crate) fn is_sent_from_here(&self, headers: &HeaderMap) -> bool {
        let mut origins = headers.get_all(ORIGIN).iter();
        let origin = origins.next().is_some_and(|origin| *origin == self.origin);
        let site = headers.get("sec-fetch-site");
        let site = site.is_none_or(|site| *site == "same-origin");
        origin && site && origins.next().is_none()
    }

    /// Lets the forms of a page that is shown be sent, one of them, once.
    pub(crate) fn offer(&self, token: String) {
        let mut forms = lock(&self.forms);
        if forms.in_order.len() >= MOST_FORMS
            && let Some(oldest) = forms.in_order.pop_front()
        {
            forms.unsent.remove(&oldest);
        }
        forms.in_order.push_back(token.clone());
        forms.unsent.insert(token);
    }

    /// Whether a form with this token may be sent; no other one with it may then.
    pub(crate) fn take(&self, token: &str) -> bool {
        lock(&self.forms).unsent.remove(token)
    }
}

fn is_same(secret: &Secret, sent: &str) -> bool {
    encoding::constant_time_eq(secret.expose().as_bytes(), sent.as_bytes())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;

    use rstest::rstest;

    use super::*;

    fn binding() -> Binding {
        Binding::new(SocketAddr::from(([127, 0, 0, 1], 8423)))
    }

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    /// How many of 64 threads that try at once succeed.
    fn successes(attempt: impl Fn() -> bool + Sync) -> usize {
        let (barrier, won) = (Barrier::new(64), AtomicUsize::new(0));
        thread::scope(|scope| {
            for _ in 0..64 {
                scope.spawn(|| {
                    barrier.wait();
                    won.fetch_add(usize::from(attempt()), Ordering::Relaxed);
                });
            }
        });
        won.into_inner()
    }

    #[test]
    fn an_address_opens_the_console_to_one_browser() {
        let binding = binding();
        assert!(!binding.is_opened_by(""));
        let first = binding.open();
        let secret = binding.open();
        assert!(!binding.is_opened_by(first.expose()), "another was shown");
        assert!(!binding.is_opened_by(&secret.expose()[1..]));
        assert_eq!(successes(|| binding.is_opened_by(secret.expose())), 1);
    }

    /// Attacks: AD53.
    #[test]
    fn a_form_is_sent_once() {
        let binding = binding();
        binding.offer("a".to_owned());
        assert!(!binding.take("b"));
        assert_eq!(successes(|| binding.take("a")), 1);
        for number in 0..=MOST_FORMS {
            binding.offer(number.to_string());
        }
        assert!(!binding.take("0") && binding.take("1"));
    }

    #[test]
    fn a_browser_is_known_by_its_cookie_at_this_process_alone() {
        let binding = binding();
        let set = binding.set_cookie();
        let (pair, rest) = set.split_once(';').unwrap();
        assert!(rest.contains(&format!("Path={};", binding.base())));
        assert!(binding.is_known(&headers(&[("cookie", pair)])));
        assert!(binding.is_known(&headers(&[("cookie", "a=b"), ("cookie", pair)])));
        let planted = format!("{pair}; sc-console=x");
        for wrong in ["", "sc-console=", planted.as_str(), &pair[..pair.len() - 1]] {
            assert!(!binding.is_known(&headers(&[("cookie", wrong)])), "{wrong}");
        }
        assert!(!self::binding().is_known(&headers(&[("cookie", pair)])));
    }

    #[rstest]
    #[case::its_own(&[("host", "127.0.0.1:8423")], true)]
    #[case::a_name_that_leads_here(&[("host", "localhost:8423")], false)]
    #[case::bound_anew(&[("host", "evil.example:8423")], false)]
    #[case::without_its_port(&[("host", "127.0.0.1")], false)]
    #[case::two(&[("host", "127.0.0.1:8423"), ("host", "evil.example")], false)]
    #[case::none(&[], false)]
    fn it_is_called_by_its_address(#[case] sent: &[(&'static str, &str)], #[case] expected: bool) {
        assert_eq!(binding().is_named(&headers(sent)), expected);
    }

    /// Attacks: AD53.
    #[rstest]
    #[case::of_a_page_here(&[("origin", "http://127.0.0.1:8423"), ("sec-fetch-site", "same-origin")], true)]
    #[case::of_an_old_browser(&[("origin", "http://127.0.0.1:8423")], true)]
    #[case::of_another_port(&[("origin", "http://127.0.0.1:8424"), ("sec-fetch-site", "same-site")], false)]
    #[case::of_a_page_elsewhere(&[("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")], false)]
    #[case::that_hides_where(&[("origin", "null"), ("sec-fetch-site", "cross-site")], false)]
    #[case::that_says_two_things(&[("origin", "http://127.0.0.1:8423"), ("sec-fetch-site", "cross-site")], false)]
    #[case::with_two_origins(&[("origin", "http://127.0.0.1:8423"), ("origin", "https://evil.example")], false)]
    #[case::without_any(&[("sec-fetch-site", "same-origin")], false)]
    fn a_form_comes_from_a_page_of_this_console(
        #[case] sent: &[(&'static str, &str)],
        #[case] expected: bool,
    ) {
        assert_eq!(binding().is_sent_from_here(&headers(sent)), expected);
    }
}
