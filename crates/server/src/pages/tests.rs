//! Claims about the pages as users and browsers get them: their structure, what a hostile value can do to
//! it, and that the colours can be read.

use std::collections::{BTreeMap, BTreeSet};

use insta::assert_snapshot;
use rstest::rstest;
use safeconduct_protocol::image::Image;

use super::look::{PAIRS, of_stylesheet};
use super::*;

fn page_set() -> PageSet {
    PageSet::new("Safeconduct", "", &Look::default()).unwrap()
}

/// The pages in English.
fn pages() -> Pages {
    let [english, ..] = page_set().languages;
    english
}

fn sample(name: &str) -> String {
    let mut samples = samples::render(&pages()).into_iter();
    samples.find(|(found, _)| found == name).unwrap().1
}

/// An opening tag: its name and its attributes, values still escaped.
#[derive(Debug, PartialEq, Eq)]
struct Tag {
    name: String,
    attributes: BTreeMap<String, String>,
}

impl Tag {
    fn is(&self, attribute: &str, value: &str) -> bool {
        self.attributes
            .get(attribute)
            .is_some_and(|found| found == value)
    }
}

/// The opening tags of a page, read as a browser reads them: a `<` starts a tag wherever text may stand,
/// and a quoted attribute ends at its quote.
fn tags(html: &str) -> Vec<Tag> {
    let mut tags = Vec::new();
    let mut rest = html;
    while let Some(start) = rest.find('<') {
        rest = &rest[start + 1..];
        let named = rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap();
        let (name, mut inside) = rest.split_at(named);
        let mut attributes = BTreeMap::new();
        loop {
            inside = inside.trim_start_matches([' ', '\n', '/', '!']);
            if inside.starts_with('>') {
                break;
            }
            let ends = |(_, c): &(usize, char)| ['=', ' ', '\n', '/', '>'].contains(c);
            let (end, _) = inside.char_indices().skip(1).find(ends).unwrap();
            let (attribute, after) = inside.split_at(end);
            let (value, after) = match after.strip_prefix("=\"") {
                Some(quoted) => quoted.split_once('"').unwrap(),
                None => ("", after),
            };
            attributes.insert(attribute.to_owned(), value.to_owned());
            inside = after;
        }
        if !name.is_empty() {
            tags.push(Tag {
                name: name.to_owned(),
                attributes,
            });
        }
        rest = inside;
    }
    tags
}

fn only<'a>(tags: &'a [Tag], name: &str) -> &'a Tag {
    let mut found = tags.iter().filter(|tag| tag.name == name);
    let tag = found.next().unwrap_or_else(|| panic!("no <{name}>"));
    assert!(found.next().is_none(), "more than one <{name}>");
    tag
}

fn by_id<'a>(tags: &'a [Tag], id: &str) -> &'a Tag {
    let found = tags.iter().find(|tag| tag.is("id", id));
    found.unwrap_or_else(|| panic!("no #{id}"))
}

/// Attacks: PE77.
#[test]
fn every_page_has_one_heading_one_main_part_a_title_and_a_way_to_skip_to_it() {
    for pages in page_set().languages {
        every_page_has_them(&pages);
    }
}

fn every_page_has_them(pages: &Pages) {
    let direction = match pages.language {
        Language::Arabic => "rtl",
        _ => "ltr",
    };
    for (name, html) in samples::render(pages) {
        let name = format!("{name}.{}", pages.language);
        assert_ne!(html, LAST_RESORT, "{name} could not be rendered");
        let tags = tags(&html);
        let root = only(&tags, "html");
        let language = pages.language.tag();
        assert!(
            root.is("lang", language) && root.is("dir", direction),
            "{name}"
        );
        only(&tags, "h1");
        assert!(only(&tags, "main").is("id", "main"), "{name}");
        assert!(
            tags.iter()
                .any(|tag| tag.name == "a" && tag.is("href", "#main")),
            "{name}"
        );
        let title = html
            .split("<title>")
            .nth(1)
            .unwrap()
            .split("</title>")
            .next()
            .unwrap();
        assert!(
            title.ends_with("Safeconduct") && !title.contains(['<', '\n', '\u{2068}']),
            "{name}: {title}"
        );
        let referrer = match name.split_once('.').unwrap().0 {
            "form-post" => "strict-origin",
            _ => "no-referrer",
        };
        for meta in [
            ("viewport", "width=device-width, initial-scale=1"),
            ("color-scheme", "light dark"),
            ("referrer", referrer),
        ] {
            let found = |tag: &Tag| tag.is("name", meta.0) && tag.is("content", meta.1);
            assert!(tags.iter().any(found), "{name}: {meta:?}");
        }
        assert!(html.len() < 9 * 1024, "{name} has {} bytes", html.len());
    }
}

/// Attacks: L25, C15, G03.
#[test]
fn every_page_asks_for_our_own_files_alone_and_holds_no_style_or_script_of_its_own() {
    for (name, html) in samples::render(&pages()) {
        let asks = html.contains(" data-passkey=")
            || html.contains(" data-accepted=")
            || html.contains(" data-shows=")
            || name == "form-post";
        for tag in tags(&html) {
            if asks && tag.name == "script" {
                assert!(tag.attributes["src"].starts_with("/assets/"), "{tag:?}");
                continue;
            }
            assert!(
                !["script", "style", "iframe", "base"].contains(&&*tag.name),
                "{name}: {tag:?}"
            );
            for (attribute, value) in &tag.attributes {
                let is_logo = tag.name == "img" && value.starts_with("data:image/");
                assert!(
                    attribute != "style"
                        && (attribute != "src" || is_logo)
                        && !attribute.starts_with("on"),
                    "{name}: {tag:?}"
                );
            }
            if tag.name == "link" {
                let href = &tag.attributes["href"];
                assert!(
                    href.starts_with("/assets/") || href.starts_with("data:image/svg+xml,"),
                    "{name}: {href}"
                );
            }
        }
    }
}

#[test]
fn every_id_is_given_once_and_every_reference_to_one_leads_somewhere() {
    for (name, html) in samples::render(&pages()) {
        let tags = tags(&html);
        let ids: Vec<&String> = tags
            .iter()
            .filter_map(|tag| tag.attributes.get("id"))
            .collect();
        assert_eq!(
            ids.len(),
            ids.iter().collect::<BTreeSet<_>>().len(),
            "{name}: {ids:?}"
        );
        for tag in &tags {
            for attribute in ["for", "aria-describedby", "aria-labelledby"] {
                let targets = tag.attributes.get(attribute);
                for target in targets.iter().flat_map(|list| list.split(' ')) {
                    assert!(ids.iter().any(|id| *id == target), "{name}: {tag:?}");
                }
            }
            if let Some(target) = tag
                .attributes
                .get("href")
                .and_then(|href| href.strip_prefix('#'))
            {
                assert!(ids.iter().any(|id| *id == target), "{name}: {tag:?}");
            }
        }
    }
}

#[test]
fn every_field_a_person_fills_in_has_a_label_and_says_what_it_is_for() {
    for (name, html) in samples::render(&pages()) {
        let tags = tags(&html);
        for input in tags
            .iter()
            .filter(|tag| tag.name == "input" && !tag.is("type", "hidden"))
        {
            let id = &input.attributes["id"];
            assert!(
                tags.iter()
                    .any(|tag| tag.name == "label" && tag.is("for", id)),
                "{name}: {input:?}"
            );
            assert!(
                input.is("type", "checkbox") || input.attributes.contains_key("autocomplete"),
                "{name}: {input:?}"
            );
            assert!(
                !input.attributes.contains_key("maxlength"),
                "{name}: {input:?}"
            );
        }
        for form in tags.iter().filter(|tag| tag.name == "form") {
            assert!(form.is("method", "post"), "{name}: {form:?}");
        }
    }
}

#[test]
fn the_sign_in_form_is_what_password_managers_and_tests_look_for() {
    let html = sample("sign-in");
    let form = html
        .split("<form")
        .nth(1)
        .unwrap()
        .split("</form>")
        .next()
        .unwrap();
    assert_snapshot!(format!("<form{form}</form>"), @r#"
    <form id="login-form" method="post" action="/login">
    <input type="hidden" name="pending" value="sc_pend_AQEBAQEBAQEBAQEBAQEB">
    <div class="field">
    <label for="username">Username</label>
    <input id="username" name="username" type="text" dir="auto" value="" autocomplete="username webauthn" autocapitalize="none" autocorrect="off" spellcheck="false" autofocus>
    </div>
    <div class="field">
    <label for="password">Password</label>
    <input id="password" name="password" type="password" autocomplete="current-password">
    <button class="link show" type="button" data-shows="password" data-hide="Hide password" hidden>Show password</button>
    </div>
    <button class="button primary" id="login-submit" type="submit">Sign in</button>
    </form>
    "#);
}

#[test]
fn a_failed_sign_in_says_so_in_the_title_on_top_and_at_the_field() {
    let html = sample("sign-in-wrong");
    assert!(html.contains("<title>Error: Sign in – Safeconduct</title>"));
    assert_eq!(
        html.matches("The username or password is not right. Check both and try again.")
            .count(),
        2
    );
    let tags = tags(&html);
    let summary = tags.iter().find(|tag| tag.is("role", "alert")).unwrap();
    assert!(summary.is("tabindex", "-1") && summary.attributes.contains_key("autofocus"));
    assert!(
        tags.iter()
            .any(|tag| tag.name == "a" && tag.is("href", "#username"))
    );
    let (username, password) = (by_id(&tags, "username"), by_id(&tags, "password"));
    for field in [username, password] {
        assert!(
            field.is("aria-invalid", "true") && field.is("aria-describedby", "username-problem")
        );
    }
    assert!(username.is("value", "alice"));
    assert!(!password.attributes.contains_key("value"));
}

#[rstest]
#[case("sign-in-missing-username", &["Enter your username."])]
#[case("sign-in-missing-password", &["Enter your password."])]
#[case("sign-in-missing-both", &["Enter your username.", "Enter your password."])]
#[case("sign-in-again-wrong", &["The password is not right. Check it and try again."])]
fn what_is_wrong_with_a_field_is_said_twice(#[case] state: &str, #[case] texts: &[&str]) {
    let html = sample(state);
    for text in texts {
        assert_eq!(html.matches(text).count(), 2, "{text}");
    }
    assert_eq!(html.matches("class=\"field-problem\"").count(), texts.len());
}

#[rstest]
#[case(1, "Too many attempts. Wait 1 minute, then try again.")]
#[case(15, "Too many attempts. Wait 15 minutes, then try again.")]
fn a_throttled_user_learns_how_long_to_wait(#[case] minutes: u32, #[case] text: &str) {
    let html = pages().sign_in(&SignInPage {
        problem: Some(SignInProblem::Throttled { minutes }),
        ..SignInPage::default()
    });
    assert!(html.contains(text));
}

#[test]
fn signing_in_again_names_the_account_and_keeps_it() {
    let html = pages().sign_in(&SignInPage {
        reauthenticate: Some("alice"),
        username: "mallory",
        ..SignInPage::default()
    });
    let tags = tags(&html);
    let username = by_id(&tags, "username");
    assert!(username.is("value", "alice") && username.attributes.contains_key("readonly"));
    assert!(
        by_id(&tags, "password")
            .attributes
            .contains_key("autofocus")
    );
    assert!(!html.contains("mallory"));
}

#[test]
fn a_notice_stands_beside_the_form_only_where_there_is_one() {
    let noted = sample("sign-in-notice");
    assert!(noted.contains("<li><bdi>alice with password correct-horse-demo</bdi></li>"));
    assert!(!sample("sign-in").contains("notice"));
}

#[test]
fn signing_in_again_leads_to_another_account_only_where_it_may_be_another() {
    let may_be_another = sample("sign-in-again-or-another");
    let tags = tags(&may_be_another);
    assert!(by_id(&tags, "use-another-account").is("type", "submit"));
    let (mine, other) = may_be_another.split_once("</form>").unwrap();
    assert!(mine.contains("action=\"/login\"") && other.contains("action=\"/login/switch\""));
    assert!(!other.contains("password"));
    assert!(!sample("sign-in-again").contains("use-another-account"));
}

#[rstest]
#[case("sign-in", "pending")]
#[case("select-account", "pending")]
#[case("consent", "pending")]
#[case("home", "back")]
#[case("refusal-link", "back")]
#[case("refusal-link-received", "arrival")]
#[case("error-entry", "back")]
#[case("fault", "back")]
#[case("signed-out", "back")]
fn a_page_that_can_be_shown_again_offers_every_language(#[case] name: &str, #[case] by: &str) {
    let mut samples = samples::render(page_set().of(Language::Japanese)).into_iter();
    let html = samples.find(|(found, _)| found == name).unwrap().1;
    let (_, foot) = html.split_once("<footer").unwrap();
    assert!(foot.contains("method=\"post\" action=\"/language\""));
    assert!(foot.contains(&format!("name=\"{by}\"")));
    for language in Language::ALL {
        let tag = language.tag();
        let selected = match language {
            Language::Japanese => " selected",
            _ => "",
        };
        let option = format!("<option value=\"{tag}\" lang=\"{tag}\"{selected}>");
        assert!(foot.contains(&option), "{option}");
    }
}

#[test]
fn a_hint_fills_the_username_and_leaves_it_open() {
    let tags = tags(&sample("sign-in-hinted"));
    let username = by_id(&tags, "username");
    assert!(username.is("value", "alice") && !username.attributes.contains_key("readonly"));
    assert!(
        by_id(&tags, "password")
            .attributes
            .contains_key("autofocus")
    );
}

#[test]
fn choosing_an_account_is_one_form_with_two_ways_out() {
    let html = sample("select-account");
    let tags = tags(&html);
    let form = by_id(&tags, "select-account-form");
    assert!(form.is("method", "post") && form.is("action", "/login/continue"));
    let goes_on = by_id(&tags, "select-account-continue");
    assert!(goes_on.is("type", "submit") && !goes_on.attributes.contains_key("formaction"));
    let other = by_id(&tags, "select-account-other");
    assert!(other.is("type", "submit") && other.is("formaction", "/login/switch"));
    let (form, foot) = html.split_once("<footer").unwrap();
    assert_eq!(form.matches("name=\"pending\"").count(), 1);
    assert_eq!(foot.matches("name=\"pending\"").count(), 1);
    assert!(html.contains("Continue as <strong><bdi>alice</bdi></strong>"));
}

#[test]
fn allow_and_deny_differ_in_nothing_but_their_meaning() {
    for (name, html) in samples::render(&pages()) {
        if !name.starts_with("consent") {
            continue;
        }
        let tags = tags(&html);
        let (deny, allow) = (by_id(&tags, "consent-deny"), by_id(&tags, "consent-allow"));
        assert!(deny.is("value", "deny") && allow.is("value", "allow"));
        for button in [deny, allow] {
            assert!(
                button.is("name", "decision")
                    && button.is("type", "submit")
                    && button.is("class", "button")
            );
        }
        assert!(
            !tags
                .iter()
                .any(|tag| tag.attributes.contains_key("autofocus")),
            "{name}"
        );
    }
}

#[test]
fn consent_names_the_client_its_host_the_account_the_api_and_each_scope() {
    let html = sample("consent");
    for said in [
        "Allow <bdi>Demo Notes</bdi> to use your account?",
        "The app will return you to <strong><bdi>notes.example</bdi></strong>",
        "You are <strong><bdi>alice</bdi></strong>",
        "It will use <strong><bdi>Notes API</bdi></strong>",
        "https://api.example.com",
        "Who you are",
        "See your name and picture",
        "Read your notes",
        "Add to your notes and change them",
        "While you are away",
        "Keep access while you are not using the app, until you remove it",
    ] {
        assert!(html.contains(said), "{said}");
    }
    assert!(!html.contains("New</span>"));
}

#[test]
fn a_wider_request_marks_what_is_new_and_recalls_what_was_allowed() {
    let html = sample("consent-more");
    let (asked, allowed) = html.split_once("You have already allowed").unwrap();
    assert!(asked.contains("Add to your notes and change them"));
    assert_eq!(asked.matches("<span class=\"chip\">New</span>").count(), 1);
    assert!(allowed.contains("Read your notes") && !allowed.contains("New</span>"));
}

#[test]
fn a_scope_without_a_text_is_shown_with_a_warning() {
    let html = sample("consent-unknown");
    assert!(html.contains("Permission <code><bdi>reports.sync</bdi></code>, no description given"));
    assert!(html.contains("Allow it only if you know what it is for."));
}

#[rstest]
fn no_scope_is_lost_whatever_its_kind(
    #[values(
        ScopeKind::Identity,
        ScopeKind::Read,
        ScopeKind::Change,
        ScopeKind::WhileAway,
        ScopeKind::Unknown
    )]
    kind: ScopeKind,
) {
    let scope = |text| ScopeLine {
        name: "the.scope",
        text,
        is_new: false,
        kind,
    };
    let html = pages().consent(&ConsentPage {
        scopes: &[scope(Some("Do the thing")), scope(None)],
        ..ConsentPage::default()
    });
    assert!(html.contains("Do the thing") && html.contains("the.scope"));
}

#[test]
fn a_client_is_shown_with_its_logo_and_what_it_says_about_itself() {
    let html = sample("consent-more");
    for part in [
        "<img class=\"logo\" src=\"data:image/svg+xml;base64,PHN2",
        "href=\"https://notes.example/privacy\" rel=\"noreferrer\"",
        "href=\"https://notes.example/terms\" rel=\"noreferrer\"",
    ] {
        assert!(html.contains(part), "{part}");
        assert!(!sample("consent").contains(part), "{part}");
    }
}

#[rstest]
#[case::by_itself("consent-openid", &["Know that it is you"])]
#[case::a_single_claim("consent-openid-claim", &["See your email address"])]
#[case::everything(
    "consent-openid-all",
    &[
        "See your name, your picture and the rest of your profile",
        "See your email address",
        "See your phone number",
        "See your postal address",
        "Keep access while you are not using the app, until you remove it",
    ]
)]
fn openid_is_a_line_of_its_own_only_where_nothing_else_is_asked(
    #[case] name: &str,
    #[case] lines: &[&str],
) {
    let html = sample(name);
    let said = html.matches("<span><bdi>").count();
    assert_eq!(said, lines.len(), "{html}");
    for line in lines {
        assert!(html.contains(&format!("<span><bdi>{line}</bdi></span>")));
    }
    assert!(html.contains("Who you are") && !html.contains("openid"));
}

#[test]
fn openid_asked_or_allowed_alone_is_still_said() {
    let pages = pages();
    let [openid, email] = ["openid", "email"].map(|name| pages.built_in_scope(name).unwrap());
    let consent = |scopes: &[ScopeLine<'_>], already_allowed: &[ScopeLine<'_>]| {
        pages.consent(&ConsentPage {
            scopes,
            already_allowed,
            ..ConsentPage::default()
        })
    };
    let more = consent(&[openid], &[email]);
    let (asked, allowed) = more.split_once("You have already allowed").unwrap();
    assert!(asked.contains("Know that it is you") && allowed.contains("See your email address"));
    let less = consent(&[email], &[openid]);
    let (asked, allowed) = less.split_once("You have already allowed").unwrap();
    assert!(asked.contains("See your email address") && allowed.contains("Know that it is you"));
}

#[test]
fn a_scope_that_is_no_part_of_openid_connect_has_no_words_of_its_own() {
    for name in ["notes.read", "OpenID", "", "scope-openid"] {
        assert!(pages().built_in_scope(name).is_none(), "{name}");
    }
}

#[test]
fn an_app_on_this_computer_comes_with_a_warning() {
    assert!(sample("consent-loopback").contains("This is an app on this computer."));
    assert!(!sample("consent").contains("This is an app on this computer."));
}

#[test]
fn a_refusal_repeats_what_was_sent_and_nothing_new_to_a_stranger() {
    let html = sample("refusal-link-received");
    assert!(html.contains("<code id=\"error-code\">redirect-uri-not-registered</code>"));
    assert!(html.contains("<dd><bdi>http://notes.example.com/auth/callback/</bdi></dd>"));
    assert!(!html.contains("registered: "));
    assert!(
        sample("refusal-link-developer")
            .contains("registered: https://notes.example.com/auth/callback")
    );
}

#[test]
fn what_was_received_is_cut_where_it_is_long_or_much() {
    let long = "x".repeat(65_536);
    let received = vec![("state", &*long); 1000];
    let html = pages().refusal(&RefusalPage {
        kind: RefusalKind::of_status(400),
        status: 400,
        name: "request-too-large",
        sentence: "",
        what_to_do: "",
        correlation_id: "",
        way_back: None,
        received: &received,
        developer: None,
        recover_url: None,
        again: None,
    });
    assert!(html.contains(&format!("<bdi>{}…</bdi>", "x".repeat(200))));
    assert!(html.contains("and 976 more parameters"));
    assert!(html.len() < 10 * 1024);
}

/// Attacks: R10.
#[test]
fn a_link_to_a_script_is_no_link() {
    let answered = pages().already_answered(ClientLink {
        client_url: Some("javascript:alert(1)"),
        ..ClientLink::default()
    });
    assert!(!answered.contains("javascript:"));
    assert!(sample("already-answered-linked").contains("href=\"https://notes.example/\""));
}

#[test]
fn an_answer_by_form_carries_each_field_to_the_redirect_uri_and_submits_itself() {
    let html = sample("form-post");
    let tags = tags(&html);
    let script = only(&tags, "script");
    assert!(html.contains("></script>"), "the script is a file");
    let name = script.attributes["src"].strip_prefix("/assets/").unwrap();
    let pages = page_set();
    let file = pages.asset(name).unwrap();
    assert_eq!(file.content_type, "text/javascript; charset=utf-8");
    let source = std::str::from_utf8(&file.bytes).unwrap();
    assert!(source.contains("document.getElementById(\"form-post\").submit()"));
    let form = html.split("<form").nth(1).unwrap();
    assert_snapshot!(format!("<form{}</form>", form.split("</form>").next().unwrap()), @r#"
    <form id="form-post" method="post" action="https://notes.example/auth/callback">
    <input type="hidden" name="code" value="sc_code_AQEBAQEBAQEBAQEBAQEB">
    <input type="hidden" name="state" value="af0ifjsldkj">
    <input type="hidden" name="iss" value="https://id.example">
    <button class="button primary" id="form-post-continue" type="submit">Continue</button>
    </form>
    "#);
}

/// Whatever the `state` is, the client gets it back unchanged.
/// Attacks: Q07.
#[test]
fn a_field_of_an_answer_is_escaped_and_loses_nothing() {
    let state = "\"><script>&amp;'\u{202e}\u{200b}\r\n\té\u{1f600}\u{85}";
    let html = pages().form_post(&FormPostPage {
        action: "https://notes.example/?a=1&b=2",
        fields: &[("state", state)],
        ..FormPostPage::default()
    });
    let tags = tags(&html);
    let field = tags.iter().find(|tag| tag.is("name", "state")).unwrap();
    assert!(field.is(
        "value",
        "&quot;&gt;&lt;script&gt;&amp;amp;&#39;&#8238;&#8203;&#13;&#10;&#9;&#233;&#128512;\u{85}"
    ));
    assert!(by_id(&tags, "form-post").is("action", "https://notes.example/?a=1&amp;b=2"));
}

#[test]
fn signing_out_for_an_app_names_it_and_where_one_returns_to() {
    let html = sample("sign-out-requested");
    assert!(html.contains("<strong><bdi>Demo Notes</bdi></strong> asks to sign you out"));
    assert!(html.contains("Afterwards you return to <strong><bdi>notes.example</bdi></strong>"));
    let tags = tags(&html);
    assert!(by_id(&tags, "logout-form").is("action", "/logout/confirm"));
    assert!(by_id(&tags, "logout-yes").is("type", "submit"));
    assert!(by_id(&tags, "logout-no").is("href", "/"));
    let request = tags.iter().find(|tag| tag.is("name", "logout")).unwrap();
    assert!(request.is("type", "hidden") && request.is("value", "sc_lgrq_AQEBAQEBAQEBAQEBAQEB"));
    assert!(tags.iter().any(|tag| tag.is("name", "csrf")));
}

#[test]
fn a_logout_request_that_could_not_be_verified_leads_nowhere_and_says_so() {
    let html = sample("sign-out-unverified");
    assert!(html.contains("could not be verified, so you will not be sent back to it."));
    assert!(!html.contains("name=\"logout\"") && !html.contains("Afterwards you return"));
    assert!(!sample("sign-out").contains("could not be verified"));
}

#[test]
fn the_end_of_a_session_tells_which_apps_know_of_it_and_which_do_not() {
    let html = sample("signed-out-not-told");
    let (warned, told) = html.split_once("You are also signed out of").unwrap();
    let (_, not_told) = warned.split_once("You may still be signed in to").unwrap();
    assert!(not_told.contains("Acme Calendar") && not_told.contains("Acme Mail"));
    assert!(told.contains("<li><bdi>Demo Notes</bdi></li>") && !told.contains("Acme"));
    let return_link = tags(&html);
    let return_link = by_id(&return_link, "signed-out-return");
    assert!(return_link.is("href", "https://notes.example/signed-out"));

    let all_told = sample("signed-out-told");
    assert!(!all_told.contains("You may still be signed in"));
    assert!(sample("signed-out").contains("You may still be signed in to apps you have opened."));
    for name in ["signed-out", "signed-out-told", "signed-out-not-told"] {
        assert!(only(&tags(&sample(name)), "h1").is("id", "signed-out"));
    }
}

#[rstest]
#[case("https://notes.example/bye", true)]
#[case("http://127.0.0.1:8421/bye", true)]
#[case("com.example.app:/bye", true)]
#[case("javascript:alert(1.5)", false)]
#[case("data:text/html,a.b", false)]
#[case("/bye", false)]
#[case("//notes.example/a:b", false)]
fn one_returns_to_apps_only(#[case] url: &str, #[case] linked: bool) {
    let client_name = "Demo Notes";
    let html = pages().signed_out(&SignedOutPage {
        return_to: Some(ReturnTo { client_name, url }),
        ..SignedOutPage::default()
    });
    assert_eq!(html.contains(&format!("href=\"{url}\"")), linked);
    assert_eq!(html.contains("signed-out-return"), linked);
}

/// Ends attributes, elements and comments, opens others, and turns the text around it.
const HOSTILE: &str = "'\"><script>alert(1)</script><img src=x onerror=alert(1)>--></title></textarea>&lt;{{ 7777*7777 }}\u{202e}\u{2066}\0";

/// A value in every text field of every page, and in lists of two.
fn everywhere(pages: &Pages, value: &str) -> Vec<Page> {
    let mut rendered = questions(pages, value);
    rendered.extend(answers(pages, value));
    rendered.extend(refusals(pages, value));
    rendered
}

fn questions(pages: &Pages, value: &str) -> Vec<Page> {
    let scope = |text, kind| ScopeLine {
        name: value,
        text,
        is_new: true,
        kind,
    };
    let scopes = [
        scope(Some(value), ScopeKind::Read),
        scope(None, ScopeKind::Unknown),
    ];
    let notice = Notice {
        heading: value.to_owned(),
        lines: vec![value.to_owned(), value.to_owned()],
    };
    let sign_in = SignInPage {
        client_name: value,
        client_host: value,
        action: value,
        pending: value,
        username: value,
        problem: Some(SignInProblem::WrongCredentials),
        reauthenticate: None,
        use_another_account_action: Some(value),
        recover_url: Some(value),
        sign_up_action: Some(value),
        notice: Some(&notice),
        passkey: None,
    };
    let again = SignInPage {
        reauthenticate: Some(value),
        ..sign_in.clone()
    };
    let consent = ConsentPage {
        client_name: value,
        client_host: value,
        logo: Some(value),
        policy_uri: Some(value),
        tos_uri: Some(value),
        loopback: true,
        account: value,
        action: value,
        use_another_account_action: value,
        pending: value,
        resource: Some(ResourceLine {
            name: value,
            uri: value,
        }),
        scopes: &scopes,
        already_allowed: &scopes,
    };
    let select_account = SelectAccountPage {
        client_name: value,
        client_host: value,
        account: value,
        continue_action: value,
        use_another_account_action: value,
        pending: value,
    };
    vec![
        pages.sign_in(&sign_in),
        pages.sign_in(&again),
        pages.select_account(&select_account),
        pages.consent(&consent),
    ]
}

fn refusals(pages: &Pages, value: &str) -> [Page; 3] {
    let url = format!("https://{value}");
    let refusal = RefusalPage {
        kind: RefusalKind::SignInLink,
        status: 400,
        name: value,
        sentence: value,
        what_to_do: value,
        correlation_id: value,
        way_back: Some(ClientLink {
            client_name: value,
            client_host: value,
            client_url: Some(&url),
        }),
        received: &[(value, value), (value, value)],
        developer: Some(Developer {
            detail: &[value, value],
        }),
        recover_url: None,
        again: Some(value),
    };
    let led_on = RefusalPage {
        way_back: None,
        recover_url: Some(value),
        again: None,
        ..refusal.clone()
    };
    let entry = ErrorEntryPage {
        name: value,
        error: value,
        spec: value,
        sentence: value,
        what_to_do: value,
    };
    [
        pages.refusal(&refusal),
        pages.refusal(&led_on),
        pages.error_entry(&entry),
    ]
}

fn answers(pages: &Pages, value: &str) -> Vec<Page> {
    let url = format!("https://{value}");
    let answered = ClientLink {
        client_name: value,
        client_host: value,
        client_url: Some(&url),
    };
    let unlinked = ClientLink {
        client_url: None,
        ..answered
    };
    let signed_in = SignedIn {
        account: value,
        sign_out_action: value,
        csrf: value,
    };
    let home = HomePage {
        signed_in: Some(signed_in),
        unclear: false,
    };
    let sign_out = SignOutPage {
        signed_in,
        requested_by: Some(value),
        told: &[value, value],
        returns_to: Some(value),
        logout: Some(value),
        unverified: true,
    };
    let signed_out = SignedOutPage {
        told: &[value, value],
        not_told: &[value, value],
        return_to: Some(ReturnTo {
            client_name: value,
            url: &url,
        }),
    };
    let form_post = FormPostPage {
        client_name: value,
        client_host: value,
        action: value,
        fields: &[(value, value), (value, value)],
    };
    vec![
        pages.already_answered(answered),
        pages.already_answered(unlinked),
        pages.form_post(&form_post),
        pages.sign_out_confirm(&sign_out),
        pages.signed_out(&signed_out),
        pages.home(&home),
        pages.fault(value, value),
    ]
}

/// Attacks: L25, G03.
#[test]
fn a_hostile_value_changes_no_structure_and_no_direction() {
    let shape = |html: &str| -> Vec<(String, Vec<String>)> {
        let tags = tags(html).into_iter();
        tags.map(|tag| (tag.name, tag.attributes.into_keys().collect()))
            .collect()
    };
    let hostile_product = PageSet::new(HOSTILE, HOSTILE, &Look::default()).unwrap();
    let hostile_product = hostile_product.of(Language::English);
    let harmless = everywhere(&pages(), "harmless");
    for (hostile, harmless) in everywhere(hostile_product, HOSTILE).iter().zip(&harmless) {
        assert_ne!(hostile.html, LAST_RESORT);
        assert_eq!(shape(hostile), shape(harmless), "{}", hostile.html);
        assert_eq!(
            hostile.matches("<script").count(),
            harmless.matches("<script").count()
        );
        assert!(!hostile.contains("60481729"));
        assert!(!hostile.contains(['\u{202e}', '\u{2066}', '\0']));
        assert!(hostile.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
    }
}

#[test]
fn a_link_starts_with_the_path_of_the_issuer() {
    let set = PageSet::new("Acme", "/tenant/", &Look::default()).unwrap();
    let pages = set.of(Language::English);
    let path = &set.stylesheet().path;
    assert!(path.starts_with("/assets/safeconduct-") && path.ends_with(".css"));
    let html = pages.sign_out_confirm(&SignOutPage::default());
    assert!(html.contains(&format!("href=\"/tenant{path}\"")));
    assert!(html.contains("href=\"/tenant/\""));
}

#[test]
fn a_file_is_found_by_the_name_its_content_gives_it_and_by_no_other() {
    let pages = page_set();
    let path = &pages.stylesheet().path;
    let name = path.strip_prefix("/assets/").unwrap();
    assert_eq!(&pages.asset(name).unwrap().path, path);
    for other in ["", "safeconduct.css", "form-post.js", "mark.svg", &**path] {
        assert!(pages.asset(other).is_none(), "{other}");
    }
}

/// Attacks: L10.
#[test]
fn a_page_may_be_framed_by_nobody_and_posted_on_to_anybody() {
    let policy = headers()
        .iter()
        .find(|(name, _)| *name == "content-security-policy")
        .unwrap()
        .1;
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"));
    assert!(!policy.contains("form-action") && !policy.contains("unsafe"));
    for (name, value) in headers() {
        assert!(http::HeaderName::from_static(name).as_str() == *name);
        assert!(http::HeaderValue::from_static(value).to_str().is_ok());
    }
}

#[test]
fn the_stylesheet_is_small_and_asks_for_nothing() {
    let pages = page_set();
    let stylesheet = pages.stylesheet();
    assert_eq!(stylesheet.content_type, "text/css; charset=utf-8");
    assert!(
        stylesheet.bytes.len() < 14 * 1024,
        "{} bytes",
        stylesheet.bytes.len()
    );
    let css = std::str::from_utf8(&stylesheet.bytes).unwrap();
    assert!(!css.contains("url(") && !css.contains("@import"));
}

/// WCAG 2.2: 1.4.6 for text, 1.4.11 for edges and the focus ring.
#[test]
fn our_colours_can_be_told_apart() {
    let pages = page_set();
    let css = std::str::from_utf8(&pages.stylesheet().bytes).unwrap();
    let mut seen = 0;
    for (at, (least, fronts, grounds)) in [0, 1]
        .into_iter()
        .flat_map(|at| PAIRS.iter().map(move |pair| (at, pair)))
    {
        for front in *fronts {
            for ground in *grounds {
                let [ours, behind] =
                    [front, ground].map(|name| of_stylesheet(css, name, at).unwrap());
                let contrast = ours.contrast(behind);
                assert!(
                    contrast >= *least,
                    "{front} on {ground}, {at}: {contrast:.2}"
                );
                seen += 1;
            }
        }
    }
    assert_eq!(seen, 2 * 25);
}

/// A look in which nothing is ours.
fn look_of_acme() -> Look {
    let purple = Shade {
        light: Colour::parse("#6a1b9a"),
        dark: Colour::parse("#e1bee7"),
    };
    let logo = b"<svg xmlns=\"http://www.w3.org/2000/svg\"/>".to_vec();
    Look {
        logo: Some(Image::new(logo).unwrap()),
        colours: Colours {
            accent: purple,
            ..Colours::default()
        },
        links: Links {
            help: Some("mailto:help@acme.example".to_owned()),
            privacy: Some("https://acme.example/privacy?a=b&c=d".to_owned()),
            terms: None,
        },
        sign_in_text: Language::ALL.map(|language| format!("<b>{language}</b>")),
    }
}

#[test]
fn an_own_look_is_on_every_page_and_served_by_us() {
    let pages = PageSet::new("Acme", "/tenant", &look_of_acme()).unwrap();
    for language in Language::ALL {
        for (name, html) in samples::render(pages.of(language)) {
            // Two pages stand by themselves, and lead on at once.
            let is_framed = html.contains("class=\"brand\"");
            for part in [
                "<img src=\"/tenant/assets/logo-",
                "href=\"mailto:help@acme.example\"",
                "href=\"https://acme.example/privacy?a=b&amp;c=d\"",
            ] {
                assert_eq!(html.contains(part), is_framed, "{name} {language}: {part}");
            }
            assert!(!html.contains("link-terms"), "{name}");
            assert!(!html.contains("<b>"), "{name}");
        }
    }
    let sign_in = pages.of(Language::German).sign_in(&SignInPage::default());
    assert!(sign_in.contains("&lt;b&gt;de&lt;/b&gt;"));
    let (_, rest) = sign_in.split_once("/tenant/assets/logo-").unwrap();
    let name = format!("logo-{}", rest.split_once('"').unwrap().0);
    assert_eq!(pages.asset(&name).unwrap().content_type, "image/svg+xml");
}

#[test]
fn chosen_colours_win_and_bring_those_that_follow_from_them() {
    let [ours, own] =
        [Look::default(), look_of_acme()].map(|look| PageSet::new("Acme", "", &look).unwrap());
    let [ours, own] = [ours, own].map(|pages| pages.stylesheet().clone());
    assert_ne!(ours.path, own.path);
    let css = std::str::from_utf8(&own.bytes).unwrap();
    let added = css
        .strip_prefix(std::str::from_utf8(&ours.bytes).unwrap())
        .unwrap();
    let purple = "@layer tokens { :root { --accent: light-dark(#6a1b9a, #e1bee7);--accent-hover: light-dark(#56167e, #e6c9eb);--on-accent: light-dark(#ffffff, #000000); } }\n";
    assert_eq!(added, purple);
}
