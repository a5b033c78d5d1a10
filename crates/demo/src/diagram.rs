//! The flow as a picture: a sequence diagram in SVG, one arrow for each request and each answer that really went.
//!
//! Colours and type come from the app's stylesheet, so that the picture follows the page into the dark.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde::Serialize;

use super::message::{Answer, Body, Message, Party};
use super::story::Step;

const PARTIES: [Party; 4] = [Party::Browser, Party::App, Party::Server, Party::Api];
const WIDTH: usize = 760;
const HEAD: usize = 64;
const ROW: usize = 36;
const FOOT: usize = 16;
/// Where the step numbers stand.
const MARGIN: usize = 20;
const FIRST_LIFELINE: usize = 96;
const BETWEEN_LIFELINES: usize = 196;
/// How many letters fit between two lifelines next to each other.
const LETTERS: usize = 25;

/// One arrow.
struct Arrow<'a> {
    /// When it went, in the recorder's count.
    moment: u64,
    step: usize,
    from: Party,
    to: Party,
    is_answer: bool,
    label: String,
    message: &'a Message,
}

/// Draws the messages of `steps`.
pub(crate) fn draw(steps: &[Step<'_>]) -> String {
    let mut arrows: Vec<Arrow<'_>> = steps.iter().flat_map(arrows_of).collect();
    arrows.sort_by_key(|arrow| arrow.moment);
    let height = HEAD + arrows.len() * ROW + FOOT;
    let mut svg = String::new();
    let _ = write!(
        svg,
        r#"<svg class="diagram" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img" aria-labelledby="diagram-title diagram-text">"#
    );
    svg.push_str(
        r#"<title id="diagram-title">The messages of this sign-in, in their order</title>"#,
    );
    let _ = write!(
        svg,
        r#"<desc id="diagram-text">{}</desc>"#,
        escape(&in_words(&arrows))
    );
    svg.push_str(concat!(
        r#"<defs><marker id="asks" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" markerHeight="8" orient="auto-start-reverse"><path class="head" d="M0 0 10 5 0 10z"/></marker>"#,
        r#"<marker id="answers" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" markerHeight="8" orient="auto-start-reverse"><path class="head open" d="M1 1 9 5 1 9"/></marker></defs>"#,
    ));
    for party in PARTIES {
        let x = lifeline(party);
        let _ = write!(
            svg,
            r#"<line class="life" x1="{x}" y1="{top}" x2="{x}" y2="{bottom}"/><rect class="party {name}" x="{left}" y="12" width="112" height="34" rx="9"/><text class="name" x="{x}" y="34">{name}</text>"#,
            top = HEAD - 18,
            bottom = height - FOOT + 8,
            left = x - 56,
            name = party.name(),
        );
    }
    let mut begun = BTreeSet::new();
    for (row, arrow) in arrows.iter().enumerate() {
        let y = HEAD + row * ROW + ROW / 2 + 6;
        // Not in the order of the numbers: after a renewal the API is called again.
        if begun.insert(arrow.step) {
            draw_step(&mut svg, arrow.step, y);
        }
        draw_arrow(&mut svg, arrow, y);
    }
    svg.push_str("</svg>");
    svg
}

fn draw_step(svg: &mut String, step: usize, y: usize) {
    let _ = write!(
        svg,
        r#"<circle class="dot" cx="{MARGIN}" cy="{y}" r="11"/><text class="number" x="{MARGIN}" y="{}">{step}</text>"#,
        y + 4
    );
}

fn draw_arrow(svg: &mut String, arrow: &Arrow<'_>, y: usize) {
    let (start, end) = (lifeline(arrow.from), lifeline(arrow.to));
    let (kind, head) = if arrow.is_answer {
        ("answers", "answers")
    } else {
        ("asks", "asks")
    };
    let refused = if arrow.is_answer && arrow.message.answer.status >= 400 {
        " refused"
    } else {
        ""
    };
    let room = LETTERS * start.abs_diff(end) / BETWEEN_LIFELINES;
    let _ = write!(
        svg,
        r##"<g class="{kind}{refused}"><line x1="{start}" y1="{y}" x2="{end}" y2="{y}" marker-end="url(#{head})"/><text x="{}" y="{}">{}</text></g>"##,
        (start + end) / 2,
        y - 7,
        escape(&cut(&arrow.label, room)),
    );
}

fn arrows_of<'a>(step: &Step<'a>) -> Vec<Arrow<'a>> {
    let number = step.number;
    let drawn = step
        .messages
        .iter()
        .filter(|message| PARTIES.contains(&message.from));
    drawn
        .flat_map(|message| {
            let arrow = |moment, from, to, is_answer, label| Arrow {
                moment,
                step: number,
                from,
                to,
                is_answer,
                label,
                message,
            };
            [
                arrow(
                    message.began,
                    message.from,
                    message.to,
                    false,
                    asked(message),
                ),
                arrow(
                    message.ended,
                    message.to,
                    message.from,
                    true,
                    answered(&message.answer),
                ),
            ]
        })
        .collect()
}

/// A request and its answer in words, for screens that are too narrow for the picture.
#[derive(Serialize)]
pub(crate) struct Said {
    #[serde(skip)]
    began: u64,
    step: usize,
    from: Party,
    to: Party,
    asked: String,
    answered: String,
    refused: bool,
}

/// What the picture shows, as a list in the order of the requests.
pub(crate) fn list(steps: &[Step<'_>]) -> Vec<Said> {
    let messages = steps.iter().flat_map(|step| {
        step.messages
            .iter()
            .map(move |message| (step.number, *message))
    });
    let mut said: Vec<Said> = messages
        .filter(|(_, message)| PARTIES.contains(&message.from))
        .map(|(step, message)| Said {
            began: message.began,
            step,
            from: message.from,
            to: message.to,
            asked: asked(message),
            answered: answered(&message.answer),
            refused: message.answer.status >= 400,
        })
        .collect();
    said.sort_by_key(|said| said.began);
    said
}

/// A request in a few words: what it offers at the token endpoint, and whether the sender proved to hold a key.
fn asked(message: &Message) -> String {
    let offer = match message.request.shown("grant_type") {
        "authorization_code" => " code",
        "refresh_token" => " renew",
        _ => "",
    };
    let proof = match message.request.proof {
        Some(_) => " + proof",
        None => "",
    };
    format!("{}{offer}{proof}", message.line())
}

/// An answer in a few words.
pub(crate) fn answered(answer: &Answer) -> String {
    let status = answer.status;
    if let Some(redirect) = &answer.redirect {
        let path = redirect
            .to
            .split_once("://")
            .and_then(|(_, rest)| rest.find('/').map(|at| &rest[at..]));
        let with = if redirect.field("code").is_some() {
            " with a code"
        } else {
            ""
        };
        return format!("{status} to {}{with}", path.unwrap_or(&redirect.to));
    }
    match &answer.body {
        Body::Json(json) if json["error"].is_string() => {
            format!("{status} {}", json["error"].as_str().unwrap_or_default())
        }
        Body::Json(json) if json["active"].is_boolean() => {
            format!("{status} active: {}", json["active"])
        }
        Body::Json(json) if json["access_token"].is_string() => {
            let kinds = [
                ("id_token", "ID"),
                ("access_token", "access"),
                ("refresh_token", "refresh"),
            ];
            let given = kinds.iter().filter(|(name, _)| json[name].is_string());
            let given: Vec<&str> = given.map(|(_, kind)| *kind).collect();
            let noun = if given.len() == 1 { " token" } else { "" };
            format!("{status} {}{noun}", given.join(", "))
        }
        Body::Json(json) if json["request_uri"].is_string() => format!("{status} a reference"),
        Body::Json(json) if json["sub"].is_string() => format!("{status} who it is"),
        Body::Json(_) => format!("{status} JSON"),
        Body::Page(title) => format!(
            "{status} “{}”",
            title.split(" – ").next().unwrap_or_default()
        ),
        _ => status.to_string(),
    }
}

/// The same for whoever does not see it.
fn in_words(arrows: &[Arrow<'_>]) -> String {
    let sentences: Vec<String> = arrows
        .iter()
        .map(|arrow| {
            let verb = if arrow.is_answer { "answers" } else { "asks" };
            format!(
                "The {} {verb} the {}: {}.",
                arrow.from.name(),
                arrow.to.name(),
                arrow.label
            )
        })
        .collect();
    sentences.join(" ")
}

fn lifeline(party: Party) -> usize {
    let position = PARTIES
        .iter()
        .position(|one| *one == party)
        .unwrap_or_default();
    FIRST_LIFELINE + position * BETWEEN_LIFELINES
}

fn cut(label: &str, letters: usize) -> String {
    match label.char_indices().nth(letters) {
        Some((end, _)) => format!("{}…", label[..end].trim_end()),
        None => label.to_owned(),
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use axum::body::Bytes;
    use safeconduct_protocol::dpop::ProofKey;
    use safeconduct_protocol::time::Timestamp;

    use super::*;
    use crate::message::{DPOP, Request};

    /// A request of the app's with a proof.
    fn message(
        position: u64,
        to: Party,
        (method, path, form): (&str, &str, &'static str),
        (status, json): (u16, &'static str),
    ) -> Message {
        let at = Timestamp::from_seconds(1_000_000);
        let proof = ProofKey::generate().prove(method, "http://localhost", None, None, at);
        let asked = http::Request::builder()
            .method(method)
            .uri(path)
            .header(DPOP, proof.unwrap())
            .header("content-type", "application/x-www-form-urlencoded")
            .body(());
        let answered = http::Response::builder()
            .status(status)
            .header("content-type", "application/json")
            .body(());
        Message {
            began: position * 10,
            ended: position * 10 + 1,
            from: Party::App,
            to,
            at,
            milliseconds: 1,
            request: Request::of(
                &asked.unwrap().into_parts().0,
                &Bytes::from_static(form.as_bytes()),
            ),
            answer: Answer::of(
                &answered.unwrap().into_parts().0,
                &Bytes::from_static(json.as_bytes()),
            ),
        }
    }

    #[test]
    fn a_label_fits_and_is_no_markup() {
        assert_eq!(cut("GET /notes", 25), "GET /notes");
        assert_eq!(
            cut("GET /a-path-that-is-much-too-long", 12),
            "GET /a-path-…"
        );
        assert_eq!(escape("200 “<b>&\"”"), "200 “&lt;b&gt;&amp;&quot;”");
    }

    #[test]
    fn the_list_says_in_words_what_the_picture_shows() {
        let renewal = message(
            1,
            Party::Server,
            ("POST", "/token", "grant_type=refresh_token"),
            (200, r#"{"access_token":"a","refresh_token":"r"}"#),
        );
        let call = message(2, Party::Api, ("GET", "/notes", ""), (401, ""));
        let step = |number, message| Step {
            number,
            title: String::new(),
            from: Party::App,
            to: Party::Server,
            said: String::new(),
            proof: String::new(),
            checks: Vec::new(),
            messages: vec![message],
        };
        // The API is called again after a renewal.
        let steps = [step(7, &call), step(8, &renewal)];
        let words: Vec<String> = list(&steps)
            .iter()
            .map(|said| {
                let (from, to) = (said.from.name(), said.to.name());
                format!(
                    "{} {from} → {to} {} · {}",
                    said.step, said.asked, said.answered
                )
            })
            .collect();
        assert_eq!(
            words,
            [
                "8 app → server POST /token renew + proof · 200 access, refresh",
                "7 app → API GET /notes + proof · 401",
            ]
        );
        let picture = draw(&steps);
        for said in list(&steps) {
            assert!(
                picture.contains(&format!(">{}</text>", said.asked)),
                "{}",
                said.asked
            );
        }
        assert_eq!(picture.matches("class=\"number\"").count(), 2);
        assert_eq!(list(&steps).iter().filter(|said| said.refused).count(), 1);
    }

    #[test]
    fn a_picture_of_nothing_is_still_a_picture() {
        let svg = draw(&[]);
        assert!(
            svg.starts_with("<svg") && svg.ends_with("</svg>") && !svg.contains("class=\"asks\"")
        );
    }
}
