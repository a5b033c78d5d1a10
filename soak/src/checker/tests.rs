//! Histories written by hand: those that keep every promise, and for each promise those that break it.

use std::time::Duration;

use rstest::rstest;

use super::*;
use crate::history::{
    Act, Answer, App, Artifact, Event, Fault, Identity, Meanwhile, Node, Once, Refusal, Span,
    Tokens, User,
};

const ADA: User = User(0);
const SHOP: App = App(0);
const INVALID_GRANT: Refusal = Refusal::InvalidGrant;

/// A history that is written line by line. Requests follow one another, each 10 ms long.
#[derive(Default)]
struct Script {
    now: u64,
    last: Option<Span>,
    history: History,
}

impl Script {
    /// Ada signed in, and the shop has a code for her.
    fn with_a_code() -> Self {
        Self::default()
            .then(sign_in(Answer::Granted(name("session"))))
            .then(authorize(Answer::Granted(name("code"))))
    }

    /// The shop has redeemed it.
    fn with_tokens() -> Self {
        Self::with_a_code().then(redeem(tokens("a0", "r0")))
    }

    /// And refreshed twice.
    fn with_generations() -> Self {
        Self::with_tokens()
            .then(refresh("r0", tokens("a1", "r1")))
            .then(refresh("r1", tokens("a2", "r2")))
    }

    fn then(self, act: Act) -> Self {
        let began = Duration::from_millis(self.now + 10);
        let span = Span {
            began,
            ended: began + Duration::from_millis(10),
        };
        self.during(span, act)
    }

    /// At the same time as the line before.
    fn beside(self, act: Act) -> Self {
        let span = self.last.unwrap();
        self.during(span, act)
    }

    /// The last line was at this node.
    fn at(mut self, node: Node) -> Self {
        self.history.events.last_mut().unwrap().node = Some(node);
        self
    }

    fn during(mut self, span: Span, act: Act) -> Self {
        let by_operator = matches!(
            act,
            Act::Lock { .. } | Act::Disable { .. } | Act::Enable { .. }
        );
        self.history.events.push(Event {
            node: (!by_operator).then_some(Node(0)),
            span,
            act,
        });
        self.now = u64::try_from(span.ended.as_millis()).unwrap();
        self.last = Some(span);
        self
    }

    fn wait(mut self, milliseconds: u64) -> Self {
        self.now += milliseconds;
        self
    }

    /// A fault of so many milliseconds, from now on.
    fn fault(mut self, means: Meanwhile, milliseconds: u64) -> Self {
        let began = Duration::from_millis(self.now);
        self.history.faults.push(Fault {
            name: "a fault".to_owned(),
            nodes: vec![Node(0)],
            span: Span {
                began,
                ended: began + Duration::from_millis(milliseconds),
            },
            effect: began,
            means,
        });
        self
    }

    /// The machine stands still for so many milliseconds, from now on.
    fn standstill(mut self, milliseconds: u64) -> Self {
        let began = Duration::from_millis(self.now);
        self.history.stalls.push(Span {
            began,
            ended: began + Duration::from_millis(milliseconds),
        });
        self
    }

    fn broken(self) -> Vec<Invariant> {
        let history = History::new(
            self.history.events,
            self.history.faults,
            self.history.stalls,
        );
        let violations = check(&history);
        violations
            .iter()
            .map(|violation| violation.invariant)
            .collect()
    }
}

fn name(text: &str) -> Artifact {
    Artifact::of(text)
}

fn sign_in(answer: Answer<Artifact>) -> Act {
    Act::SignIn { user: ADA, answer }
}

fn authorize(answer: Answer<Artifact>) -> Act {
    Act::Authorize {
        session: name("session"),
        app: SHOP,
        answer,
    }
}

fn redeem(answer: Answer<Tokens>) -> Act {
    Act::Redeem {
        code: name("code"),
        rightful: true,
        answer,
    }
}

fn refresh(token: &str, answer: Answer<Tokens>) -> Act {
    Act::Refresh {
        token: name(token),
        rightful: true,
        answer,
    }
}

fn introspect(token: &str, answer: Answer<Identity>) -> Act {
    Act::Introspect {
        token: name(token),
        rightful: true,
        answer,
    }
}

fn revoke(token: &str, answer: Answer<()>) -> Act {
    Act::RevokeGrant {
        token: name(token),
        answer,
    }
}

fn prove(answer: Answer<()>) -> Act {
    Act::UseOnce {
        what: Once::Proof,
        id: name("jti"),
        answer,
    }
}

fn tokens(access: &str, refresh: &str) -> Answer<Tokens> {
    Answer::Granted(Tokens {
        access: name(access),
        refresh: name(refresh),
    })
}

fn active() -> Answer<Identity> {
    Answer::Granted(Identity {
        user: Some(ADA),
        app: Some(SHOP),
    })
}

fn lock(answer: Answer<()>) -> Act {
    Act::Lock { user: ADA, answer }
}

fn disable(answer: Answer<()>) -> Act {
    Act::Disable { app: SHOP, answer }
}

fn no<T>() -> Answer<T> {
    Answer::Refused(INVALID_GRANT)
}

fn inactive() -> Answer<Identity> {
    Answer::Refused(Refusal::Inactive)
}

fn user_info(answer: Answer<Identity>) -> Act {
    Act::UserInfo {
        token: name("a0"),
        answer,
    }
}

/// The shop was disabled, enabled again, and has got new tokens.
fn enabled_again() -> Script {
    Script::default()
        .then(sign_in(Answer::Granted(name("session"))))
        .then(disable(DONE))
        .then(Act::Enable {
            app: SHOP,
            answer: DONE,
        })
        .then(authorize(Answer::Granted(name("code"))))
        .then(redeem(tokens("a0", "r0")))
}

const DONE: Answer<()> = Answer::Granted(());

#[test]
fn an_ordinary_day_breaks_nothing() {
    let day = Script::with_generations()
        .then(introspect("a0", active()))
        .then(introspect("a2", active()))
        .then(refresh("r2", Answer::Abandoned))
        .then(refresh("r2", tokens("a3", "r3")))
        .then(refresh("r2", tokens("a3'", "r3'")))
        .then(refresh("r3'", tokens("a4", "r4")))
        .then(revoke("r4", DONE))
        .then(introspect("a4", inactive()))
        .then(refresh("r4", no()));
    assert_eq!(day.broken(), []);
}

#[rstest]
#[case::one_wins_and_both_are_over(
    Script::with_a_code().then(redeem(tokens("a", "r"))).beside(redeem(no())).then(introspect("a", inactive()))
)]
#[case::the_lost_one_had_won(
    Script::with_a_code().then(redeem(Answer::Abandoned)).then(redeem(no())).then(redeem(no()))
)]
#[case::the_lost_one_comes_too_late(
    Script::with_a_code().then(redeem(Answer::Abandoned)).then(redeem(tokens("a", "r"))).then(introspect("a", inactive()))
)]
#[case::a_replay_ends_it(
    Script::with_tokens().then(redeem(no())).then(refresh("r0", no())).then(introspect("a0", inactive()))
)]
#[case::a_reuse_ends_it(
    Script::with_generations().then(refresh("r0", no())).then(refresh("r2", no()))
)]
#[case::a_revocation_without_an_answer_may_have_been_made(
    Script::with_tokens().then(revoke("r0", Answer::Abandoned)).then(introspect("a0", active()))
        .then(introspect("a0", inactive()))
)]
#[case::a_locked_user_signs_in_nowhere(
    Script::with_tokens().then(lock(DONE)).then(introspect("a0", inactive()))
        .then(sign_in(Answer::Refused(Refusal::WrongCredentials)))
)]
#[case::a_disabled_app_may_go_on_for_a_second(
    Script::with_a_code().then(disable(DONE)).then(authorize(Answer::Granted(name("late"))))
)]
#[case::a_node_that_has_not_heard_that_an_app_is_enabled_again(
    enabled_again().then(user_info(Answer::Refused(Refusal::InvalidToken)))
)]
#[case::an_answer_that_crosses_the_revocation(
    Script::with_tokens().then(revoke("r0", DONE)).beside(introspect("a0", active()))
)]
#[case::a_machine_that_stood_still(
    Script::with_tokens().standstill(1_000).then(introspect("a0", Answer::Lost)).then(introspect("a0", active()))
)]
#[case::a_503_about_what_a_stopped_node_holds(
    Script::with_tokens().fault(Meanwhile::Silence, 1_000).then(prove(Answer::Lost))
        .beside(prove(Answer::Unavailable)).at(Node(1)).wait(1_000).then(prove(DONE))
)]
#[case::a_session_that_began_after_the_lock(
    Script::with_a_code().then(lock(DONE)).then(Act::Unlock { user: ADA, answer: DONE })
        .then(sign_in(Answer::Granted(name("another"))))
)]
fn what_may_happen_breaks_nothing(#[case] script: Script) {
    assert_eq!(script.broken(), []);
}

#[rstest]
#[case::twice(Script::with_tokens().then(redeem(tokens("b", "s"))))]
#[case::twice_at_once(Script::with_a_code().then(redeem(tokens("a", "r"))).beside(redeem(tokens("b", "s"))))]
#[case::what_a_replayed_code_bought(Script::with_tokens().then(redeem(no())).then(introspect("a0", active())))]
fn i1_a_code_buys_once(#[case] script: Script) {
    assert!(script.broken().contains(&Invariant::I1));
}

#[rstest]
#[case::an_old_token_works(Script::with_generations().then(refresh("r0", tokens("b", "s"))))]
#[case::a_fork_that_one_side_is_ahead_in(
    Script::with_tokens()
        .then(refresh("r0", tokens("a1", "r1")))
        .beside(refresh("r0", tokens("b1", "s1")))
        .then(refresh("r1", tokens("a2", "r2")))
        .then(refresh("r2", tokens("a3", "r3")))
        .then(refresh("s1", tokens("b2", "s2")))
)]
#[case::the_family_survives_a_reuse(
    Script::with_generations().then(refresh("r0", no())).then(refresh("r2", tokens("a3", "r3")))
)]
#[case::an_access_token_survives_a_reuse(
    Script::with_generations().then(refresh("r0", no())).then(introspect("a2", active()))
)]
fn i2_one_successor(#[case] script: Script) {
    assert_eq!(script.broken(), [Invariant::I2]);
}

#[rstest]
#[case::revoked(Script::with_tokens().then(revoke("r0", DONE)).then(introspect("a0", active())))]
#[case::revoked_long_ago(Script::with_tokens().then(revoke("r0", DONE)).wait(60_000).then(refresh("r0", tokens("b", "s"))))]
#[case::locked(Script::with_tokens().then(lock(DONE)).then(introspect("a0", active())))]
#[case::locked_with_a_code_in_hand(Script::with_a_code().then(lock(DONE)).then(redeem(tokens("a", "r"))))]
#[case::locked_and_signed_in(Script::default().then(lock(DONE)).then(sign_in(Answer::Granted(name("s")))))]
#[case::unlocked_again(
    Script::with_tokens().then(lock(DONE)).then(Act::Unlock { user: ADA, answer: DONE }).then(introspect("a0", active()))
)]
#[case::signed_out(
    Script::with_tokens().then(Act::SignOut { session: name("session"), answer: DONE }).then(refresh("r0", tokens("b", "s")))
)]
#[case::signed_out_and_still_known(
    Script::with_a_code().then(Act::SignOut { session: name("session"), answer: DONE })
        .then(authorize(Answer::Granted(name("another"))))
)]
#[case::an_access_token_given_back(
    Script::with_tokens().then(Act::RevokeAccess { token: name("a0"), answer: DONE }).then(introspect("a0", active()))
)]
#[case::an_app_that_was_disabled_and_enabled(
    Script::with_tokens().then(disable(DONE)).then(Act::Enable { app: SHOP, answer: DONE })
        .then(introspect("a0", active()))
)]
#[case::a_code_for_a_disabled_app(
    Script::with_a_code().then(disable(DONE)).wait(1_000).then(authorize(Answer::Granted(name("late"))))
)]
fn i3_ended_for_good(#[case] script: Script) {
    assert_eq!(script.broken(), [Invariant::I3]);
}

#[rstest]
#[case::a_code_is_lost(Script::with_a_code().then(redeem(no())))]
#[case::a_grant_is_lost(Script::with_tokens().then(introspect("a0", inactive())))]
#[case::a_rotation_is_lost(Script::with_generations().then(refresh("r2", no())))]
#[case::a_session_is_lost(Script::with_a_code().then(authorize(Answer::Refused(Refusal::SignedOut))))]
#[case::a_refusal_before_its_reason(Script::with_tokens().then(introspect("a0", inactive())).then(revoke("r0", DONE)))]
#[case::a_node_that_does_not_hear_that_an_app_is_enabled_again(
    enabled_again().wait(1_000).then(user_info(Answer::Refused(Refusal::InvalidToken)))
)]
#[case::an_assertion_at_its_first_use(
    Script::default().then(Act::UseOnce {
        what: Once::Assertion, id: name("jti"), answer: Answer::Refused(Refusal::InvalidClient),
    })
)]
fn i4_what_was_handed_out_lasts(#[case] script: Script) {
    assert_eq!(script.broken(), [Invariant::I4]);
}

#[rstest]
#[case::another_client(Script::with_a_code().then(Act::Redeem {
    code: name("code"), rightful: false, answer: tokens("a", "r"),
}))]
#[case::a_forged_token(Script::with_tokens().then(refresh("forged", tokens("b", "s"))))]
#[case::a_forged_access_token(Script::with_tokens().then(introspect("forged", active())))]
#[case::another_user(Script::with_tokens().then(introspect("a0", Answer::Granted(Identity {
    user: Some(User(1)), app: Some(SHOP),
}))))]
#[case::the_same_token_for_two(Script::with_tokens().then(refresh("r0", tokens("a0", "r1"))))]
fn i5_in_the_right_hands(#[case] script: Script) {
    assert_eq!(script.broken(), [Invariant::I5]);
}

#[test]
fn i6_once_is_once() {
    let script = Script::default().then(prove(DONE)).beside(prove(DONE));
    assert_eq!(script.broken(), [Invariant::I6]);
}

#[rstest]
#[case::a_page_that_says_500(Script::with_a_code().then(redeem(Answer::Wrong("500".to_owned()))))]
#[case::a_yes_without_a_store(
    Script::with_tokens().fault(Meanwhile::NothingKnown, 1_000).then(introspect("a0", active())).wait(2_000)
        .then(introspect("a0", active()))
)]
fn i7_unavailability_is_an_error(#[case] script: Script) {
    assert_eq!(script.broken(), [Invariant::I7]);
}

#[rstest]
#[case::unavailable_for_too_long(
    Script::with_tokens().fault(Meanwhile::NothingKnown, 1_000).wait(31_500).then(introspect("a0", Answer::Unavailable))
        .then(introspect("a0", active()))
)]
#[case::a_503_about_something_else_than_what_a_stopped_node_holds(
    Script::with_tokens().fault(Meanwhile::Silence, 1_000).then(prove(Answer::Lost))
        .beside(introspect("a0", Answer::Unavailable)).at(Node(1)).wait(1_000).then(prove(DONE))
)]
#[case::a_503_about_what_a_stopped_node_held_long_ago(
    Script::with_tokens().fault(Meanwhile::Silence, 60_000).then(prove(Answer::Lost)).wait(16_000)
        .then(prove(Answer::Unavailable)).at(Node(1)).wait(60_000).then(prove(DONE))
)]
#[case::without_a_fault(Script::with_tokens().then(introspect("a0", Answer::Lost)).then(introspect("a0", active())))]
#[case::never_seen_again(Script::with_tokens().fault(Meanwhile::Silence, 1_000).then(introspect("a0", Answer::Lost)))]
fn i8_recovery_takes_no_hands(#[case] script: Script) {
    assert_eq!(script.broken(), [Invariant::I8]);
}

#[test]
fn recovery_is_measured_from_the_end_of_the_fault() {
    let script = Script::with_tokens()
        .fault(Meanwhile::Silence, 500)
        .wait(600)
        .then(introspect("a0", Answer::Unavailable))
        .then(introspect("a0", active()));
    let recoveries = recoveries(&script.history);
    let took: Vec<_> = recoveries.iter().map(|recovery| recovery.took).collect();
    assert_eq!(took, [Duration::from_millis(140)]);
}
