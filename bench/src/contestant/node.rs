//! node-oidc-provider, as set up in `bench/peers/node-oidc-provider`: one process, nothing kept but in memory.

use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Result, ensure};

use super::{Contestant, Kind, Paths, Target, that_says_where};

const DIRECTORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/peers/node-oidc-provider");

pub(super) async fn start() -> Result<Contestant> {
    let modules = std::path::Path::new(DIRECTORY).join("node_modules");
    ensure!(modules.is_dir(), "run `npm ci` in {DIRECTORY} first");
    let begun = Instant::now();
    // The lock file holds its version as well.
    let mut command = Command::new(modules.join(".bin/node"));
    command
        .arg("server.js")
        .env("NODE_ENV", "production")
        .current_dir(DIRECTORY);
    let (mut process, directory, address) = that_says_where(&mut command)?;
    let target = Target {
        kind: Kind::Node,
        address,
        host: "id.bench.example",
        paths: Paths {
            metadata: "/.well-known/openid-configuration",
            jwks: "/jwks",
            authorize: "/auth",
            token: "/token",
            introspect: "/token/introspection",
            revoke: "/token/revocation",
        },
        apps: vec!["app".to_owned()],
    };
    let started_in = target.answers(begun, &mut process).await?;
    Ok(Contestant {
        name: "node-oidc-provider",
        target: Arc::new(target),
        started_in,
        process,
        _directory: Some(directory),
        database: None,
    })
}
