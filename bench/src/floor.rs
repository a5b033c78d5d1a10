//! The bare server: a form in, JSON out, on the same HTTP library, and nothing between. What it costs, everything costs.

use std::io::Write as _;

use anyhow::Result;
use axum::{Form, Json, Router, routing::post};
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
struct TokenRequest {
    grant_type: String,
    scope: String,
}

#[derive(Serialize)]
struct TokenResponse {
    access_token: &'static str,
    token_type: &'static str,
    expires_in: u32,
    scope: String,
}

/// As long as a token of Safeconduct, and as meaningless as any to whoever holds it.
const TOKEN: &str = "floor.eyJpc3MiOiJub2JvZHkifQ.0123456789012345678901234567890123456789012345678901234567890123456789\
                     01234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890\
                     01234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890\
                     01234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890";

/// Serves until it is killed; says on standard output where.
pub(crate) fn serve() -> Result<()> {
    tokio::runtime::Runtime::new()?.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        println!("{}", listener.local_addr()?);
        std::io::stdout().flush()?;
        axum::serve(listener, Router::new().route("/token", post(token))).await?;
        Ok(())
    })
}

async fn token(Form(request): Form<TokenRequest>) -> Json<TokenResponse> {
    Json(TokenResponse {
        access_token: if request.grant_type == "client_credentials" {
            TOKEN
        } else {
            ""
        },
        token_type: "Bearer",
        expires_in: 300,
        scope: request.scope,
    })
}
