//! A Monobase of a test's own: the real binary on a data directory that goes with the test.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::token::{auth_token, open_read_only, sign};
use crate::{Answer, DataDir, Request, SUPERUSER_EMAIL, Server, raw};

/// How a [`TestApp`] is started.
#[derive(Clone, Debug)]
#[must_use]
pub struct Setup {
    data: DataDir,
    flags: Vec<String>,
    environment: Vec<(String, String)>,
    sql: Vec<String>,
    folder: PathBuf,
}

impl Setup {
    /// What the data directory holds at first.
    pub fn data(mut self, data: DataDir) -> Self {
        self.data = data;
        self
    }

    /// A flag of `serve`, such as `--queryTimeout=1`.
    pub fn flag(mut self, flag: impl Into<String>) -> Self {
        self.flags.push(flag.into());
        self
    }

    pub fn environment(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Makes the data directory in this folder instead of the system's temporary one.
    pub fn on(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folder = folder.into();
        self
    }

    /// A statement for `data.db` before the start.
    pub fn sql(mut self, statement: impl Into<String>) -> Self {
        self.sql.push(statement.into());
        self
    }

    /// Starts it; panics with what it printed when it doesn't come up.
    #[track_caller]
    pub fn start(self) -> TestApp {
        self.try_start().unwrap_or_else(|printed| panic!("{printed}"))
    }

    /// Starts it; the error is what it printed instead.
    pub fn try_start(mut self) -> Result<TestApp, String> {
        let dir = self.data.make_in(&self.folder);
        let clock = dir.path().join("mb_test_clock");
        self.environment.push(("MONOBASE_FAULT_CLOCK_FILE".into(), clock.display().to_string()));
        if !self.sql.is_empty() {
            let db = rusqlite::Connection::open(dir.path().join("data.db")).expect("a database to set up");
            db.execute_batch(&self.sql.join(";\n")).unwrap_or_else(|error| panic!("set-up: {error}"));
        }
        let server = Server::start(dir.path(), &self.flags, &self.environment)?;
        let superuser_token = match self.data {
            DataDir::Empty => None,
            _ => Some(auth_token(dir.path(), "_superusers", SUPERUSER_EMAIL)),
        };
        Ok(TestApp { server: Some(server), dir, setup: self, superuser_token })
    }
}

/// A running server and its data directory; both go when it is dropped.
pub struct TestApp {
    /// `None` only between a stop and the next start.
    server: Option<Server>,
    dir: TempDir,
    setup: Setup,
    superuser_token: Option<String>,
}

impl Default for TestApp {
    fn default() -> Self {
        Self::new()
    }
}

impl TestApp {
    /// A fresh directory with one superuser.
    #[track_caller]
    pub fn new() -> Self {
        Self::setup().start()
    }

    /// A copy of the PocketBase directory `tests/data/base`.
    #[track_caller]
    pub fn with_base() -> Self {
        Self::setup().data(DataDir::Base).start()
    }

    pub fn setup() -> Setup {
        Setup {
            data: DataDir::Fresh,
            flags: Vec::new(),
            environment: Vec::new(),
            sql: Vec::new(),
            folder: std::env::temp_dir(),
        }
    }

    // ---- the process

    pub fn server(&self) -> &Server {
        self.server.as_ref().expect("the server is stopped")
    }

    pub fn address(&self) -> SocketAddr {
        self.server().address()
    }

    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    pub fn path(&self, relative: &str) -> PathBuf {
        self.dir.path().join(relative)
    }

    /// SIGKILL. [`TestApp::start`] brings it up again.
    pub fn kill(&mut self) {
        self.server.take().expect("the server is stopped").kill();
    }

    /// SIGTERM; gives the exit status and what was printed. [`TestApp::start`] brings it up again.
    #[track_caller]
    pub fn stop(&mut self) -> (ExitStatus, String) {
        self.server.take().expect("the server is stopped").stop()
    }

    /// Starts a stopped or killed server on its directory, on another port.
    #[track_caller]
    pub fn start(&mut self) {
        assert!(self.server.is_none(), "the server runs already");
        let server = Server::start(self.dir.path(), &self.setup.flags, &self.setup.environment);
        self.server = Some(server.unwrap_or_else(|printed| panic!("{printed}")));
    }

    #[track_caller]
    pub fn restart(&mut self) {
        let (status, printed) = self.stop();
        assert!(status.success(), "{status}; it printed:\n{printed}");
        self.start();
    }

    /// Lets the program's clock run ahead by so many milliseconds (behind, when negative), at once.
    pub fn move_clock(&self, ahead_ms: i64) {
        let clock = self.path("mb_test_clock");
        let half = self.path("mb_test_clock.new");
        std::fs::write(&half, ahead_ms.to_string()).expect("the directory is ours");
        std::fs::rename(half, clock).expect("the directory is ours");
    }

    // ---- requests

    pub fn get(&self, target: &str) -> Request {
        self.request("GET", target)
    }

    pub fn head(&self, target: &str) -> Request {
        self.request("HEAD", target)
    }

    pub fn post(&self, target: &str) -> Request {
        self.request("POST", target)
    }

    pub fn put(&self, target: &str) -> Request {
        self.request("PUT", target)
    }

    pub fn patch(&self, target: &str) -> Request {
        self.request("PATCH", target)
    }

    pub fn delete(&self, target: &str) -> Request {
        self.request("DELETE", target)
    }

    /// A request of any method to a target that is sent as it stands.
    pub fn request(&self, method: &str, target: &str) -> Request {
        Request::new(self.address(), self.superuser_token.clone(), method, target)
    }

    /// Bytes as they stand, on a connection of their own.
    #[track_caller]
    pub fn raw(&self, bytes: &[u8]) -> Answer {
        raw(self.address(), bytes).unwrap_or_else(|error| panic!("no answer: {error}"))
    }

    // ---- who asks

    pub fn superuser_token(&self) -> &str {
        self.superuser_token.as_deref().expect("this data directory has no known superuser")
    }

    /// An auth token of a record, by id or e-mail.
    pub fn token(&self, collection: &str, who: &str) -> String {
        auth_token(self.dir.path(), collection, who)
    }

    /// A JWT with any claims, signed with any key (contract/10 §1).
    pub fn sign(&self, claims: &Value, key: &str) -> String {
        sign(claims, key)
    }

    // ---- data, as a superuser

    /// Creates a collection; gives it as answered.
    #[track_caller]
    pub fn create_collection(&self, collection: Value) -> Value {
        self.post("/api/collections").superuser().json(collection).ok()
    }

    /// Creates a base collection that anybody may do anything with.
    #[track_caller]
    pub fn create_open_collection(&self, name: &str, fields: Value) -> Value {
        self.create_collection(json!({
            "name": name, "type": "base", "fields": fields,
            "listRule": "", "viewRule": "", "createRule": "", "updateRule": "", "deleteRule": "",
        }))
    }

    /// Changes a collection; gives it as answered.
    #[track_caller]
    pub fn update_collection(&self, collection: &str, change: Value) -> Value {
        self.patch(&format!("/api/collections/{collection}")).superuser().json(change).ok()
    }

    /// Creates a record; gives it as answered.
    #[track_caller]
    pub fn create(&self, collection: &str, record: Value) -> Value {
        self.post(&records(collection)).superuser().json(record).ok()
    }

    /// Creates a record of an auth collection and gives it with a token of its own.
    #[track_caller]
    pub fn create_user(&self, collection: &str, email: &str) -> (Value, String) {
        let password = crate::PASSWORD;
        let user = self.create(collection, json!({"email": email, "password": password, "passwordConfirm": password}));
        (user, self.token(collection, email))
    }

    #[track_caller]
    pub fn update(&self, collection: &str, id: &str, change: Value) -> Value {
        self.patch(&record(collection, id)).superuser().json(change).ok()
    }

    #[track_caller]
    pub fn view(&self, collection: &str, id: &str) -> Value {
        self.get(&record(collection, id)).superuser().ok()
    }

    /// Changes settings; gives the whole document.
    #[track_caller]
    pub fn update_settings(&self, change: Value) -> Value {
        self.patch("/api/settings").superuser().json(change).ok()
    }

    // ---- what stands on the disk

    /// Rows of `data.db`, each a JSON array; the server may run.
    #[track_caller]
    pub fn rows(&self, sql: &str) -> Vec<Value> {
        self.rows_of("data.db", sql)
    }

    /// The same of another database of the directory.
    #[track_caller]
    pub fn rows_of(&self, database: &str, sql: &str) -> Vec<Value> {
        let db = open_read_only(&self.path(database));
        let mut statement = db.prepare(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
        let width = statement.column_count();
        let rows = statement.query_map([], |row| (0..width).map(|column| Ok(cell(row.get_ref(column)?))).collect());
        rows.and_then(Iterator::collect).unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    /// Changes `data.db` behind the server's back, as another process would.
    #[track_caller]
    pub fn execute(&self, sql: &str) {
        let db = rusqlite::Connection::open(self.path("data.db")).expect("the database is there");
        db.busy_timeout(std::time::Duration::from_secs(10)).expect("a time-out can be set");
        db.execute_batch(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
    }
}

/// The path of a collection's records.
fn records(collection: &str) -> String {
    format!("/api/collections/{collection}/records")
}

fn record(collection: &str, id: &str) -> String {
    format!("/api/collections/{collection}/records/{id}")
}

fn cell(value: rusqlite::types::ValueRef<'_>) -> Value {
    use rusqlite::types::ValueRef;
    match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => number.into(),
        ValueRef::Real(number) => number.into(),
        ValueRef::Text(text) => String::from_utf8_lossy(text).into(),
        ValueRef::Blob(bytes) => json!({ "blob": bytes }),
    }
}
