//! Values on PostgreSQL's wire. The database says what each parameter and column is; what does not fit is refused, not bent.

use std::error::Error;

use bytes::BytesMut;
use thiserror::Error as ThisError;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

use crate::driver::Value;

type Failed = Box<dyn Error + Sync + Send>;

/// A value and the place it was meant for do not go together.
#[derive(Debug, ThisError)]
#[error("a value does not fit the type {0}")]
pub(super) struct Misfit(Type);

impl Value {
    /// What a value is when the database is not asked. NULL fits anywhere.
    pub(super) fn wire_type(&self) -> Type {
        match self {
            Self::Null => Type::UNKNOWN,
            Self::Integer(_) => Type::INT8,
            Self::Text(_) => Type::TEXT,
            Self::Blob(_) => Type::BYTEA,
        }
    }

    /// Whether this value can be the parameter that the database takes for `wire`.
    pub(super) fn fits(&self, wire: &Type) -> bool {
        match self {
            Self::Null => true,
            // A constant beside it can make PostgreSQL take a parameter for a smaller integer.
            Self::Integer(integer) if *wire == Type::INT4 => i32::try_from(*integer).is_ok(),
            Self::Integer(_) => <i64 as ToSql>::accepts(wire),
            Self::Text(_) => <String as ToSql>::accepts(wire),
            Self::Blob(_) => <Vec<u8> as ToSql>::accepts(wire),
        }
    }
}

impl ToSql for Value {
    fn to_sql(&self, wire: &Type, buffer: &mut BytesMut) -> Result<IsNull, Failed> {
        if !self.fits(wire) {
            return Err(Misfit(wire.clone()).into());
        }
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Integer(integer) if *wire == Type::INT4 => (*integer as i32).to_sql(wire, buffer),
            Self::Integer(integer) => integer.to_sql(wire, buffer),
            Self::Text(text) => text.to_sql(wire, buffer),
            Self::Blob(bytes) => bytes.to_sql(wire, buffer),
        }
    }

    fn accepts(_: &Type) -> bool {
        // It depends on the value, so that `to_sql` decides.
        true
    }

    to_sql_checked!();
}

impl<'a> FromSql<'a> for Value {
    fn from_sql(wire: &Type, raw: &'a [u8]) -> Result<Self, Failed> {
        Ok(match *wire {
            Type::INT8 => Self::Integer(i64::from_sql(wire, raw)?),
            Type::INT4 => Self::Integer(i32::from_sql(wire, raw)?.into()),
            Type::BYTEA => Self::Blob(raw.to_vec()),
            _ => Self::Text(String::from_sql(wire, raw)?),
        })
    }

    fn from_sql_null(_: &Type) -> Result<Self, Failed> {
        Ok(Self::Null)
    }

    fn accepts(wire: &Type) -> bool {
        matches!(
            *wire,
            Type::INT8 | Type::INT4 | Type::BYTEA | Type::TEXT | Type::VARCHAR
        )
    }
}
