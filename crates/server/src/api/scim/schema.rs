//! What SCIM holds of users and groups (RFC 7643), and what it means: the one table that discovery publishes, filters and paths are read by,
//! and values are judged by. An attribute that is kept nowhere is in none of it.

/// The schema of a user.
pub(crate) const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
/// The schema of a group.
pub(crate) const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
/// The schema of employees, of which nothing is kept (RFC 7643 §4.3).
pub(crate) const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// The attribute that says who is in a group.
pub(crate) const MEMBERS: &str = "members";

/// What the values of an attribute are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Text.
    Text,
    /// True or false.
    Boolean,
    /// An address.
    Reference,
    /// A point in time, as RFC 3339 writes it.
    Time,
    /// A whole number.
    Integer,
    /// Sub-attributes.
    Complex,
}

/// Who may write an attribute, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mutability {
    /// The server.
    ReadOnly,
    /// Every client, always.
    ReadWrite,
    /// Every client, as long as the value that it is part of is new.
    Immutable,
    /// Every client; nobody reads it.
    WriteOnly,
}

/// An attribute, or a part of one.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Attribute {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    /// Whether there may be several values.
    pub(crate) multi_valued: bool,
    pub(crate) required: bool,
    /// Whether values differ that differ in case alone.
    pub(crate) case_exact: bool,
    pub(crate) mutability: Mutability,
    /// Whether no two resources have the same value.
    pub(crate) unique: bool,
    /// Values that have a meaning.
    pub(crate) canonical: &'static [&'static str],
    /// What an address leads to.
    pub(crate) references: &'static [&'static str],
    pub(crate) description: &'static str,
    pub(crate) parts: &'static [Attribute],
}

pub(super) const fn of(name: &'static str, kind: Kind, description: &'static str) -> Attribute {
    Attribute {
        name,
        kind,
        multi_valued: false,
        required: false,
        case_exact: false,
        mutability: Mutability::ReadWrite,
        unique: false,
        canonical: &[],
        references: &[],
        description,
        parts: &[],
    }
}

pub(super) const fn text(name: &'static str, description: &'static str) -> Attribute {
    of(name, Kind::Text, description)
}

pub(super) const fn complex(
    name: &'static str,
    description: &'static str,
    parts: &'static [Attribute],
) -> Attribute {
    Attribute {
        parts,
        ..of(name, Kind::Complex, description)
    }
}

pub(super) const fn several(
    name: &'static str,
    description: &'static str,
    parts: &'static [Attribute],
) -> Attribute {
    Attribute {
        multi_valued: true,
        ..complex(name, description, parts)
    }
}

pub(super) const fn exact(attribute: Attribute) -> Attribute {
    Attribute {
        case_exact: true,
        ..attribute
    }
}

pub(super) const fn required(attribute: Attribute) -> Attribute {
    Attribute {
        required: true,
        ..attribute
    }
}

pub(super) const fn read_only(attribute: Attribute) -> Attribute {
    Attribute {
        mutability: Mutability::ReadOnly,
        ..attribute
    }
}

const fn immutable(attribute: Attribute) -> Attribute {
    Attribute {
        mutability: Mutability::Immutable,
        ..attribute
    }
}

const fn canonical(attribute: Attribute, canonical: &'static [&'static str]) -> Attribute {
    Attribute {
        canonical,
        ..attribute
    }
}

pub(super) const fn link(
    name: &'static str,
    description: &'static str,
    references: &'static [&'static str],
) -> Attribute {
    Attribute {
        references,
        case_exact: true,
        ..of(name, Kind::Reference, description)
    }
}

const PRIMARY: Attribute = of(
    "primary",
    Kind::Boolean,
    "Whether it is the one that is used.",
);

const NAME: &[Attribute] = &[
    text("familyName", "The last name."),
    text("givenName", "The first name."),
    text("middleName", "The names between them."),
];

const EMAIL: &[Attribute] = &[
    required(text("value", "The address.")),
    canonical(text("type", "What it is for."), &["work", "home", "other"]),
    PRIMARY,
];

const PHONE_NUMBER: &[Attribute] = &[
    required(text("value", "The number.")),
    canonical(
        text("type", "What it is for."),
        &["work", "home", "mobile", "fax", "pager", "other"],
    ),
    PRIMARY,
];

const ADDRESS: &[Attribute] = &[
    text(
        "formatted",
        "The whole of it, as it is written on a letter.",
    ),
    text("streetAddress", "Street and number."),
    text("locality", "The town."),
    text("region", "The state or region."),
    text("postalCode", "The postal code."),
    text("country", "The country."),
    canonical(text("type", "What it is for."), &["work", "home", "other"]),
];

const GROUP_OF_USER: &[Attribute] = &[
    read_only(exact(text("value", "The id of the group."))),
    read_only(link("$ref", "Where the group is.", &["Group"])),
    read_only(text("display", "What the group is called.")),
    read_only(canonical(
        text("type", "How the user belongs to it."),
        &["direct"],
    )),
];

const MEMBER: &[Attribute] = &[
    immutable(exact(text("value", "The id of the user."))),
    immutable(link("$ref", "Where the user is.", &["User"])),
    immutable(canonical(text("type", "What the member is."), &["User"])),
];

const META: &[Attribute] = &[
    read_only(exact(text("resourceType", "What it is."))),
    read_only(of("created", Kind::Time, "When it was made.")),
    read_only(of("lastModified", Kind::Time, "When it last changed.")),
    read_only(link("location", "Where it is.", &["uri"])),
    read_only(exact(text("version", "Its version, as in the ETag."))),
];

/// What every resource has (RFC 7643 §3.1). Schemas leave them out.
pub(crate) static COMMON: [Attribute; 4] = [
    Attribute {
        unique: true,
        ..read_only(exact(text("id", "The id, never given twice.")))
    },
    exact(text("externalId", "What the client calls it.")),
    Attribute {
        multi_valued: true,
        ..read_only(text("schemas", "The schemas of the resource."))
    },
    read_only(complex("meta", "What the server knows about it.", META)),
];

/// What is kept of a user.
pub(crate) static OF_USER: [Attribute; 13] = [
    required(Attribute {
        unique: true,
        ..text("userName", "The name to sign in with.")
    }),
    complex("name", "The parts of the name.", NAME),
    text("displayName", "What the user is called."),
    text("nickName", "What friends call the user."),
    link("profileUrl", "A page about the user.", &["external"]),
    text("locale", "The language and region, such as en-GB."),
    text("timezone", "The time zone, such as Europe/London."),
    required(of(
        "active",
        Kind::Boolean,
        "Whether the user may sign in. False ends every session and grant. Left out when a user is made, it is true.",
    )),
    Attribute {
        mutability: Mutability::WriteOnly,
        case_exact: true,
        ..text(
            "password",
            "A new password. It ends every session and grant.",
        )
    },
    several(
        "emails",
        "The mail address: of several, one is kept.",
        EMAIL,
    ),
    several(
        "phoneNumbers",
        "The telephone number: of several, one is kept.",
        PHONE_NUMBER,
    ),
    several(
        "addresses",
        "The postal address: of several, one is kept.",
        ADDRESS,
    ),
    read_only(several("groups", "The groups of the user.", GROUP_OF_USER)),
];

/// What is kept of a group.
pub(crate) static OF_GROUP: [Attribute; 2] = [
    required(Attribute {
        unique: true,
        ..exact(text(
            "displayName",
            "What people read. The first one is also the name that apps see, and that does not change.",
        ))
    }),
    several(MEMBERS, "The users in the group.", MEMBER),
];

/// Attributes of the standard that are kept nowhere: clients send them as a matter of course, and they are passed over (RFC 7643 §4.1).
const OF_USER_NOT_KEPT: [&str; 8] = [
    "title",
    "userType",
    "preferredLanguage",
    "ims",
    "photos",
    "entitlements",
    "roles",
    "x509Certificates",
];

const OF_NAME_NOT_KEPT: [&str; 3] = ["formatted", "honorificPrefix", "honorificSuffix"];

/// A kind of resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ResourceType {
    /// A user.
    User,
    /// A group.
    Group,
}

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Named {
    /// An attribute, or a part of one.
    Kept {
        attribute: &'static Attribute,
        part: Option<&'static Attribute>,
    },
    /// An attribute of the standard that is not kept.
    NotKept,
    /// A whole schema.
    Schema,
    /// Nothing.
    Unknown,
}

impl ResourceType {
    /// Its name.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::User => "User",
            Self::Group => "Group",
        }
    }

    /// Its schema.
    pub(crate) const fn schema(self) -> &'static str {
        match self {
            Self::User => USER,
            Self::Group => GROUP,
        }
    }

    /// Where resources of it are, below the base.
    pub(crate) const fn endpoint(self) -> &'static str {
        match self {
            Self::User => "/Users",
            Self::Group => "/Groups",
        }
    }

    /// What is kept of it, without what all have in common.
    pub(crate) fn attributes(self) -> &'static [Attribute] {
        match self {
            Self::User => &OF_USER,
            Self::Group => &OF_GROUP,
        }
    }

    /// The attribute of this name, in any case.
    pub(crate) fn attribute(self, name: &str) -> Option<&'static Attribute> {
        find(&COMMON, name).or_else(|| find(self.attributes(), name))
    }

    /// What `name` stands for: `userName`, `name.givenName`, and the same behind the name of a schema (RFC 7644 §3.10).
    pub(crate) fn named(self, name: &str) -> Named {
        let name = match without_schema(name, self.schema()) {
            Some("") => return Named::Schema,
            Some(rest) => rest,
            None if self == Self::User && without_schema(name, ENTERPRISE).is_some() => {
                return Named::NotKept;
            }
            None => name,
        };
        let (name, part) = match name.split_once('.') {
            Some((name, part)) => (name, Some(part)),
            None => (name, None),
        };
        let is_one_of =
            |names: &[&str], name: &str| names.iter().any(|each| each.eq_ignore_ascii_case(name));
        let Some(attribute) = self.attribute(name) else {
            return match self == Self::User && is_one_of(&OF_USER_NOT_KEPT, name) {
                true => Named::NotKept,
                false => Named::Unknown,
            };
        };
        let Some(part) = part else {
            return Named::Kept {
                attribute,
                part: None,
            };
        };
        match find(attribute.parts, part) {
            Some(part) => Named::Kept {
                attribute,
                part: Some(part),
            },
            None if attribute.name == "name" && is_one_of(&OF_NAME_NOT_KEPT, part) => {
                Named::NotKept
            }
            None if attribute.multi_valued && part.eq_ignore_ascii_case("display") => {
                Named::NotKept
            }
            None if attribute.name == "addresses" && part.eq_ignore_ascii_case("primary") => {
                Named::NotKept
            }
            None => Named::Unknown,
        }
    }
}

impl Attribute {
    /// The part of this name, in any case.
    pub(crate) fn part(&self, name: &str) -> Option<&'static Attribute> {
        find(self.parts, name)
    }

    /// The part that a value of several is meant by where none is named (RFC 7644 §3.4.2.2: `emails co` is `emails.value co`).
    pub(crate) fn significant_part(&self) -> Option<&'static Attribute> {
        find(self.parts, "value")
    }
}

fn find(attributes: &'static [Attribute], name: &str) -> Option<&'static Attribute> {
    attributes
        .iter()
        .find(|attribute| attribute.name.eq_ignore_ascii_case(name))
}

/// What stands behind the name of `schema` and its colon; nothing where it is the schema itself.
fn without_schema<'n>(name: &'n str, schema: &str) -> Option<&'n str> {
    let begins = name.get(..schema.len())?.eq_ignore_ascii_case(schema);
    let rest = &name[schema.len()..];
    match begins {
        true if rest.is_empty() => Some(""),
        true => rest.strip_prefix(':'),
        false => None,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("userName", Some(("userName", None)))]
    #[case("USERNAME", Some(("userName", None)))]
    #[case("name.GivenName", Some(("name", Some("givenName"))))]
    #[case("urn:ietf:params:scim:schemas:core:2.0:User:userName", Some(("userName", None)))]
    #[case("URN:IETF:params:scim:schemas:core:2.0:user:emails.value", Some(("emails", Some("value"))))]
    #[case("id", Some(("id", None)))]
    #[case("meta.lastModified", Some(("meta", Some("lastModified"))))]
    #[case("title", None)]
    #[case("name.formatted", None)]
    #[case(
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber",
        None
    )]
    fn an_attribute_is_named_in_any_case_and_with_its_schema(
        #[case] name: &str,
        #[case] is: Option<(&str, Option<&str>)>,
    ) {
        let named = ResourceType::User.named(name);
        let expected = match (named, is) {
            (Named::Kept { attribute, part }, Some(is)) => {
                (attribute.name, part.map(|part| part.name)) == is
            }
            (Named::NotKept, None) => true,
            _ => false,
        };
        assert!(expected, "{name}: {named:?}");
    }

    #[rstest]
    #[case("admin")]
    #[case("")]
    #[case(".")]
    #[case("userName.value")]
    #[case("emails.")]
    #[case("urn:ietf:params:scim:schemas:core:2.0:Group:displayName")]
    #[case("urn:ietf:params:scim:schemas:core:2.0:UserX")]
    #[case("é")]
    fn what_no_schema_has_is_unknown(#[case] name: &str) {
        assert_eq!(ResourceType::User.named(name), Named::Unknown);
    }

    #[test]
    fn groups_have_attributes_of_their_own() {
        assert_eq!(ResourceType::Group.named("title"), Named::Unknown);
        assert_eq!(ResourceType::Group.named(GROUP), Named::Schema);
        assert!(matches!(
            ResourceType::Group.named("members.display"),
            Named::NotKept
        ));
    }
}
