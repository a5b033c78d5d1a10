//! Who owns the tables need not be who serves from them.

use anyhow::{Result, ensure};
use safeconduct_testing_postgres::Postgres;

use crate::restore::Site;

#[tokio::test(flavor = "multi_thread")]
async fn a_user_who_may_only_use_the_tables_can_serve_once_they_are_there_on_postgresql()
-> Result<()> {
    let database = Postgres::shared().create_database();
    let clerk = format!("clerk_of_{}", database.name());
    database.sql(&format!("CREATE ROLE {clerk} LOGIN"));
    let as_clerk = database.url().replace("postgres@", &format!("{clerk}@"));

    let site = Site::new(&database.url())?;
    site.use_database(&as_clerk);
    let refused = site.directory.run(&["check", "--connect"]);
    let told = site.directory.printed(&refused);
    ensure!(told.starts_with("exit 1\n"), "without rights: {told}");

    database.sql(&format!(
        "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {clerk}"
    ));
    site.run(&["migrate"])?;
    site.run(&["check", "--connect"])?;
    let server = site.start();
    let app = site.visitor()?;
    let code = app.sign_in().await?;
    ensure!(app.redeem(&code).await?.status == 200);
    drop(server);
    database.sql(&format!("DROP OWNED BY {clerk}; DROP ROLE {clerk}"));
    Ok(())
}
