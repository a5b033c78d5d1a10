//! The promise that holds the whole together: granted ⊆ requested ∩ registered ∩ consented, from the first redirect to the last token.

use proptest::prelude::*;
use proptest::sample::subsequence;
use safeconduct_protocol::{
    authorization::{Next, PendingAuthorization, SignedInUser},
    client::{AuthenticationMethod, Client, ConsentPolicy},
    error::Reason,
    grant::{Grant, Lifetimes, NewGrant},
    refresh_token::narrow,
    scope::{OFFLINE_ACCESS, Scope},
    secret::Secret,
    token::RefreshExchange,
};

use crate::fixtures::{
    ISSUER, MAIL, NOTES, START, SUBJECTS, asking, by_password, check, client_id, confidential,
    exchange, grant_id, person, resources, returning_to, scope, session, user,
};

/// Scopes of both APIs, of none, and one that only this server gives a meaning to.
const NAMES: [&str; 6] = [
    "notes.read",
    "notes.write",
    "mail.read",
    "internal",
    "other",
    OFFLINE_ACCESS,
];
const REDIRECT_URIS: [&str; 3] = [
    "https://rp.example/cb",
    "http://127.0.0.1/cb",
    "com.example.app:/cb",
];

/// Everything that may be different about one authorization.
#[derive(Debug)]
struct Story {
    client: Client,
    requested: Scope,
    resource: Option<&'static str>,
    consented: Scope,
    /// Who answers the consent form: session and user.
    answering: SignedInUser,
    /// What the client is registered for when the code is redeemed, and later when its token is refreshed.
    registered_at_redemption: Scope,
    registered_at_refresh: Scope,
    narrowed_to: Option<Scope>,
}

fn any_scope() -> impl Strategy<Value = Scope> {
    subsequence(NAMES.to_vec(), 0..=NAMES.len()).prop_map(|names| scope(&names.join(" ")))
}

/// Mostly everything, so that most stories come to their end.
fn wide_scope() -> impl Strategy<Value = Scope> {
    prop_oneof![3 => Just(scope(&NAMES.join(" "))), 2 => any_scope()]
}

fn any_client() -> impl Strategy<Value = Client> {
    let policy = prop_oneof![
        3 => Just(ConsentPolicy::Remember),
        1 => Just(ConsentPolicy::Always),
        1 => Just(ConsentPolicy::Never),
    ];
    let redirect_uri = proptest::sample::select(REDIRECT_URIS.to_vec());
    let authentication = proptest::sample::select(vec![
        AuthenticationMethod::ClientSecretBasic,
        AuthenticationMethod::None,
    ]);
    (wide_scope(), policy, redirect_uri, authentication).prop_map(
        |(scopes, consent, redirect_uri, authentication)| Client {
            scopes,
            consent,
            authentication,
            ..returning_to(redirect_uri, confidential())
        },
    )
}

fn anybody() -> impl Strategy<Value = SignedInUser> {
    prop_oneof![8 => Just((1, 1)), 1 => Just((2, 1)), 1 => Just((1, 2)), 1 => Just((2, 2))]
        .prop_map(|(sid, sub)| SignedInUser {
            session: session(sid),
            user: user(sub),
            ..person("")
        })
}

fn any_story() -> impl Strategy<Value = Story> {
    let resource = proptest::sample::select(vec![None, Some(NOTES), Some(MAIL), Some(ISSUER)]);
    let later = (
        wide_scope(),
        wide_scope(),
        proptest::option::of(any_scope()),
    );
    (
        any_client(),
        any_scope(),
        resource,
        any_scope(),
        anybody(),
        later,
    )
        .prop_map(
            |(client, requested, resource, consented, answering, later)| Story {
                client,
                requested,
                resource,
                consented,
                answering,
                registered_at_redemption: later.0,
                registered_at_refresh: later.1,
                narrowed_to: later.2,
            },
        )
}

/// What came of it.
enum Outcome {
    /// The request was refused.
    Refused(Reason),
    /// The consent form was answered by somebody else.
    NotTheirs,
    /// The code bought nothing.
    Ended,
    /// A grant, the scope of its first token, of its next one, and what the person had allowed by then.
    Granted {
        grant: Box<NewGrant>,
        first: Scope,
        next: Result<Scope, Reason>,
        allowed: Scope,
    },
}

/// Asks the person, where that is due, and says what they have allowed once they said yes; `None` if somebody else answers.
fn consent(story: &Story, pending: &PendingAuthorization) -> Option<Scope> {
    let person = SignedInUser {
        consented: story.consented.clone(),
        ..person("")
    };
    let next = pending.next(&story.client, Some(&person), &SUBJECTS);
    match next.unwrap() {
        Next::SignIn
        | Next::SignUp
        | Next::Reauthenticate
        | Next::SelectAccount
        | Next::SecondFactor(_)
        | Next::Enrol(_) => {
            unreachable!("the person is signed in, and nothing else is asked of them")
        }
        Next::Issue(_) if story.client.consent == ConsentPolicy::Never => {
            Some(story.requested.clone())
        }
        Next::Issue(_) => Some(story.consented.clone()),
        Next::Consent { new, already } => {
            assert!(
                already.is_within(&story.consented),
                "nothing is said to be allowed that was not"
            );
            assert!(
                new.intersection(&already).is_empty(),
                "nothing is asked twice"
            );
            let form = pending.clone().asked(&person);
            form.answered_by(Some(&story.answering)).ok()?;
            Some(new.union(&already))
        }
    }
}

fn tell(story: &Story) -> Outcome {
    let redirect_uri = story.client.redirect_uris[0].as_str();
    let requested = story.requested.to_string();
    let asked = asking(&[
        ("redirect_uri", redirect_uri),
        ("scope", &requested),
        ("resource", story.resource.unwrap_or("")),
    ]);
    let request = match check(&asked, &story.client) {
        Ok(request) => request,
        Err(refused) => return Outcome::Refused(refused.reason()),
    };
    let pending = PendingAuthorization::arrive(request, String::new(), grant_id(), 1);
    let Some(allowed) = consent(story, &pending) else {
        return Outcome::NotTheirs;
    };
    let code = pending.issue(&person(""), by_password(100), START);
    let client = Client {
        scopes: story.registered_at_redemption.clone(),
        ..story.client.clone()
    };
    let mut exchange = exchange();
    exchange.redirect_uri = Some(redirect_uri.to_owned());
    let Ok(new) = code.redeem(&client, &exchange, None, &Lifetimes::default(), START) else {
        return Outcome::Ended;
    };
    let grant = Grant::of(&new);
    let first = grant.scope_for(&client, None);
    let client = Client {
        scopes: story.registered_at_refresh.clone(),
        ..client
    };
    let exchange = RefreshExchange {
        refresh_token: Secret::new("sc_rt_sealed"),
        scope: story.narrowed_to.clone(),
        resource: None,
    };
    let next = narrow(&grant, &client, &exchange, None).map_err(|refusal| refusal.reason());
    Outcome::Granted {
        grant: Box::new(new),
        first,
        next,
        allowed,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Attacks: Q13.
    #[test]
    fn granted_is_within_requested_registered_and_consented(story in any_story()) {
        let registered = &story.client.scopes;
        match tell(&story) {
            Outcome::Refused(because) => {
                let nothing_left = story.requested.intersection(registered).is_empty();
                if !story.requested.is_empty() {
                    prop_assert_eq!(because == Reason::ScopeNotRegistered, nothing_left);
                }
            }
            Outcome::NotTheirs => {
                let asked = person("");
                prop_assert!((story.answering.session, story.answering.user) != (asked.session, asked.user));
            }
            Outcome::Ended => {
                let left = story
                    .requested
                    .intersection(registered)
                    .intersection(&story.registered_at_redemption);
                prop_assert!(left.is_empty(), "a code is worth something as long as the client may have anything of it");
            }
            Outcome::Granted { grant, first, next, allowed } => {
                prop_assert!(!grant.scope.is_empty());
                prop_assert!(grant.scope.is_within(&story.requested));
                prop_assert!(grant.scope.is_within(registered));
                prop_assert!(grant.scope.is_within(&story.registered_at_redemption));
                prop_assert!(grant.scope.is_within(&allowed));
                prop_assert_eq!(&first, &grant.scope);
                if let Ok(next) = next {
                    prop_assert!(!next.is_empty());
                    prop_assert!(next.is_within(&grant.scope));
                    prop_assert!(next.is_within(&story.registered_at_refresh));
                    prop_assert!(story.narrowed_to.as_ref().is_none_or(|narrowed| next.is_within(narrowed)));
                }
            }
        }
    }

    #[test]
    fn a_token_is_for_one_audience_that_owns_what_it_carries(story in any_story()) {
        if let Outcome::Granted { grant, .. } = tell(&story) {
            prop_assert!(story.resource.is_none_or(|asked| asked == grant.audience));
            for resource in resources().iter() {
                let given = story.requested.intersection(&story.client.scopes);
                let of_it = given.intersection(&resource.scopes);
                let is_for_it = resource.uri.as_str() == grant.audience;
                prop_assert_eq!(!of_it.is_empty(), is_for_it);
            }
        }
    }

    /// Attacks: C04.
    #[test]
    fn nobody_else_redeems_a_code(story in any_story(), who in "[a-z]{1,8}") {
        prop_assume!(who != "shop");
        let thief = Story {
            client: Client { consent: ConsentPolicy::Never, ..story.client.clone() },
            ..story
        };
        let redirect_uri = thief.client.redirect_uris[0].as_str();
        let asked = asking(&[("redirect_uri", redirect_uri), ("scope", &thief.requested.to_string())]);
        if let Ok(request) = check(&asked, &thief.client) {
            let code = PendingAuthorization::arrive(request, String::new(), grant_id(), 1)
                .issue(&person(""), by_password(100), START);
            let other = Client { id: client_id(&who), ..thief.client.clone() };
            let refused = code.redeem(&other, &exchange(), None, &Lifetimes::default(), START);
            prop_assert_eq!(refused.map_err(|refusal| refusal.reason()), Err(Reason::CodeOfAnotherClient));
        }
    }
}

/// A property that no story reaches would hold for nothing.
#[test]
fn most_stories_come_to_their_end() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;

    let mut runner = TestRunner::deterministic();
    let mut ends = [0; 5];
    for _ in 0..1_000 {
        let story = any_story().new_tree(&mut runner).unwrap().current();
        let end = match tell(&story) {
            Outcome::Refused(_) => 0,
            Outcome::NotTheirs => 1,
            Outcome::Ended => 2,
            Outcome::Granted { next: Err(_), .. } => 3,
            Outcome::Granted { next: Ok(_), .. } => 4,
        };
        ends[end] += 1;
    }
    assert!(ends.iter().all(|&stories| stories >= 10), "{ends:?}");
}
