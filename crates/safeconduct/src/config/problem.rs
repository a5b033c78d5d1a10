//! What is wrong with a configuration: where it stands, what it is, and what to do.

use std::fmt;

/// One thing that is wrong, or worth a warning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) origin: Origin,
    pub(crate) message: String,
    /// What to do, as a sentence of its own; empty where the message says it already.
    pub(crate) advice: String,
}

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Origin {
    /// The file, the environment variable or the flag.
    pub(crate) source: String,
    /// The line in the file, from 1.
    pub(crate) line: Option<usize>,
}

/// Everything that is wrong, in the order of the file. As an error it refuses to start.
#[derive(Clone, Debug, Default, PartialEq, Eq, thiserror::Error)]
pub(crate) struct Problems(pub(crate) Vec<Problem>);

impl Problems {
    pub(crate) fn one(
        origin: Origin,
        message: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Self(vec![Problem {
            origin,
            message: message.into(),
            advice: advice.into(),
        }])
    }

    pub(crate) fn add(
        &mut self,
        origin: Origin,
        message: impl Into<String>,
        advice: impl Into<String>,
    ) {
        self.0.push(Problem {
            origin,
            message: message.into(),
            advice: advice.into(),
        });
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value if nothing is wrong, else the problems sorted by place.
    ///
    /// # Errors
    /// These problems, if there are any.
    pub(crate) fn or<T>(self, value: T) -> Result<T, Problems> {
        if self.is_empty() {
            Ok(value)
        } else {
            Err(self.sorted())
        }
    }

    /// Says each in the log of a server, as what somebody should look at.
    pub(crate) fn warn(&self) {
        for Problem {
            origin,
            message,
            advice,
        } in &self.0
        {
            tracing::warn!(place = %origin, advice = %advice, "{message}");
        }
    }

    /// The same in the order of the file.
    pub(crate) fn sorted(mut self) -> Self {
        self.0.sort_by(|one, other| one.origin.cmp(&other.origin));
        self
    }
}

impl Origin {
    /// An environment variable or a flag.
    pub(crate) fn variable(name: &str) -> Self {
        Self {
            source: name.to_owned(),
            line: None,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}", self.source),
            None => f.write_str(&self.source),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.origin, self.message)?;
        if !self.advice.is_empty() {
            write!(f, "\n    {}", self.advice)?;
        }
        Ok(())
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            write!(f, "{}{problem}", if index == 0 { "" } else { "\n" })?;
        }
        Ok(())
    }
}
