//! A filter as it was read, and what it says of resources.

use serde_json::{Map, Value};

use super::compare::Comparison;
use super::lookup::Lookup;
use crate::api::scim::{
    error::{ScimError, ScimType},
    schema::{Attribute, ResourceType},
};

/// Something that resources are asked for: steps on a stack of truths, the last of which is the answer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Filter {
    pub(super) steps: Vec<Step>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Step {
    /// Puts whether it holds on the stack.
    Compare(Comparison),
    /// The same for whether any value of an attribute fits; a filter in brackets holds no brackets.
    Any {
        attribute: &'static Attribute,
        of_value: Vec<Step>,
    },
    Not,
    And,
    Or,
}

impl Filter {
    /// Whether a resource, in the form that is sent, is one that is asked for.
    pub(crate) fn holds(&self, resource: &Map<String, Value>) -> bool {
        holds(
            &self.steps,
            |comparison| comparison.holds(resource),
            |attribute, steps| {
                let Some(Value::Array(values)) = resource.get(attribute.name) else {
                    return false;
                };
                values.iter().any(|value| of_value(steps, value))
            },
        )
    }

    /// Whether one value of an attribute is, in a filter of what stands in brackets.
    pub(crate) fn holds_of_value(&self, value: &Value) -> bool {
        of_value(&self.steps, value)
    }

    /// What can be looked up instead of everything, if all that the filter admits is among it.
    pub(crate) fn lookups(&self, kind: ResourceType) -> Option<Vec<Lookup>> {
        lookups_and(
            &self.steps,
            &|comparison| comparison.lookup(kind),
            &|attribute, of_value| {
                lookups(of_value, &|comparison| comparison.lookup_within(attribute))
            },
        )
    }

    /// The same of a filter in brackets: all that a part of the values may be where it holds.
    pub(crate) fn lookups_of_values(&self, part: &str) -> Option<Vec<String>> {
        let found = lookups(&self.steps, &|comparison| {
            let (attribute, value) = comparison.demanded()?;
            (attribute.name == part).then(|| value.as_str().unwrap_or_default().to_owned())
        });
        let is_only_this = |step: &Step| match step {
            Step::Compare(comparison) => {
                comparison.demanded().is_some_and(|(of, _)| of.name == part)
            }
            Step::Or => true,
            _ => false,
        };
        found.filter(|_| self.steps.iter().all(is_only_this))
    }

    /// The users that it asks whether they are in a group, by name: nobody else in one is looked at.
    ///
    /// # Errors
    /// `invalidFilter` for members that are asked for in another way.
    pub(crate) fn members_asked_for(&self) -> Result<Vec<String>, ScimError> {
        let mut asked = Vec::new();
        for step in &self.steps {
            let found = match step {
                Step::Compare(comparison) if comparison.is_of("members") => comparison
                    .lookup(ResourceType::Group)
                    .map(|lookup| vec![lookup.value]),
                Step::Any {
                    attribute,
                    of_value,
                } if attribute.name == "members" => {
                    let within = Filter {
                        steps: of_value.clone(),
                    };
                    within.lookups_of_values("value")
                }
                _ => continue,
            };
            let told = "Members are asked for by members eq, or members.value eq.";
            asked.extend(found.ok_or_else(|| ScimError::of(ScimType::InvalidFilter, told))?);
        }
        Ok(asked)
    }

    /// The parts that a value must have for certain, with what they must be: what an add makes where nothing fits (Entra).
    pub(crate) fn demanded(&self) -> Vec<(&'static Attribute, &Value)> {
        let is_only_and = |step: &Step| matches!(step, Step::Compare(_) | Step::And);
        if !self.steps.iter().all(is_only_and) {
            return Vec::new();
        }
        let comparisons = self.steps.iter().filter_map(|step| match step {
            Step::Compare(comparison) => comparison.demanded(),
            _ => None,
        });
        comparisons.collect()
    }
}

fn of_value(steps: &[Step], value: &Value) -> bool {
    holds(steps, |comparison| comparison.holds_of(value), |_, _| false)
}

fn holds(
    steps: &[Step],
    compare: impl Fn(&Comparison) -> bool,
    any: impl Fn(&'static Attribute, &[Step]) -> bool,
) -> bool {
    let mut stack: Vec<bool> = Vec::new();
    for step in steps {
        let truth = match step {
            Step::Compare(comparison) => compare(comparison),
            Step::Any {
                attribute,
                of_value,
            } => any(attribute, of_value),
            Step::Not => !pop(&mut stack),
            Step::And => pop(&mut stack) & pop(&mut stack),
            Step::Or => pop(&mut stack) | pop(&mut stack),
        };
        stack.push(truth);
    }
    pop(&mut stack)
}

fn lookups<T>(steps: &[Step], of: &dyn Fn(&Comparison) -> Option<T>) -> Option<Vec<T>> {
    lookups_and(steps, of, &|_, _| None)
}

/// What the filter in the brackets of an attribute gives.
type Within<'f, T> = dyn Fn(&'static Attribute, &[Step]) -> Option<Vec<T>> + 'f;

/// What may be looked up: what a comparison gives, or the filter in the brackets of an attribute.
fn lookups_and<T>(
    steps: &[Step],
    of: &dyn Fn(&Comparison) -> Option<T>,
    within: &Within<'_, T>,
) -> Option<Vec<T>> {
    let mut stack: Vec<Option<Vec<T>>> = Vec::new();
    for step in steps {
        let found = match step {
            Step::Compare(comparison) => of(comparison).map(|lookup| vec![lookup]),
            Step::Any {
                attribute,
                of_value,
            } => within(attribute, of_value),
            Step::Not => {
                pop(&mut stack);
                None
            }
            // Whichever side looks at less.
            Step::And => match (pop(&mut stack), pop(&mut stack)) {
                (Some(one), Some(other)) if other.len() <= one.len() => Some(other),
                (Some(one), _) => Some(one),
                (None, other) => other,
            },
            Step::Or => match (pop(&mut stack), pop(&mut stack)) {
                (Some(mut one), Some(other)) => {
                    one.extend(other);
                    Some(one)
                }
                _ => None,
            },
        };
        stack.push(found);
    }
    pop(&mut stack)
}

fn pop<T>(stack: &mut Vec<T>) -> T {
    stack
        .pop()
        .expect("the reader puts every operator behind what it is about")
}
