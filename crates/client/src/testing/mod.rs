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
//! # }
//! ```

mod app;
mod fault;
mod issuer;
mod tokens;

pub use app::{Page, TestApp, Visitor, app, app_with};
pub use fault::Fault;
pub use issuer::{FakeIssuer, Gate};
