//! From one machine to many: a SQLite database that goes on as one of PostgreSQL's.

use anyhow::{Result, ensure};
use safeconduct_testing_postgres::Postgres;

use crate::app::Answer as _;
use crate::restore::Site;

#[tokio::test(flavor = "multi_thread")]
async fn what_was_handed_out_before_works_after_a_copy_on_postgresql() -> Result<()> {
    let site = Site::new("sqlite:safeconduct.db")?;
    let server = site.start();
    let app = site.visitor()?;
    let spent = app.sign_in().await?;
    let first = app.redeem(&spent).await?.refresh_token()?;
    let second = app.refresh(&first).await?.refresh_token()?;
    let other = app.authorize().await?.code()?;
    let bought = app.redeem(&other).await?.refresh_token()?;
    let unused = app.authorize().await?.code()?;

    let database = Postgres::shared().create_database();
    let url = database.url();
    let copy = ["copy", "--to", url.as_str()];
    let refused = site.directory.run(&copy);
    let told = site.directory.printed(&refused);
    ensure!(
        told.starts_with("exit 5\nerr: a server listens at "),
        "while it is served: {told}"
    );
    drop(server);

    let told = site.run(&copy)?;
    let says = |line: &str| line.split_whitespace().eq(["out:", "grants", "2"]);
    ensure!(told.lines().any(says), "{told}");
    let again = site.directory.printed(&site.directory.run(&copy));
    ensure!(again.starts_with("exit 5\n"), "into a full one: {again}");

    site.use_database(&url);
    std::fs::remove_file(site.directory.path().join("safeconduct.db"))?;
    let _server = site.start();
    let third = app.refresh(&second).await?.refresh_token()?;
    ensure!(app.redeem(&unused).await?.status == 200, "a code of before");
    ensure!(app.authorize().await?.code().is_ok(), "Ada is signed in");
    ensure!(app.redeem(&spent).await?.is_refusal(), "a spent code");
    ensure!(
        app.refresh(&third).await?.is_refusal(),
        "its grant is ended"
    );
    app.refresh(&bought).await?.refresh_token()?;
    Ok(())
}

#[test]
fn a_copy_takes_no_password_from_an_argument() -> Result<()> {
    let site = Site::new("sqlite:safeconduct.db")?;
    let copy = ["copy", "--to", "postgres://ada:hush@db.example/sc"];
    let told = site.directory.printed(&site.directory.run(&copy));
    ensure!(
        told.starts_with("exit 2\nerr: --to holds a password") && !told.contains("hush"),
        "{told}"
    );
    Ok(())
}
