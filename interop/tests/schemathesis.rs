//! schemathesis, which reads our OpenAPI document and sends the API of administrators what that allows and what it forbids: `interop/schemathesis`.

use std::process::Command;

use anyhow::{Result, ensure};
use safeconduct_interop::{SECRET_FILE, Safeconduct, folder_of};

#[tokio::test]
async fn what_the_document_says_of_the_api_is_so_with_schemathesis() -> Result<()> {
    let server = Safeconduct::start(&format!(
        r#"
        [administration]
        api = true
        [[clients]]
        id = "judge"
        grant_types = ["client_credentials"]
        scopes = ["admin:read", "admin:write"]
        token_endpoint_auth_method = "client_secret_post"
        secret_file = "{SECRET_FILE}"
        "#
    ))?;
    let token = server.token_of("judge", "admin:read admin:write").await?;
    let api = format!("http://{}", server.admin_address());
    let output = Command::new("schemathesis")
        .arg("--config-file")
        .arg(folder_of("schemathesis").join("schemathesis.toml"))
        .args(["run", &format!("{api}/admin/openapi.json")])
        .args(["--phases", "examples,coverage,fuzzing"])
        .args(["--max-examples", "10", "--generation-deterministic"])
        .env("API_TOKEN", token)
        .output()?;
    let told = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{told}{errors}");
    Ok(())
}
