//! The errors reference (`docs/reference/errors.md`) has an entry for every refusal, and no other: the same name, the same error
//! code, the same section and the same sentence as the registry, with why and what to do.

use std::collections::BTreeMap;

use safeconduct_protocol::error::{Entry, REGISTRY};

const REFERENCE: &str = include_str!("../../../docs/reference/errors.md");

/// The paragraphs below each `### name`.
fn entries() -> BTreeMap<&'static str, Vec<&'static str>> {
    let mut entries = BTreeMap::new();
    for section in REFERENCE.split("\n### ").skip(1) {
        let section = section
            .split_once("\n## ")
            .map_or(section, |(entry, _)| entry);
        let mut paragraphs = section.split("\n\n").map(str::trim);
        let name = paragraphs.next().unwrap_or_default();
        let twice = entries.insert(name, paragraphs.collect());
        assert!(twice.is_none(), "{name} has two entries");
    }
    entries
}

#[test]
fn every_refusal_has_its_entry_and_every_entry_its_refusal() {
    let entries = entries();
    let documented: Vec<&str> = entries.keys().copied().collect();
    let mut registered: Vec<&str> = REGISTRY.iter().map(|entry| entry.name).collect();
    registered.sort_unstable();
    assert_eq!(documented, registered);
}

#[test]
fn an_entry_says_what_the_registry_says() {
    let entries = entries();
    for Entry {
        name,
        error,
        spec,
        public,
        ..
    } in &REGISTRY
    {
        let [facts, sentence, why, remedy] = entries[name].as_slice() else {
            panic!("{name}: not facts, sentence, why and what to do");
        };
        let expected = format!("`{}` · {spec} · ", error.as_str());
        let seen_where = facts.strip_prefix(&expected).unwrap_or_default();
        assert!(!seen_where.is_empty(), "{name}: {facts} is not {expected}…");
        assert_eq!(*sentence, format!("> {public}"), "{name}");
        assert!(says_something(why, "**Why:** "), "{name}: {why}");
        assert!(says_something(remedy, "**Do:** "), "{name}: {remedy}");
    }
}

fn says_something(paragraph: &str, begins: &str) -> bool {
    paragraph
        .strip_prefix(begins)
        .is_some_and(|text| text.len() > 20 && text.ends_with('.'))
}
