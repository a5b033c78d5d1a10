//! What to do next in the demo: one hint, from what its story has seen so far.

use serde::Serialize;

use super::story::{RENEWAL, Step};

/// What a visitor has not seen yet, the next thing first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NextStep {
    SignIn,
    Renew,
    Break,
    SignOut,
    SignInAgain,
}

/// The hint as pages show it.
#[derive(Debug, Serialize)]
pub(crate) struct Hint {
    what: &'static str,
    why: &'static str,
    /// The place where it is done.
    href: &'static str,
}

impl NextStep {
    /// What comes next for somebody who is signed in or not, after these `steps` of theirs, when attacks were tried or not.
    pub(crate) fn after(steps: &[Step<'_>], is_signed_in: bool, attacks_tried: bool) -> Self {
        let renewed = steps.iter().any(|step| step.number == RENEWAL);
        // Of a sign-in that was forgotten, a renewal would not be shown either.
        let forgotten = steps.is_empty();
        match is_signed_in {
            false if steps.iter().any(Step::is_farewell) => Self::SignInAgain,
            false => Self::SignIn,
            true if !renewed && !forgotten => Self::Renew,
            true if !attacks_tried => Self::Break,
            true => Self::SignOut,
        }
    }

    /// The words for it.
    pub(crate) const fn hint(self) -> Hint {
        match self {
            Self::SignIn => Hint {
                what: "Sign in as alice",
                why: "The server’s page says what her password is. You come back here, and see every message that took you there.",
                href: "/auth/login?next=/notes",
            },
            Self::Renew => Hint {
                what: "Renew the tokens",
                why: "You are signed in: the steps below are how. Next, have the app renew its tokens, and see what changes and what stays.",
                href: "/notes#renew",
            },
            Self::Break => Hint {
                what: "Try an attack",
                why: "That is how it goes when everybody behaves. Next, see what the programs say to somebody who does not.",
                href: "/notes#break",
            },
            Self::SignOut => Hint {
                what: "Sign out, at either end",
                why: "Next, leave by the app or by the server, and see how the other one comes to know.",
                href: "/notes#leave",
            },
            Self::SignInAgain => Hint {
                what: "Sign in again",
                why: "Both sessions have ended. Come back as alice, who has allowed this app already, or as bob, who is asked; he may say no.",
                href: "/auth/login?next=/notes",
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::message::Party;

    fn steps(numbers: &[usize]) -> Vec<Step<'static>> {
        let step = |number: &usize| Step {
            number: *number,
            title: String::new(),
            from: Party::Browser,
            to: Party::App,
            said: String::new(),
            proof: String::new(),
            checks: Vec::new(),
            messages: Vec::new(),
        };
        numbers.iter().map(step).collect()
    }

    const SIGN_IN: [usize; 7] = [1, 2, 3, 4, 5, 6, 7];
    const RENEWED: [usize; 8] = [1, 2, 3, 4, 5, 6, 7, 8];

    #[rstest]
    #[case::nothing_yet(&[], false, false, NextStep::SignIn)]
    #[case::a_sign_in_that_failed(&[1, 2], false, false, NextStep::SignIn)]
    #[case::signed_in(&SIGN_IN, true, false, NextStep::Renew)]
    #[case::signed_in_and_attacked(&SIGN_IN, true, true, NextStep::Renew)]
    #[case::renewed(&RENEWED, true, false, NextStep::Break)]
    #[case::renewed_and_attacked(&RENEWED, true, true, NextStep::SignOut)]
    #[case::signed_in_too_long_ago(&[], true, false, NextStep::Break)]
    #[case::attacked_too(&[], true, true, NextStep::SignOut)]
    #[case::signed_out(&[1, 2, 3, 4, 5, 6, 7, 9, 10], false, true, NextStep::SignInAgain)]
    fn each_thing_leads_to_the_next(
        #[case] seen: &[usize],
        #[case] is_signed_in: bool,
        #[case] attacks_tried: bool,
        #[case] next: NextStep,
    ) {
        assert_eq!(
            NextStep::after(&steps(seen), is_signed_in, attacks_tried),
            next
        );
    }
}
