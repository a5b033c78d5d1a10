//! `/admin/v1/receivers`: whom security events are pushed to, and how far each has come.

use http::Method;

use super::{
    operation::{Call, Done, Nothing, Operation},
    problem::Problem,
    shown::{List, Receiver},
};

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::new(
            Method::GET,
            "/admin/v1/receivers",
            (
                "listReceivers",
                "Receivers of security events, and which of them are paused",
            ),
            list,
        ),
        Operation::new(
            Method::POST,
            "/admin/v1/receivers/{receiver}/resume",
            (
                "resumeReceiver",
                "Tell a paused receiver again, from where it was left",
            ),
            resume,
        ),
        Operation::new(
            Method::DELETE,
            "/admin/v1/receivers/{receiver}",
            (
                "forgetReceiver",
                "Forget a receiver that is no longer declared, with what waits for it",
            ),
            forget,
        ),
    ]
}

async fn list(call: Call, _: Nothing, _: Nothing) -> Result<Done<List<Receiver>>, Problem> {
    let found = call.administration().receivers().await?;
    let items = found.into_iter().map(Receiver::from).collect();
    Ok(Done::new(List {
        items,
        next_cursor: None,
    }))
}

async fn resume(call: Call, _: Nothing, _: Nothing) -> Result<Done<Nothing>, Problem> {
    let administration = call.administration();
    administration
        .resume_receiver(call.path("receiver"))
        .await?;
    Ok(Done::new(Nothing {}))
}

async fn forget(call: Call, _: Nothing, _: Nothing) -> Result<Done<Nothing>, Problem> {
    let administration = call.administration();
    administration
        .forget_receiver(call.path("receiver"))
        .await?;
    Ok(Done::new(Nothing {}))
}
