//! For your tests: an issuer that signs everybody in, misbehaves on request and counts what it is asked; and your app with
//! somebody signed in.
//!
//! ```
//! use axum::{Router, routing::get};
//! use safeconduct_client::{Client, axum::User, testing};
//!
//! fn router(client: Client) -> Router {
//!     let home = |user: User| async move { format!("Hello, {}", user.display_name().escaped()) };
//!     Router::new().route("/", get(home)).merge(client.routes()).layer(client.layer())
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let app = testing::app(router).await;
//! let page = app.signed_in("alice").await.get("/").await;
//! assert_eq!(page.text(), "Hello, alice");
//!
//! // What your app does with other claims:
//! app.issuer.claims("bob", serde_json::json!({ "name": "Bob the Builder", "roles": ["admin"] }));
//! let page = app.signed_in("bob").await.get("/").await;
//! assert_eq!(page.text(), "Hello, Bob the Builder");
//! # }
//! ```

mod app;
mod back_channel;
mod endpoints;
mod fault;
mod issuer;
mod keys;
mod proofs;
mod tokens;

pub use app::{Page, TestApp, Visitor, app, app_with};
pub use back_channel::{LogoutFlaw, LogoutToken};
pub use fault::{Fault, IdTokenFlaw};
pub use issuer::{FakeIssuer, Gate};
