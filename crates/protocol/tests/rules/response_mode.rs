//! `response_mode` (OAuth 2.0 Multiple Response Types §2.1, Form Post Response Mode): how an answer travels, refusals included.

use rstest::rstest;
use safeconduct_protocol::{
    authorization::{response_mode_to_use, state_to_return},
    client::{Client, ResponseMode},
    error::Reason,
};

use crate::fixtures::{asking, check, confidential};

use ResponseMode::{FormPost, Query};

fn registered_for(modes: &[ResponseMode]) -> Client {
    Client {
        response_modes: modes.to_vec(),
        ..confidential()
    }
}

const UNSUPPORTED: Result<ResponseMode, Reason> = Err(Reason::ResponseModeUnsupported);

/// What the request asks for, and how a refusal of that very request would travel.
/// Attacks: Q06.
#[rstest]
#[case::by_default(&[Query], "", Ok(Query), Query)]
#[case::the_first_is_the_default(&[FormPost, Query], "", Ok(FormPost), FormPost)]
#[case::the_only_one(&[FormPost], "", Ok(FormPost), FormPost)]
#[case::asked_for(&[Query, FormPost], "form_post", Ok(FormPost), FormPost)]
#[case::asked_for_beside_another_default(&[FormPost, Query], "query", Ok(Query), Query)]
#[case::not_registered(&[Query], "form_post", UNSUPPORTED, Query)]
#[case::query_not_registered(&[FormPost], "query", UNSUPPORTED, FormPost)]
#[case::fragment(&[Query, FormPost], "fragment", UNSUPPORTED, Query)]
#[case::web_message(&[FormPost, Query], "web_message", UNSUPPORTED, FormPost)]
#[case::signed(&[Query, FormPost], "query.jwt", UNSUPPORTED, Query)]
#[case::another_case(&[Query, FormPost], "FORM_POST", UNSUPPORTED, Query)]
fn an_answer_travels_as_the_client_is_registered_for(
    #[case] registered: &[ResponseMode],
    #[case] sent: &str,
    #[case] expected: Result<ResponseMode, Reason>,
    #[case] refusal: ResponseMode,
) {
    let client = registered_for(registered);
    let parameters = asking(&[("response_mode", sent)]);
    let request = check(&parameters, &client);
    let mode = request.map(|request| request.response_mode());
    assert_eq!(mode.map_err(|refused| refused.reason()), expected);
    assert_eq!(response_mode_to_use(&parameters, &client), refusal);
    assert_eq!(state_to_return(&parameters), Some("af0ifjsldkj"));
}

#[rstest]
#[case("response_type", "")]
#[case("prompt", "none login")]
#[case("scope", "admin")]
fn a_refusal_of_something_else_travels_as_it_was_asked_for(
    #[case] name: &str,
    #[case] value: &str,
) {
    let client = registered_for(&[Query, FormPost]);
    let parameters = asking(&[("response_mode", "form_post"), (name, value)]);
    assert!(check(&parameters, &client).is_err());
    assert_eq!(response_mode_to_use(&parameters, &client), FormPost);
}

#[test]
fn a_mode_that_is_sent_twice_moves_no_refusal() {
    let client = registered_for(&[Query, FormPost]);
    let twice = asking(&[
        ("response_mode", "form_post"),
        ("response_mode", "form_post"),
    ]);
    assert_eq!(response_mode_to_use(&twice, &client), Query);
}
