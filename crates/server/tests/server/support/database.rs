//! The database file of a test: founded once for each issuer through the store's own methods, then copied, because making
//! keys and hashing passwords takes longer than most tests. Also what stands in it, for tests that look from outside.

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};

use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags};
use safeconduct_protocol::clock::Clock;
use safeconduct_protocol::ids::UserId;
use safeconduct_protocol::metadata::Issuer;
use safeconduct_protocol::secret::Secret;
use safeconduct_server::keys::Keys;
use safeconduct_server::password::{PasswordSettings, Passwords};
use safeconduct_server::{MasterKey, MasterKeys, Server, Settings};
use safeconduct_store::{By, Declared, NewUser, Store};

use super::administration::accepted;
use super::{BEGINNING, TestServer, cast};

/// The name of the file.
const FILE: &str = "safeconduct.db";
/// The name of the file of master keys beside it.
const MASTERS: &str = "master.keys";

pub(super) fn url(directory: &Path) -> String {
    format!("sqlite:{}", directory.join(FILE).display())
}

/// The same for every test, so that a copy opens.
pub(super) fn master_key() -> MasterKey {
    MasterKey::from_bytes([7; 32])
}

/// The master keys of a node whose database is in `directory`: the one of every test, and those added since.
pub(super) fn master_keys(directory: &Path) -> MasterKeys {
    let path = directory.join(MASTERS);
    let read = move || {
        let added = fs::read(&path).unwrap_or_default();
        let added = added.chunks_exact(32);
        let added = added.map(|key| MasterKey::from_bytes(key.try_into().unwrap()));
        Ok([master_key()].into_iter().chain(added).collect())
    };
    MasterKeys::read_again_by(read().unwrap(), read)
}

/// Adds a master key to the file that every node of `directory` reads.
pub(super) fn add_master_key(directory: &Path, bytes: [u8; 32]) {
    let path = directory.join(MASTERS);
    let mut keys = fs::read(&path).unwrap_or_default();
    keys.extend(bytes);
    fs::write(path, keys).unwrap();
}

/// The files of a database, by name.
type Files = Arc<Vec<(OsString, Vec<u8>)>>;

/// Puts a database with the whole cast into `directory`, for a server called `issuer`.
pub(super) fn found_in(directory: &Path, issuer: &str) {
    for (name, bytes) in founded(issuer).iter() {
        fs::write(directory.join(name), bytes).unwrap();
    }
}

fn founded(issuer: &str) -> Files {
    static FOUNDED: Mutex<Option<HashMap<String, Files>>> = Mutex::new(None);
    let mut all = FOUNDED.lock().unwrap();
    let database = all
        .get_or_insert_default()
        .entry(issuer.to_owned())
        .or_insert_with(|| {
            let issuer = issuer.to_owned();
            // A runtime of its own: this one may have only the thread that waits here.
            let founder = std::thread::spawn(move || {
                tokio::runtime::Runtime::new()
                    .unwrap()
                    .block_on(found(&issuer))
            });
            Arc::new(founder.join().unwrap())
        });
    Arc::clone(database)
}

async fn found(issuer: &str) -> Vec<(OsString, Vec<u8>)> {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(&url(directory.path())).await.unwrap();
    let store = store.by(By::server());
    let settings = Settings::new(Issuer::parse(issuer).unwrap());
    Server::new(
        settings,
        Store::clone(&store),
        master_key(),
        Clock::test(BEGINNING),
    )
    .await
    .unwrap();

    let declared = Declared {
        clients: Vec::new(),
        scopes: cast::scopes(),
        resources: cast::resources(),
        ..Declared::default()
    };
    store.reconcile(&declared, BEGINNING).await.unwrap();
    let keys = keys(&store, issuer).await;
    for client in cast::clients() {
        let secret = Secret::new(cast::secret_of(client.id.as_str()));
        let hash = (!client.is_public() && client.jwks.is_none())
            .then(|| keys.hash_client_secret(&secret));
        store
            .create_client(&client, hash, false, BEGINNING)
            .await
            .unwrap();
    }
    let passwords = Passwords::start(PasswordSettings::default()).unwrap();
    for username in cast::USERS {
        let id = UserId::generate();
        let password = accepted(issuer, username, &cast::password_of(username));
        let hash = passwords.hash(password).await.unwrap();
        let sealed_password = Some(keys.seal_password(&id, &hash).unwrap());
        let user = NewUser {
            id,
            username: username.to_owned(),
            name: None,
            claims: cast::claims_of(username),
            sealed_password,
        };
        store.add_user(user, BEGINNING).await.unwrap();
    }
    store.close().await;
    let files = fs::read_dir(directory.path()).unwrap().map(Result::unwrap);
    files
        .map(|file| (file.file_name(), fs::read(file.path()).unwrap()))
        .collect()
}

/// The server's keys, as the program opens them to administer users and clients.
pub(super) async fn keys(store: &Store, issuer: &str) -> Keys {
    let catalog = store.catalog().await.unwrap();
    Keys::open(
        &master_key().into(),
        issuer,
        &catalog.cluster.unwrap(),
        &catalog.keys,
        BEGINNING,
    )
    .unwrap()
}

impl TestServer {
    /// How many rows each table has.
    pub(crate) fn rows(&self) -> BTreeMap<String, i64> {
        let database = self.database();
        let count = |table: String| {
            let sql = format!("SELECT COUNT(*) FROM \"{table}\"");
            let rows = database.query_row(&sql, [], |row| row.get(0)).unwrap();
            (table, rows)
        };
        tables(&database).into_iter().map(count).collect()
    }

    /// Changes the file beside the server, as somebody does who restores it.
    pub(crate) fn change(&self, sql: &str) {
        let database = Connection::open(self.directory.path().join(FILE)).unwrap();
        database.execute_batch(sql).unwrap();
    }

    /// Every value in every row of every table, as text or bytes, under the name of its column.
    pub(crate) fn dump(&self) -> Vec<(String, Vec<u8>)> {
        let database = self.database();
        let mut values = Vec::new();
        for table in tables(&database) {
            let mut select = database
                .prepare(&format!("SELECT * FROM \"{table}\""))
                .unwrap();
            let names: Vec<String> = select
                .column_names()
                .map(|name| format!("{table}.{name}"))
                .collect();
            let mut rows = select.query([]).unwrap();
            while let Some(row) = rows.next().unwrap() {
                for (index, name) in names.iter().enumerate() {
                    let bytes = match row.get::<_, Value>(index).unwrap() {
                        Value::Null => continue,
                        Value::Integer(number) => number.to_string().into_bytes(),
                        Value::Real(number) => number.to_string().into_bytes(),
                        Value::Text(text) => text.into_bytes(),
                        Value::Blob(bytes) => bytes,
                    };
                    values.push((name.clone(), bytes));
                }
            }
        }
        values
    }

    fn database(&self) -> Connection {
        let path = self.directory.path().join(FILE);
        Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap()
    }
}

fn tables(database: &Connection) -> Vec<String> {
    let mut select = database
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
        .unwrap();
    select
        .query_map([], |row| row.get(0))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap()
}
