//! Many nodes on one database, as `docs/guides/many-nodes.md` sets them up: any node answers any request, one may die in the
//! middle of a sign-in, and what was acknowledged is still there when the standby has taken over.

mod app;
mod certificates;
mod cluster;
mod files;
mod outgrowing;
mod restore;
mod rights;

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use tokio::time::sleep;

use app::{Answer as _, App};
use cluster::Cluster;

/// What the guide promises: after this time nodes go on by themselves.
const RECOVERY: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_wanders_over_all_nodes_and_one_may_die_in_the_middle_behind_a_proxy()
-> Result<()> {
    let mut cluster = Cluster::start().await?;
    let app = cluster.visitor()?;
    let mut way = Vec::new();

    let asked = app.authorize().await?;
    way.push(cluster.answered_by(&asked)?);
    let signed_in = app.submit(&asked, "login-submit").await?;
    way.push(cluster.answered_by(&signed_in)?);
    let consent = app.follow(&signed_in).await?;
    way.push(cluster.answered_by(&consent)?);
    ensure!(
        (1..=3).all(|number| way.contains(&number)),
        "three requests for three nodes: {way:?}"
    );

    // It showed the page that is answered next.
    let dead = way[2];
    cluster.kill_node(dead)?;
    let allowed = app.submit(&consent, "consent-allow").await?;
    way.push(cluster.answered_by(&allowed)?);
    let bought = app.redeem(&allowed.code()?).await?;
    way.push(cluster.answered_by(&bought)?);
    let mut refresh_token = bought.refresh_token()?;
    for _ in 0..4 {
        let refreshed = app.refresh(&refresh_token).await?;
        way.push(cluster.answered_by(&refreshed)?);
        refresh_token = refreshed.refresh_token()?;
    }
    let living: Vec<u8> = (1..=3).filter(|number| *number != dead).collect();
    ensure!(
        living.iter().all(|number| way[3..].contains(number)) && !way[3..].contains(&dead),
        "the living share the requests of the dead: {way:?}"
    );

    cluster.start_node(dead)?;
    cluster.wait_until_ready(dead).await?;
    let begun = Instant::now();
    while way.last() != Some(&dead) {
        ensure!(
            begun.elapsed() < RECOVERY,
            "the proxy does not come back to {dead}"
        );
        way.push(cluster.answered_by(&app.authorize().await?)?);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_standby_takes_over_with_everything_that_was_acknowledged_behind_a_proxy() -> Result<()>
{
    let cluster = Cluster::start().await?;
    let app = cluster.visitor()?;
    let code = app.sign_in().await?;
    let first = app.redeem(&code).await?.refresh_token()?;
    let second = app.refresh(&first).await?.refresh_token()?;
    // Used once, so that `first` is not the lost answer of anybody any more.
    let third = app.refresh(&second).await?.refresh_token()?;
    let unused = app.authorize().await?.code()?;

    cluster.primary.kill();
    until_unavailable(&app).await?;
    cluster.standby.promote();
    let promoted = Instant::now();
    let fourth = until_it_works(&app, &third).await?;
    ensure!(promoted.elapsed() < RECOVERY, "{:?}", promoted.elapsed());

    ensure!(
        app.redeem(&unused).await?.status == 200,
        "a code that nobody used"
    );
    ensure!(app.authorize().await?.code().is_ok(), "Ada is signed in");
    ensure!(
        app.redeem(&code).await?.is_refusal(),
        "a code that was used"
    );
    ensure!(
        app.refresh(&fourth).await?.is_refusal(),
        "what a code bought that came back"
    );
    Ok(())
}

/// Attacks: E10.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_acknowledged_that_the_standby_lacks_behind_a_proxy() -> Result<()> {
    let cluster = Cluster::start().await?;
    let app = cluster.visitor()?;
    let code = app.sign_in().await?;
    let first = app.redeem(&code).await?.refresh_token()?;

    cluster.standby.stop();
    let refused = app.refresh(&first).await?;
    ensure!(refused.status == 503, "the standby is away: {refused:?}");
    refused.header("retry-after")?;
    let page = app.authorize().await?;
    ensure!(page.code().is_ok(), "what writes nothing goes on: {page:?}");

    cluster.standby.restart();
    // The answer that did not come is asked for again; the token is not taken for a stolen one.
    let second = until_it_works(&app, &first).await?;
    let third = app.refresh(&second).await?.refresh_token()?;
    app.refresh(&third).await?.refresh_token()?;
    Ok(())
}

/// Asks until the proxy knows that no node is ready, and says so to whoever asks.
async fn until_unavailable(app: &App) -> Result<()> {
    let begun = Instant::now();
    loop {
        let answer = app.authorize().await?;
        ensure!(answer.status == 503, "without a database: {answer:?}");
        answer.header("retry-after")?;
        // The proxy's own answer has no name in the log of a node.
        if answer.correlation().is_err() {
            return Ok(());
        }
        ensure!(
            begun.elapsed() < RECOVERY,
            "the proxy still asks nodes that are not ready"
        );
        sleep(Duration::from_millis(100)).await;
    }
}

/// Refreshes until it is answered; every answer before that is 503.
async fn until_it_works(app: &App, refresh_token: &str) -> Result<String> {
    let begun = Instant::now();
    loop {
        let answer = app.refresh(refresh_token).await?;
        if answer.status != 503 {
            return answer.refresh_token().context("the grant is to live on");
        }
        ensure!(begun.elapsed() < 2 * RECOVERY, "still {answer:?}");
        sleep(Duration::from_millis(100)).await;
    }
}
