//! The catalog: what every node keeps a copy of (clients, scopes, resources, keys), and the number that tells when the
//! copy is old.

use safeconduct_protocol::resource::{Resource, ScopeDescription};

use crate::clients::ClientRecord;
use crate::cluster::Cluster;
use crate::driver::{DriverError, Row, Statement};
use crate::error::StoreError;
use crate::keys::KeyRow;
use crate::store::{Store, from_json};

const REVISION: &str = "SELECT number FROM revision";
const SCOPES: &str = "SELECT description FROM scopes ORDER BY position";
const RESOURCES: &str = "SELECT description FROM resources ORDER BY position";

/// A copy of what is administered.
#[derive(Clone, Debug)]
pub struct Catalog {
    /// At least the changes up to this one are in the copy.
    pub revision: i64,
    /// Whose database it is; `None` until a cluster has joined.
    pub cluster: Option<Cluster>,
    /// Every client that was not deleted, by id.
    pub clients: Vec<ClientRecord>,
    /// What scopes mean to users, in the order they were declared.
    pub scopes: Vec<ScopeDescription>,
    /// The APIs, in the order they were declared.
    pub resources: Vec<Resource>,
    /// Every key, sealed, by id.
    pub keys: Vec<KeyRow>,
}

impl Store {
    /// The number of the last administrative change.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn revision(&self) -> Result<i64, StoreError> {
        let row = self.row(Statement::new(REVISION)).await?;
        Ok(row
            .ok_or_else(|| DriverError::Corrupt("the revision is gone".to_owned()))?
            .integer()?)
    }

    /// A copy of the catalog. The revision is read first: a change that comes between is in the copy already and makes it
    /// look older than it is, never newer.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn catalog(&self) -> Result<Catalog, StoreError> {
        Ok(Catalog {
            revision: self.revision().await?,
            cluster: self.cluster().await?,
            clients: self.clients().await?,
            scopes: self.scopes().await?,
            resources: self.resources().await?,
            keys: self.keys().await?,
        })
    }

    pub(crate) async fn scopes(&self) -> Result<Vec<ScopeDescription>, StoreError> {
        let decode = |row: &mut Row| from_json(&row.text()?, "scope");
        Ok(self.list(Statement::new(SCOPES), decode).await?)
    }

    pub(crate) async fn resources(&self) -> Result<Vec<Resource>, StoreError> {
        let decode = |row: &mut Row| from_json(&row.text()?, "resource");
        Ok(self.list(Statement::new(RESOURCES), decode).await?)
    }
}
