//! What a grant rests on, named once for every statement that uses one: user, client, consent and era as the view `parties` has them,
//! under the epochs that were in force at Allow, and the browser session, unless the grant outlives it. So one write that locks a
//! user, disables a client, withdraws a consent or ends a session ends all that rests on it, in the next statement on any node.

/// The condition that everything stands on which a row of grants rests: `$grant` is what the statement calls the row, and `$now` the
/// moment. That the grant itself was not revoked is the statement's.
macro_rules! stands {
    ($grant:literal, $now:literal) => {
        concat!(
            "(EXISTS (SELECT 1 FROM parties p WHERE p.era = ",
            $grant,
            ".era AND p.user_id = ",
            $grant,
            ".user_id AND p.client_id = ",
            $grant,
            ".client_id AND p.user_epoch = ",
            $grant,
            ".user_epoch AND p.client_epoch = ",
            $grant,
            ".client_epoch AND p.consent_epoch = ",
            $grant,
            ".consent_epoch) AND (",
            $grant,
            ".offline = 1 OR EXISTS (SELECT 1 FROM sessions s WHERE s.id = ",
            $grant,
            ".session_id AND s.user_id = ",
            $grant,
            ".user_id AND s.absolute_expires_at > ",
            $now,
            ")))"
        )
    };
}

pub(crate) use stands;
