//! scim2-tester, the one judge of SCIM servers that there is, reads what we publish and tries every verb on every attribute of it: `interop/scim2-tester`.

use std::process::Command;

use anyhow::{Result, ensure};
use safeconduct_interop::{SECRET_FILE, Safeconduct, folder_of};

#[tokio::test]
async fn a_directory_finds_everything_as_the_standard_says_with_scim2_tester() -> Result<()> {
    let server = Safeconduct::start(&format!(
        r#"
        [administration]
        api = true
        [[clients]]
        id = "directory"
        grant_types = ["client_credentials"]
        scopes = ["scim"]
        token_endpoint_auth_method = "client_secret_post"
        secret_file = "{SECRET_FILE}"
        "#
    ))?;
    let token = server.token_of("directory", "scim").await?;
    let mut check = Command::new("python3");
    let output = check
        .arg(folder_of("scim2-tester").join("check.py"))
        .arg(format!("http://{}/scim/v2", server.admin_address()))
        .env("SCIM_TOKEN", token)
        .output()?;
    let told = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{told}{errors}");
    ensure!(told.contains(" 0 others"), "{told}");
    Ok(())
}
