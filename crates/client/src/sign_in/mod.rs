//! The sign-in: the request that the browser leaves with, the answer it comes back with, and who signed in.

pub(crate) mod attempt;
pub(crate) mod authorization_request;
pub(crate) mod authorization_response;
pub(crate) mod id_token;
pub(crate) mod identity;
pub(crate) mod login_options;
pub(crate) mod pushed_request;
pub(crate) mod return_to;
pub(crate) mod signed_in;
pub(crate) mod step_up;
pub(crate) mod user_info;
