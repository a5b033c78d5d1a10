//! `POST /language`: the choice at the foot of a page. It is remembered in this browser; a sign-in that is under way goes on in it, and
//! an authorization request that was refused is refused in it, whatever language its client wished for.

use axum::{extract::State, response::Response};
use safeconduct_protocol::language::Language;

use crate::{
    addresses::SIGN_UP_FOR,
    browser, cookies,
    fault::Failure,
    form::{PENDING, PostedForm},
    journey::Step,
    posted::{self, POSTED},
    reader::Reader,
    respond::{self, with_cookie},
    server::Server,
    way_back,
};

/// The longest path that is gone back to, in bytes.
const LONGEST_PATH: usize = 256;

pub(crate) async fn post(
    State(server): State<Server>,
    reader: Reader,
    form: PostedForm,
) -> Response {
    let answer = choose(&server, reader, &form).await;
    way_back::person(&server, &form, answer, reader).await
}

async fn choose(server: &Server, reader: Reader, form: &PostedForm) -> Result<Response, Failure> {
    let issuer = &server.settings().issuer;
    browser::own_form(issuer, form.headers())?;
    let parameters = form.parameters()?;
    let chosen = parameters.one("language")?.and_then(Language::parse);
    let response = match (parameters.one(PENDING)?, parameters.one(POSTED)?) {
        (Some(_), _) => {
            let Step {
                mut exchange,
                mut journey,
                ..
            } = Step::take(server, reader, form).await?;
            journey.read_in(chosen);
            let signs_up = parameters.one("back")? == Some(&server.path(SIGN_UP_FOR));
            if signs_up && server.settings().people_sign_up() {
                exchange.wished(chosen);
                journey.sign_up_page(&exchange)?
            } else {
                journey.continue_at_authorize(&exchange)?
            }
        }
        (None, Some(again)) => posted::ask_again(server, reader, again, chosen).await?,
        (None, None) => {
            let back = parameters.one("back")?.filter(|path| is_page(server, path));
            let home = server.path("/");
            respond::lead_to(
                server.pages().of(reader.wished(chosen).language),
                back.unwrap_or(&home),
            )
        }
    };
    Ok(match chosen {
        Some(chosen) => with_cookie(response, cookies::choose_language(issuer, chosen)),
        None => response,
    })
}

/// Whether a path can be one of a page of ours. The form came from our own page, and still leads nowhere else.
fn is_page(server: &Server, path: &str) -> bool {
    let below = path.strip_prefix(server.settings().issuer.path());
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_/".contains(&byte);
    path.len() <= LONGEST_PATH
        && path.bytes().all(plain)
        && below.is_some_and(|below| below.starts_with('/'))
        && !path.starts_with("//")
}
