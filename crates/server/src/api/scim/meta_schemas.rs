//! The schemas of what discovery answers with (RFC 7643 §5 to §7).

use super::schema::{
    Attribute, Kind, complex, exact, link, of, read_only, required, several, text,
};

const SUPPORTED: Attribute = required(read_only(of("supported", Kind::Boolean, "Whether it is.")));

const FEATURE: &[Attribute] = &[SUPPORTED];

const BULK: &[Attribute] = &[
    SUPPORTED,
    required(read_only(of(
        "maxOperations",
        Kind::Integer,
        "The most operations of one request.",
    ))),
    required(read_only(of(
        "maxPayloadSize",
        Kind::Integer,
        "The largest body, in bytes.",
    ))),
];

const FILTER: &[Attribute] = &[
    SUPPORTED,
    required(read_only(of(
        "maxResults",
        Kind::Integer,
        "The most resources that a filter looks at.",
    ))),
];

const PAGINATION: &[Attribute] = &[
    required(read_only(of(
        "cursor",
        Kind::Boolean,
        "Whether there are cursors.",
    ))),
    required(read_only(of(
        "index",
        Kind::Boolean,
        "Whether there is a start index.",
    ))),
    read_only(text(
        "defaultPaginationMethod",
        "What is used where nothing is said.",
    )),
    read_only(of(
        "defaultPageSize",
        Kind::Integer,
        "The resources on a page where nothing is said.",
    )),
    read_only(of(
        "maxPageSize",
        Kind::Integer,
        "The most resources on a page.",
    )),
    read_only(of(
        "cursorTimeout",
        Kind::Integer,
        "For how many seconds a cursor is good.",
    )),
];

const SCHEME: &[Attribute] = &[
    required(read_only(text("type", "Which it is."))),
    required(read_only(text("name", "What it is called."))),
    required(read_only(text("description", "What it is."))),
    read_only(link("specUri", "Where it is specified.", &["external"])),
    read_only(link(
        "documentationUri",
        "Where it is documented.",
        &["external"],
    )),
    read_only(of(
        "primary",
        Kind::Boolean,
        "Whether it is the one to use.",
    )),
];

/// What the configuration holds.
pub(super) static OF_CONFIG: [Attribute; 9] = [
    read_only(link(
        "documentationUri",
        "Where it is documented.",
        &["external"],
    )),
    required(read_only(complex("patch", "PATCH.", FEATURE))),
    required(read_only(complex("bulk", "Bulk requests.", BULK))),
    required(read_only(complex("filter", "Filters.", FILTER))),
    required(read_only(complex("changePassword", "Passwords.", FEATURE))),
    required(read_only(complex("sort", "Sorting.", FEATURE))),
    required(read_only(complex("etag", "Versions.", FEATURE))),
    read_only(complex("pagination", "Pages (RFC 9865).", PAGINATION)),
    required(read_only(several(
        "authenticationSchemes",
        "How requests are authenticated.",
        SCHEME,
    ))),
];

const EXTENSION: &[Attribute] = &[
    required(read_only(link("schema", "Its schema.", &["uri"]))),
    required(read_only(of(
        "required",
        Kind::Boolean,
        "Whether every resource has it.",
    ))),
];

/// What a kind of resource holds.
pub(super) static OF_RESOURCE_TYPE: [Attribute; 6] = [
    read_only(text("id", "Its id.")),
    required(read_only(text("name", "Its name."))),
    read_only(text("description", "What it is.")),
    required(read_only(link(
        "endpoint",
        "Where resources of it are.",
        &["uri"],
    ))),
    required(read_only(link("schema", "Its schema.", &["uri"]))),
    read_only(several("schemaExtensions", "Its other schemas.", EXTENSION)),
];

macro_rules! of_attribute {
    ($($parts:expr)?) => {
        &[
            required(read_only(exact(text("name", "Its name.")))),
            required(read_only(text("type", "What its values are."))),
            $($parts,)?
            required(read_only(of("multiValued", Kind::Boolean, "Whether there may be several."))),
            read_only(text("description", "What it is.")),
            required(read_only(of("required", Kind::Boolean, "Whether every resource has it."))),
            read_only(Attribute { multi_valued: true, ..exact(text("canonicalValues", "Values that have a meaning.")) }),
            read_only(of("caseExact", Kind::Boolean, "Whether values differ by case alone.")),
            read_only(text("mutability", "Who writes it.")),
            read_only(text("returned", "When it is sent.")),
            read_only(text("uniqueness", "Among what no two are the same.")),
            read_only(Attribute { multi_valued: true, ..exact(text("referenceTypes", "What an address leads to.")) }),
        ]
    };
}

const OF_PART: &[Attribute] = of_attribute!();
const OF_ATTRIBUTE: &[Attribute] =
    of_attribute!(read_only(several("subAttributes", "Its parts.", OF_PART)));

/// What a schema holds.
pub(super) static OF_SCHEMA: [Attribute; 4] = [
    required(read_only(text("id", "Its name."))),
    read_only(text("name", "What people call it.")),
    read_only(text("description", "What it is of.")),
    required(read_only(several(
        "attributes",
        "What there is.",
        OF_ATTRIBUTE,
    ))),
];
