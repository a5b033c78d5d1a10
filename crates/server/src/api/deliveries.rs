//! `/admin/v1/deliveries`: what waits to be told to somebody, and what was given up.

use http::Method;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    operation::{Call, Done, Nothing, Operation},
    paging::Paging,
    problem::Problem,
    shown::{Delivery, DeliveryState, List},
};

/// Which deliveries.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DeliveriesAsked {
    /// What waits, or what was given up within the week; what waits where nothing is said.
    state: Option<DeliveryState>,
    /// How many at most.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<u32>,
    /// Where the page begins.
    cursor: Option<String>,
}

pub(super) fn operations() -> Vec<Operation> {
    const ONE: &str = "/admin/v1/deliveries/{delivery}";
    vec![
        Operation::new(
            Method::GET,
            "/admin/v1/deliveries",
            (
                "listDeliveries",
                "Mails and logouts that wait to be told, or were given up",
            ),
            list,
        ),
        Operation::new(
            Method::GET,
            ONE,
            ("getDelivery", "What waits under this name, or was given up"),
            show,
        ),
        Operation::new(
            Method::POST,
            "/admin/v1/deliveries/{delivery}/retry",
            (
                "retryDelivery",
                "Let it be told at once; what was given up is tried as long again as a new one",
            ),
            retry,
        ),
        Operation::new(
            Method::DELETE,
            ONE,
            ("dropDelivery", "Take it back, untold"),
            remove,
        ),
    ]
}

async fn list(
    call: Call,
    asked: DeliveriesAsked,
    _: Nothing,
) -> Result<Done<List<Delivery>>, Problem> {
    let administration = call.administration();
    let paging = Paging::of(&call, asked.limit, asked.cursor.as_deref())?;
    let found = match asked.state {
        None | Some(DeliveryState::Waiting) => administration.deliveries(&paging.page()).await?,
        Some(DeliveryState::GivenUp) => administration.given_up_deliveries(&paging.page()).await?,
    };
    let list = paging.list(found, |found| found.row.id.clone(), Delivery::from)?;
    Ok(Done::new(list))
}

async fn show(call: Call, _: Nothing, _: Nothing) -> Result<Done<Delivery>, Problem> {
    let found = call
        .administration()
        .delivery(call.path("delivery"))
        .await?;
    Ok(Done::new(found.into()))
}

async fn retry(call: Call, _: Nothing, _: Nothing) -> Result<Done<Nothing>, Problem> {
    let administration = call.administration();
    let found = administration.delivery(call.path("delivery")).await?;
    administration.retry_delivery(&found).await?;
    Ok(Done::new(Nothing {}))
}

async fn remove(call: Call, _: Nothing, _: Nothing) -> Result<Done<Nothing>, Problem> {
    let administration = call.administration();
    let found = administration.delivery(call.path("delivery")).await?;
    administration.drop_delivery(&found).await?;
    Ok(Done::new(Nothing {}))
}
