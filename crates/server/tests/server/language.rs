//! In which language a page is: what the client wishes for, what was chosen in this browser, what the browser prefers, the default.

use axum::body::Body;
use axum::extract::Request;
use http::header;
use rstest::rstest;
use safeconduct_protocol::language::Language;
use safeconduct_protocol::metadata::Issuer;
use safeconduct_server::Settings;

use crate::support::{Answer, Ask, Browser, Form, ISSUER, TestServer};

/// The language of a page, by its markup and its header, which say the same.
fn language(page: &Answer) -> &str {
    let (_, rest) = page.body.split_once("<html lang=\"").unwrap();
    let (language, rest) = rest.split_once('"').unwrap();
    assert_eq!(page.header("content-language"), language);
    assert_eq!(page.header("vary"), "Accept-Language, Cookie");
    let direction = if language == "ar" { "rtl" } else { "ltr" };
    assert!(
        rest.starts_with(&format!(" dir=\"{direction}\">")),
        "{page:?}"
    );
    language
}

/// A page as a browser gets it that says this of languages.
async fn page(server: &TestServer, url: &str, accept: &[&[u8]], cookie: Option<&str>) -> Answer {
    let mut request = Request::get(url);
    for accepted in accept {
        request = request.header(header::ACCEPT_LANGUAGE, *accepted);
    }
    if let Some(cookie) = cookie {
        request = request.header(header::COOKIE, cookie);
    }
    server.send(request.body(Body::empty()).unwrap()).await
}

fn ask(ui_locales: &str) -> Ask {
    Ask::of("shop").with("ui_locales", ui_locales)
}

async fn choose(browser: &mut Browser<'_>, page: &Answer, language: &str) -> Answer {
    let form = Form::new()
        .with("pending", &page.hidden("pending"))
        .with("language", language);
    browser.post("/language", &form).await
}

/// The cookie that remembers `language`, as a browser sends it.
async fn chosen(server: &TestServer, language: &str) -> String {
    let mut browser = server.browser();
    let answer = browser
        .post("/language", &Form::new().with("language", language))
        .await;
    assert_eq!(answer.to_string(), "303 /");
    let cookie = answer.cookies()[0].to_owned();
    assert!(cookie.starts_with("__Host-sc-language-"), "{cookie}");
    assert!(
        cookie.ends_with("; Path=/; HttpOnly; SameSite=Lax; Secure; Max-Age=31536000"),
        "{cookie}"
    );
    cookie.split_once(';').unwrap().0.to_owned()
}

/// Attacks: PE76.
#[rstest]
#[case::by_its_first_language_that_there_is("xx ar-EG", "ar")]
#[case::by_a_neighbouring_region("pt-PT", "pt-BR")]
#[case::no_tag("../../etc", "en")]
#[case::markup("\"><script>", "en")]
#[case::nothing("", "en")]
#[tokio::test]
async fn a_client_wishes_for_a_language(#[case] wish: &str, #[case] shown: &str) {
    let server = TestServer::start().await;
    let mut browser = server.browser();
    let page = browser.authorize(&ask(wish)).await;
    assert_eq!(language(&page), shown);
    // The wish travels on with the request, page by page.
    let wrong = browser.guess(&page, "ada", "wrong").await;
    assert_eq!((wrong.status.as_u16(), language(&wrong)), (400, shown));
    let consent = browser.sign_in(&wrong, "ada").await;
    assert_eq!(language(&consent), shown);
    assert!(browser.allow(&consent).await.has_code());
}

#[rstest]
#[case::the_client(Some("fr"), Some("de"), "ja", "fr")]
#[case::the_person(None, Some("de"), "ja", "de")]
#[case::the_browser(None, None, "se, ja;q=0.5", "ja")]
#[case::nobody(None, None, "se", "es")]
#[case::a_wish_for_none_of_ours(Some("se"), Some("de"), "ja", "de")]
#[tokio::test]
async fn the_closest_wish_counts(
    #[case] client: Option<&str>,
    #[case] person: Option<&str>,
    #[case] browser: &str,
    #[case] shown: &str,
) {
    let mut settings = Settings::new(Issuer::parse(ISSUER).unwrap());
    settings.default_language = Language::Spanish;
    let server = TestServer::start_with(settings).await;
    let cookie = match person {
        Some(language) => Some(chosen(&server, language).await),
        None => None,
    };
    let asked = ask(client.unwrap_or_default());
    let url = format!("/authorize?{}", asked.form.encode());
    let refused = format!("{url}&client_id=x");
    for url in [url, refused] {
        let shown_page = page(&server, &url, &[browser.as_bytes()], cookie.as_deref()).await;
        assert_eq!(language(&shown_page), shown, "{url}");
    }
    for url in ["/", "/nowhere", "/login", "/logout", "/signed-out"] {
        let client = client.filter(|_| url == "/logout" || url == "/signed-out");
        let asked = client.map(|wish| format!("{url}?ui_locales={wish}"));
        let url = asked.as_deref().unwrap_or(url);
        let shown_page = page(&server, url, &[browser.as_bytes()], cookie.as_deref()).await;
        if shown_page.status.is_redirection() {
            continue;
        }
        let expected = match (client, shown) {
            (Some(_), _) => shown,
            (None, "fr") => "de",
            (None, other) => other,
        };
        assert_eq!(language(&shown_page), expected, "{url}");
    }
}

/// What others left in the browser, and what no browser sends.
#[rstest]
#[case::a_path("../../etc/passwd")]
#[case::not_ours("se")]
#[case::not_exact("de-DE")]
#[case::quoted("\"de\"")]
#[case::empty("")]
#[case::long(&"x".repeat(2000))]
#[tokio::test]
async fn a_cookie_that_names_no_language_of_ours_is_passed_over(#[case] value: &str) {
    let server = TestServer::start().await;
    let cookie = chosen(&server, "de").await;
    let (name, _) = cookie.split_once('=').unwrap();
    let planted = format!("{name}={value}");
    let shown = page(&server, "/", &[b"ja"], Some(&planted)).await;
    assert_eq!((shown.status.as_u16(), language(&shown)), (200, "ja"));
    let both = format!("{planted}; {cookie}");
    let shown = page(&server, "/", &[b"ja"], Some(&both)).await;
    assert_eq!((shown.status.as_u16(), language(&shown)), (200, "ja"));
}

#[tokio::test]
async fn what_no_browser_accepts_is_passed_over() {
    let server = TestServer::start().await;
    let many = "xx,".repeat(2000);
    for accept in [b"\xff\xfe".as_slice(), b";;q=,", b"*", many.as_bytes()] {
        assert_eq!(language(&page(&server, "/", &[accept], None).await), "en");
    }
    let lines: [&[u8]; 2] = [b"\xff", b"de"];
    assert_eq!(language(&page(&server, "/", &lines, None).await), "de");
}

#[tokio::test]
async fn a_person_who_chooses_a_language_goes_on_in_it_whatever_the_client_wished() {
    let server = TestServer::start().await;
    let mut browser = server.browser();
    let asked = ask("ar").with("nonce", "n-0S6_WzA2Mj");
    let page = browser.authorize(&asked).await;
    assert_eq!(language(&page), "ar");
    let answer = choose(&mut browser, &page, "de").await;
    let page = browser.follow(answer).await;
    assert_eq!(language(&page), "de");
    let consent = browser.sign_in(&page, "ada").await;
    assert_eq!(language(&consent), "de");
    let answer = choose(&mut browser, &consent, "ja").await;
    let consent = browser.follow(answer).await;
    assert_eq!(language(&consent), "ja");
    let answer = browser.allow(&consent).await;
    assert!(answer.has_code(), "{answer:?}");
    assert_eq!(language(&browser.open("/").await), "ja");
}

#[tokio::test]
async fn a_choice_is_made_on_our_own_pages_alone() {
    let server = TestServer::start().await;
    let form = Form::new().with("language", "de");
    let mut browser = server.browser();
    let answer = browser
        .post_from("/language", &form, &[("sec-fetch-site", "cross-site")])
        .await;
    assert_eq!(answer.to_string(), "403 page (cross-site-form)");
    assert!(browser.cookies.is_empty());
}

#[rstest]
#[case::a_page("/signed-out", "/signed-out")]
#[case::another_host("//evil.example", "/")]
#[case::another_host_without_a_dot("//evil", "/")]
#[case::another_scheme("https://evil.example", "/")]
#[case::a_backslash("/\\evil.example", "/")]
#[case::a_query("/logout?x=y", "/")]
#[tokio::test]
async fn a_choice_leads_back_to_a_page_of_ours(#[case] back: &str, #[case] leads: &str) {
    let server = TestServer::start().await;
    let form = Form::new().with("language", "de").with("back", back);
    let answer = server.browser().post("/language", &form).await;
    assert_eq!(answer.to_string(), format!("303 {leads}"));
    assert_eq!(answer.cookies().len(), 1);
}

#[tokio::test]
async fn a_choice_of_no_language_of_ours_changes_nothing() {
    let server = TestServer::start().await;
    let mut browser = server.browser();
    let page = browser.authorize(&ask("fr")).await;
    for value in ["xx", "../../etc", ""] {
        let answer = choose(&mut browser, &page, value).await;
        assert!(
            !answer
                .cookies()
                .iter()
                .any(|cookie| cookie.contains("language"))
        );
        assert_eq!(language(&browser.follow(answer).await), "fr");
    }
}

#[tokio::test]
async fn a_form_that_is_too_old_says_so_in_the_language_of_its_request() {
    let server = TestServer::start().await;
    let mut browser = server.browser();
    let page = browser.authorize(&ask("de")).await;
    server.advance(24 * 3600);
    let answer = browser.guess(&page, "ada", "x").await;
    assert_eq!(language(&answer), "de");
    assert!(
        answer
            .body
            .contains("Diese Anmeldung wurde vor zu langer Zeit begonnen.")
    );
    assert!(answer.body.contains("Gehen Sie zurück zur App"));
    assert!(answer.body.contains("pending-request-expired"));
}

#[tokio::test]
async fn what_goes_to_an_app_stays_english() {
    let server = TestServer::start().await;
    let asked = ask("de").with("prompt", "none");
    let answer = server.browser().authorize(&asked).await;
    let said = answer.parameter("error_description").unwrap();
    assert!(said.starts_with("The person has to sign in"), "{said}");
}

#[tokio::test]
async fn a_request_that_is_pushed_or_posted_keeps_its_wish() {
    let server = TestServer::start().await;
    let pushed = server.push(&ask("ja")).await;
    let page = server
        .browser()
        .authorize(&ask("ja").pushed_as(&pushed))
        .await;
    assert_eq!(language(&page), "ja");
    let mut browser = server.browser();
    let answer = browser.post("/authorize", &ask("ja").form).await;
    assert_eq!(language(&browser.follow(answer).await), "ja");
}

#[tokio::test]
async fn a_client_wishes_for_the_language_of_signing_out() {
    let server = TestServer::start().await;
    let mut ada = server.sign_in("ada").await;
    let question = ada.open("/logout?ui_locales=ar").await;
    assert_eq!(language(&question), "ar");
    let form = Form::new()
        .with("csrf", &question.hidden("csrf"))
        .with("logout", &question.hidden("logout"));
    let answer = ada.post("/logout/confirm", &form).await;
    assert_eq!(language(&ada.follow(answer).await), "ar");
}

#[tokio::test]
async fn what_the_operator_wrote_is_shown_in_the_language_of_the_person() {
    let server = TestServer::start().await;
    server
        .change_client("shop", |shop| {
            shop.names = [("de".to_owned(), "Der Laden".to_owned())].into();
        })
        .await;
    let mut ada = server.sign_in("ada").await;
    let asked = |language| ask(language).scope("notes.read notes.write profile");
    let page = ada.authorize(&asked("de")).await;
    for said in [
        "Der Laden",
        "Notes auf Deutsch",
        "Ihre Notizen lesen",
        // For what has no German text the English one, but for what has one of ours.
        "Change your notes",
        "Ihren Namen, Ihr Bild",
    ] {
        assert!(page.body.contains(said), "{said}: {page:?}");
    }
    let page = ada.authorize(&asked("fr")).await;
    for said in ["The shop", "Read your notes", "Voir votre nom"] {
        assert!(page.body.contains(said), "{said}: {page:?}");
    }
}
