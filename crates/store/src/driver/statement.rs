//! What a driver runs and what it answers: values, statements, units and rows. No database is named here.

use std::collections::BTreeSet;
use std::fmt;
use std::vec;

use safeconduct_protocol::time::Timestamp;

use super::DriverError;

/// One value of a parameter or a column. Both databases hold these four and no other.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) enum Value {
    Null,
    Integer(i64),
    Text(String),
    Blob(Vec<u8>),
}

impl Value {
    fn kind(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Integer(_) => "an integer",
            Self::Text(_) => "text",
            Self::Blob(_) => "bytes",
        }
    }
}

/// Names and hashes of users pass through here, so that only their kind and size may reach a log.
impl fmt::Debug for Value {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => formatter.write_str("Null"),
            Self::Integer(integer) => write!(formatter, "Integer({integer})"),
            Self::Text(text) => write!(formatter, "Text({} bytes)", text.len()),
            Self::Blob(bytes) => write!(formatter, "Blob({} bytes)", bytes.len()),
        }
    }
}

impl From<i64> for Value {
    fn from(integer: i64) -> Self {
        Self::Integer(integer)
    }
}

/// Truth is stored as 1 and 0: PostgreSQL's `boolean` has no like in SQLite.
impl From<bool> for Value {
    fn from(truth: bool) -> Self {
        Self::Integer(i64::from(truth))
    }
}

impl From<Timestamp> for Value {
    fn from(time: Timestamp) -> Self {
        Self::Integer(time.seconds())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<Vec<u8>> for Value {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Blob(bytes)
    }
}

impl From<&[u8]> for Value {
    fn from(bytes: &[u8]) -> Self {
        Self::Blob(bytes.to_vec())
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// One SQL statement that both databases understand, with parameters `$1`, `$2`, … in the order they are bound.
#[derive(Clone, Debug)]
pub(crate) struct Statement {
    sql: &'static str,
    values: Vec<Value>,
    expects_some: bool,
}

impl Statement {
    /// `sql` without values, content with any number of rows.
    pub(crate) fn new(sql: &'static str) -> Self {
        Self {
            sql,
            values: Vec::new(),
            expects_some: false,
        }
    }

    /// Gives the next parameter its value.
    #[must_use]
    pub(crate) fn bind(mut self, value: impl Into<Value>) -> Self {
        self.values.push(value.into());
        self
    }

    /// Fails the unit unless this statement changes or returns at least one row.
    #[must_use]
    pub(crate) fn expect_some(mut self) -> Self {
        self.expects_some = true;
        self
    }

    pub(crate) fn sql(&self) -> &'static str {
        self.sql
    }

    pub(crate) fn values(&self) -> &[Value] {
        &self.values
    }

    /// PostgreSQL has no text with a NUL in it, so that no database of ours takes one.
    pub(crate) fn is_storable(&self) -> Result<(), DriverError> {
        let unstorable = |value: &Value| matches!(value, Value::Text(text) if text.contains('\0'));
        if self.values.iter().any(unstorable) {
            let reason = format!("a text with a NUL, for: {}", self.sql);
            return Err(DriverError::Constraint(reason));
        }
        Ok(())
    }

    pub(crate) fn expects_some(&self) -> bool {
        self.expects_some
    }

    pub(crate) fn is_met_by(&self, rows: &Rows) -> bool {
        !self.expects_some || rows.count() > 0
    }
}

/// Statements that commit together. They run in order, each sees what the ones before it wrote, and the first one whose
/// expectation is not met undoes them all.
#[derive(Clone, Debug, Default)]
pub(crate) struct Unit {
    statements: Vec<Statement>,
    turns: BTreeSet<String>,
}

impl Unit {
    /// A unit of the given statements.
    pub(crate) fn new(statements: impl IntoIterator<Item = Statement>) -> Self {
        Self {
            statements: statements.into_iter().collect(),
            turns: BTreeSet::new(),
        }
    }

    /// This unit with one more statement at its end.
    #[must_use]
    pub(crate) fn then(mut self, statement: Statement) -> Self {
        self.statements.push(statement);
        self
    }

    /// This unit with more statements at its end.
    #[must_use]
    pub(crate) fn and(mut self, statements: impl IntoIterator<Item = Statement>) -> Self {
        self.statements.extend(statements);
        self
    }

    /// Units of the same name take turns from their first statement to their commit. For those that write rows which others of
    /// that name write too, in an order of the database's choice: where many write at a time, they would wait for one another
    /// in a circle. Several names are taken in their own order, for the same reason.
    #[must_use]
    pub(crate) fn in_turn(mut self, name: &str) -> Self {
        self.turns.insert(name.to_owned());
        self
    }

    /// The same behind `first`.
    #[must_use]
    pub(crate) fn behind(mut self, first: Vec<Statement>) -> Self {
        self.statements.splice(..0, first);
        self
    }

    pub(crate) fn statements(&self) -> &[Statement] {
        &self.statements
    }

    pub(crate) fn turns(&self) -> impl Iterator<Item = &str> {
        self.turns.iter().map(String::as_str)
    }
}

impl From<Statement> for Unit {
    fn from(statement: Statement) -> Self {
        Self::new([statement])
    }
}

/// How a unit ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum UnitOutcome {
    /// Committed and durable; the rows of each statement, in order.
    Done(Vec<Rows>),
    /// Undone, because the statement at this index (from 0) found no row.
    Unmet { statement: usize },
}

impl UnitOutcome {
    /// Whether a row was returned or changed. A unit that found nothing to do has shown nothing of the disk.
    pub(super) fn touched_a_row(&self) -> bool {
        match self {
            Self::Done(answers) => answers.iter().any(|rows| rows.count() > 0),
            Self::Unmet { .. } => false,
        }
    }
}

/// What one statement returned, and how many rows it returned or changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rows {
    rows: Vec<Row>,
    count: u64,
}

impl Rows {
    /// The answer of a statement that returns rows.
    pub(crate) fn returned(rows: Vec<Row>) -> Self {
        let count = rows.len() as u64;
        Self { rows, count }
    }

    /// The answer of a statement that changes rows and returns none.
    pub(crate) fn changed(count: u64) -> Self {
        Self {
            rows: Vec::new(),
            count,
        }
    }

    /// How many rows were returned, or changed where none are returned.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// The first row, if there is one.
    pub(crate) fn into_first(self) -> Option<Row> {
        self.rows.into_iter().next()
    }
}

impl IntoIterator for Rows {
    type Item = Row;
    type IntoIter = vec::IntoIter<Row>;

    fn into_iter(self) -> Self::IntoIter {
        self.rows.into_iter()
    }
}

/// One row, read from left to right: each call takes the next column, in the order of the statement.
///
/// A column of another type than asked for is [`DriverError::Corrupt`]: a row that is not understood is not served.
#[derive(Clone, Debug)]
pub(crate) struct Row(vec::IntoIter<Value>);

impl Row {
    /// A row of these columns.
    pub(crate) fn new(values: Vec<Value>) -> Self {
        Self(values.into_iter())
    }

    /// The columns that were not read yet, which stay unread.
    pub(super) fn values(&self) -> &[Value] {
        self.0.as_slice()
    }

    /// The columns that were not read yet.
    pub(super) fn into_values(self) -> Vec<Value> {
        self.0.collect()
    }

    /// The next column as an integer.
    pub(crate) fn integer(&mut self) -> Result<i64, DriverError> {
        self.optional_integer()?
            .ok_or_else(|| unexpected("an integer", &Value::Null))
    }

    /// The next column as an integer, `None` for NULL.
    pub(crate) fn optional_integer(&mut self) -> Result<Option<i64>, DriverError> {
        match self.next()? {
            Value::Null => Ok(None),
            Value::Integer(integer) => Ok(Some(integer)),
            other => Err(unexpected("an integer", &other)),
        }
    }

    /// The next column as a truth value: 1 or 0 and nothing else.
    pub(crate) fn truth(&mut self) -> Result<bool, DriverError> {
        match self.integer()? {
            0 => Ok(false),
            1 => Ok(true),
            other => Err(DriverError::Corrupt(format!(
                "a column holds {other} where 0 or 1 belongs"
            ))),
        }
    }

    /// The next column as a point in time.
    pub(crate) fn time(&mut self) -> Result<Timestamp, DriverError> {
        self.integer().map(Timestamp::from_seconds)
    }

    /// The next column as a point in time, `None` for NULL.
    pub(crate) fn optional_time(&mut self) -> Result<Option<Timestamp>, DriverError> {
        Ok(self.optional_integer()?.map(Timestamp::from_seconds))
    }

    /// The next column as text.
    pub(crate) fn text(&mut self) -> Result<String, DriverError> {
        self.optional_text()?
            .ok_or_else(|| unexpected("text", &Value::Null))
    }

    /// The next column as text, `None` for NULL.
    pub(crate) fn optional_text(&mut self) -> Result<Option<String>, DriverError> {
        match self.next()? {
            Value::Null => Ok(None),
            Value::Text(text) => Ok(Some(text)),
            other => Err(unexpected("text", &other)),
        }
    }

    /// The next column as bytes.
    pub(crate) fn blob(&mut self) -> Result<Vec<u8>, DriverError> {
        self.optional_blob()?
            .ok_or_else(|| unexpected("bytes", &Value::Null))
    }

    /// The next column as bytes, `None` for NULL.
    pub(crate) fn optional_blob(&mut self) -> Result<Option<Vec<u8>>, DriverError> {
        match self.next()? {
            Value::Null => Ok(None),
            Value::Blob(bytes) => Ok(Some(bytes)),
            other => Err(unexpected("bytes", &other)),
        }
    }

    fn next(&mut self) -> Result<Value, DriverError> {
        self.0
            .next()
            .ok_or_else(|| DriverError::Bug("a row has fewer columns than were read".to_owned()))
    }
}

impl PartialEq for Row {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_slice() == other.0.as_slice()
    }
}

impl Eq for Row {}

fn unexpected(expected: &str, found: &Value) -> DriverError {
    DriverError::Corrupt(format!(
        "a column holds {} where {expected} belongs",
        found.kind()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_read_from_left_to_right() {
        let mut row = Row::new(vec!["ada".into(), 7.into(), Value::Null, vec![1, 2].into()]);
        assert_eq!(row.text(), Ok("ada".to_owned()));
        assert_eq!(row.integer(), Ok(7));
        assert_eq!(row.optional_text(), Ok(None));
        assert_eq!(row.blob(), Ok(vec![1, 2]));
        assert!(matches!(row.integer(), Err(DriverError::Bug(_))));
    }

    /// Attacks: E06.
    #[test]
    fn a_column_of_another_type_is_damage() {
        assert!(matches!(
            Row::new(vec![Value::Null]).text(),
            Err(DriverError::Corrupt(_))
        ));
        assert!(matches!(
            Row::new(vec!["1".into()]).integer(),
            Err(DriverError::Corrupt(_))
        ));
        assert!(matches!(
            Row::new(vec![2.into()]).truth(),
            Err(DriverError::Corrupt(_))
        ));
        assert!(matches!(
            Row::new(vec!["x".into()]).optional_blob(),
            Err(DriverError::Corrupt(_))
        ));
    }

    #[test]
    fn debug_output_shows_no_stored_value() {
        let statement = Statement::new("SELECT $1, $2")
            .bind("ada@example.com")
            .bind(vec![0xab_u8; 3]);
        let shown = format!("{statement:?}");
        assert!(shown.contains("Text(15 bytes)"), "{shown}");
        assert!(!shown.contains("ada"), "{shown}");
        assert!(!shown.contains("171"), "{shown}");
    }
}
