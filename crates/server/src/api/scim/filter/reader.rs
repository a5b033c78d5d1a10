//! Reads the text of a filter, or of a path with one in brackets: one pass, with a stack of what is still open.

use serde_json::Value;

use super::compare::{Comparison, Operator, refused};
use super::steps::{Filter, Step};
use crate::api::scim::{
    error::ScimError,
    schema::{Attribute, Kind, Named, ResourceType},
    value::boolean,
};

/// The longest filter, in bytes.
const LONGEST: usize = 16 * 1024;
/// How deep parentheses, brackets and negations may stand in one another.
const DEEPEST: usize = 32;
/// The most comparisons.
const MOST_TERMS: usize = 64;

/// Reads a filter over resources of a kind.
///
/// # Errors
/// `invalidFilter`.
pub(crate) fn parse(kind: ResourceType, text: &str) -> Result<Filter, ScimError> {
    let mut reader = Reader::over(kind, text)?;
    let steps = reader.expression(None)?;
    if !reader.rest.is_empty() {
        return Err(refused("Something stands behind the end of the filter."));
    }
    Ok(Filter { steps })
}

/// What a path names (RFC 7644 §3.5.2).
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ValuePath {
    /// An attribute, or a part of one where there are no brackets.
    pub(crate) named: Named,
    /// Which of its values.
    pub(crate) filter: Option<Filter>,
    /// Which part of those.
    pub(crate) part: Option<&'static Attribute>,
}

impl ValuePath {
    fn of(named: Named) -> Self {
        Self {
            named,
            filter: None,
            part: None,
        }
    }
}

/// Reads a path; `None` if it is none.
///
/// # Errors
/// `invalidFilter` for what stands in the brackets.
pub(crate) fn value_path(kind: ResourceType, text: &str) -> Result<Option<ValuePath>, ScimError> {
    let Some((name, in_brackets)) = text.split_once('[') else {
        return Ok(Some(ValuePath::of(kind.named(text.trim()))));
    };
    let named = kind.named(name.trim());
    let attribute = match named {
        Named::Kept {
            attribute,
            part: None,
        } if attribute.multi_valued && !attribute.parts.is_empty() => attribute,
        Named::Kept { .. } | Named::Schema => return Ok(None),
        Named::NotKept | Named::Unknown => return Ok(Some(ValuePath::of(named))),
    };
    let mut reader = Reader::over(kind, in_brackets)?;
    let steps = reader.expression(Some(attribute))?;
    let Some(behind) = reader.rest.strip_prefix(']').map(str::trim) else {
        return Ok(None);
    };
    let mut path = ValuePath::of(named);
    path.filter = Some(Filter { steps });
    if behind.is_empty() {
        return Ok(Some(path));
    }
    let Some(part) = behind.strip_prefix('.') else {
        return Ok(None);
    };
    match attribute.part(part) {
        Some(part) => path.part = Some(part),
        None if part.eq_ignore_ascii_case("display") => path = ValuePath::of(Named::NotKept),
        None => path = ValuePath::of(Named::Unknown),
    }
    Ok(Some(path))
}

struct Reader<'t> {
    kind: ResourceType,
    rest: &'t str,
    terms: usize,
}

/// What was opened and not closed yet, or waits for its right side.
#[derive(Clone, Copy, PartialEq)]
enum Open {
    Parenthesis,
    Not,
    And,
    Or,
}

impl<'t> Reader<'t> {
    fn over(kind: ResourceType, text: &'t str) -> Result<Self, ScimError> {
        if text.len() > LONGEST {
            return Err(refused(format!("A filter has at most {LONGEST} bytes.")));
        }
        Ok(Self {
            kind,
            rest: text,
            terms: 0,
        })
    }

    /// An expression to its end: that of the text, or the bracket behind it where it is `within` an attribute.
    fn expression(&mut self, within: Option<&'static Attribute>) -> Result<Vec<Step>, ScimError> {
        let mut steps = Vec::new();
        let mut open: Vec<Open> = Vec::new();
        loop {
            self.skip_spaces();
            if self.take('(') {
                let depth = open
                    .iter()
                    .filter(|each| **each == Open::Parenthesis)
                    .count();
                if depth >= DEEPEST {
                    return Err(refused(format!("A filter is at most {DEEPEST} deep.")));
                }
                open.push(Open::Parenthesis);
                continue;
            }
            if self.negates() {
                open.push(Open::Not);
                continue;
            }
            self.operand(within, &mut steps)?;
            loop {
                self.skip_spaces();
                if !self.rest.starts_with(')') {
                    break;
                }
                close(&mut open, &mut steps)?;
                self.rest = &self.rest[1..];
            }
            if self.rest.is_empty() || self.rest.starts_with(']') {
                break;
            }
            let operator = match self.word() {
                word if word.eq_ignore_ascii_case("and") => Open::And,
                word if word.eq_ignore_ascii_case("or") => Open::Or,
                _ => return Err(refused("Between two comparisons stands and, or or.")),
            };
            while let Some(waiting @ (Open::And | Open::Or)) = open.last().copied() {
                if operator == Open::And && waiting == Open::Or {
                    break;
                }
                open.pop();
                steps.push(step_of(waiting));
            }
            open.push(operator);
        }
        if within.is_none() && self.rest.starts_with(']') {
            return Err(refused("A bracket is closed that was not opened."));
        }
        while let Some(waiting) = open.pop() {
            match waiting {
                Open::And | Open::Or => steps.push(step_of(waiting)),
                Open::Parenthesis | Open::Not => {
                    return Err(refused("A parenthesis is not closed."));
                }
            }
        }
        Ok(steps)
    }

    /// A comparison, or an attribute with a filter of its values in brackets.
    fn operand(
        &mut self,
        within: Option<&'static Attribute>,
        steps: &mut Vec<Step>,
    ) -> Result<(), ScimError> {
        let name = self.word();
        let (attribute, part) = self.named(name, within)?;
        if !self.take('[') {
            let comparison = self.comparison(attribute, part)?;
            steps.push(Step::Compare(comparison));
            return Ok(());
        }
        if within.is_some()
            || part.is_some()
            || !attribute.multi_valued
            || attribute.parts.is_empty()
        {
            return Err(refused(
                "Brackets stand behind an attribute of several values.",
            ));
        }
        // What stands in brackets holds none: this goes one level down and no further.
        let mut of_value = self.expression(Some(attribute))?;
        if !self.take(']') {
            return Err(refused("A bracket is not closed."));
        }
        // Entra asks for emails[type eq "work"].value eq "ada@example.com".
        if self.take('.') {
            let name = self.word();
            let part = attribute
                .part(name)
                .ok_or_else(|| refused(format!("{} has no such part.", attribute.name)))?;
            let comparison = self.comparison(part, None)?;
            of_value.extend([Step::Compare(comparison), Step::And]);
        }
        steps.push(Step::Any {
            attribute,
            of_value,
        });
        Ok(())
    }

    fn comparison(
        &mut self,
        attribute: &'static Attribute,
        part: Option<&'static Attribute>,
    ) -> Result<Comparison, ScimError> {
        self.terms += 1;
        if self.terms > MOST_TERMS {
            return Err(refused(format!(
                "A filter has at most {MOST_TERMS} comparisons."
            )));
        }
        self.skip_spaces();
        let operator = Operator::parse(self.word()).ok_or_else(|| {
            refused("Behind an attribute stands eq, ne, co, sw, ew, pr, gt, ge, lt or le.")
        })?;
        let value = match operator {
            Operator::Present => Value::Null,
            _ => self.literal()?,
        };
        let part = match (attribute.kind, part) {
            (Kind::Complex, None)
                if attribute.significant_part().is_none() && operator != Operator::Present =>
            {
                return Err(refused(format!(
                    "A part of {} is compared.",
                    attribute.name
                )));
            }
            (_, part) => part,
        };
        Comparison::new(attribute, part, operator, value)
    }

    fn named(
        &self,
        name: &str,
        within: Option<&'static Attribute>,
    ) -> Result<(&'static Attribute, Option<&'static Attribute>), ScimError> {
        if let Some(attribute) = within {
            let part = attribute.part(name);
            let part =
                part.ok_or_else(|| refused(format!("{} has no such part.", attribute.name)))?;
            return Ok((part, None));
        }
        match self.kind.named(name) {
            Named::Kept { attribute, part } => Ok((attribute, part)),
            _ => Err(refused(format!(
                "A {} has no such attribute to look for: see /Schemas.",
                self.kind.name()
            ))),
        }
    }

    /// `not` before a parenthesis.
    fn negates(&mut self) -> bool {
        let Some(word) = self
            .rest
            .get(..3)
            .filter(|word| word.eq_ignore_ascii_case("not"))
        else {
            return false;
        };
        let behind = self.rest[word.len()..].trim_start_matches(' ');
        let negates = behind.starts_with('(');
        if negates {
            self.rest = behind;
        }
        negates
    }

    /// A value as JSON writes it.
    fn literal(&mut self) -> Result<Value, ScimError> {
        self.skip_spaces();
        let end = match self.rest.starts_with('"') {
            true => end_of_text(self.rest).ok_or_else(|| refused("A text is not closed."))?,
            false => self.rest.find([' ', ')', ']']).unwrap_or(self.rest.len()),
        };
        let (literal, rest) = self.rest.split_at(end);
        let is_value = |value: &Value| !value.is_array() && !value.is_object();
        let value = serde_json::from_str(literal).ok().filter(is_value);
        // Writers of Entra's and others say True.
        let value = value.or_else(|| boolean(literal).map(Value::Bool));
        self.rest = rest;
        value.ok_or_else(|| {
            refused("A value is a text in double quotes, a number, true, false or null.")
        })
    }

    fn word(&mut self) -> &'t str {
        let end = self
            .rest
            .find([' ', '(', ')', '[', ']', '"'])
            .unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word
    }

    fn take(&mut self, char: char) -> bool {
        let taken = self.rest.strip_prefix(char);
        self.rest = taken.unwrap_or(self.rest);
        taken.is_some()
    }

    fn skip_spaces(&mut self) {
        self.rest = self.rest.trim_start_matches(' ');
    }
}

/// Takes off what waits inside of a parenthesis, and a negation before it.
fn close(open: &mut Vec<Open>, steps: &mut Vec<Step>) -> Result<(), ScimError> {
    loop {
        match open.pop() {
            Some(Open::Parenthesis) => break,
            Some(waiting @ (Open::And | Open::Or)) => steps.push(step_of(waiting)),
            Some(Open::Not) | None => {
                return Err(refused("A parenthesis is closed that was not opened."));
            }
        }
    }
    if open.last() == Some(&Open::Not) {
        open.pop();
        steps.push(Step::Not);
    }
    Ok(())
}

fn step_of(waiting: Open) -> Step {
    match waiting {
        Open::And => Step::And,
        Open::Or => Step::Or,
        Open::Not | Open::Parenthesis => Step::Not,
    }
}

/// Where a text in double quotes ends.
fn end_of_text(text: &str) -> Option<usize> {
    let mut escaped = false;
    for (position, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Some(position + 1),
            _ => {}
        }
    }
    None
}
