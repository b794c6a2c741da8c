//! Directories made, adopted and refused.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;

use super::{DataDir, DataDirOptions, FreshAuthOptions, OpenError, Purpose};
use crate::clock::Clock;
use crate::store::{ConnExt, Durability, Event};

const OLD_TABLES: &str = "CREATE TABLE _migrations (file VARCHAR(255) PRIMARY KEY NOT NULL, applied INTEGER NOT NULL);
    CREATE TABLE _params (id TEXT PRIMARY KEY, value JSON);
    CREATE TABLE _collections (id TEXT PRIMARY KEY, system BOOLEAN, type TEXT, name TEXT, fields JSON, indexes JSON,
      options JSON);";

fn options(path: &Path, purpose: Purpose) -> DataDirOptions {
    let auth = r#"{"authAlert":{"emailTemplate":{"body":"<p>{ALERT_INFO}"}}}"#.to_owned();
    DataDirOptions {
        path: path.to_owned(),
        purpose,
        durability: Durability::Full,
        query_timeout: Duration::from_secs(30),
        clock: Clock::system(),
        fresh: FreshAuthOptions { superusers: auth.clone(), users: auth },
    }
}

fn open(path: &Path) -> Result<DataDir, OpenError> {
    DataDir::open(&options(path, Purpose::Serve))?.finish()
}

fn sqlite(path: &Path, script: &str) {
    let db = rusqlite::Connection::open(path).unwrap();
    db.execute_batch(script).unwrap();
}

fn texts(dir: &DataDir, sql: &str) -> Vec<String> {
    dir.data.read_here(|conn| Ok(conn.list_rows(sql, &[], |row| row.cell(0).as_text().to_owned())?)).unwrap()
}

/// Every file of a folder with its bytes.
fn contents(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let files = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
    files.map(|path| (path.file_name().unwrap().to_string_lossy().into(), fs::read(&path).unwrap())).collect()
}

/// What the refusal says, once it is sure that nothing was changed.
fn refusal(dir: &Path) -> String {
    let before = contents(dir);
    let refused = open(dir).err().expect("refused").to_string();
    assert_eq!(contents(dir), before, "{refused}");
    assert!(!refused.contains('\n'));
    refused
}

#[test]
fn a_new_directory_holds_the_tables_and_rows_of_the_contract() {
    let dir = TempDir::new().unwrap();
    let opened = open(&dir.path().join("a/pb_data")).unwrap();
    assert_eq!(
        texts(&opened, "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name"),
        [
            "_authOrigins",
            "_collections",
            "_externalAuths",
            "_mb_changes",
            "_mb_idempotency",
            "_mb_imports",
            "_mb_meta",
            "_mb_outbox",
            "_mb_resume",
            "_mb_uploads",
            "_mfas",
            "_migrations",
            "_otps",
            "_params",
            "_superusers",
            "users"
        ]
    );
    assert_eq!(
        texts(&opened, "SELECT file FROM _migrations ORDER BY rowid"),
        [
            "1640988000_aux_init.go",
            "1640988000_init.go",
            "1717233556_v0.23_migrate.go",
            "1717233557_v0.23_migrate2.go",
            "1717233558_v0.23_migrate3.go",
            "1717233559_v0.23_migrate4.go",
            "1763020353_update_default_auth_alert_templates.go",
            "1778828400_normalize_indexes.go"
        ]
    );
    assert_eq!(
        texts(&opened, "SELECT id || ' ' || name || ' ' || system FROM _collections ORDER BY rowid"),
        [
            "pbc_2279338944 _mfas 1",
            "pbc_1638494021 _otps 1",
            "pbc_2281828961 _externalAuths 1",
            "pbc_4275539003 _authOrigins 1",
            "pbc_3142635823 _superusers 1",
            "_pb_users_auth_ users 0"
        ]
    );
    let alert = texts(&opened, "SELECT options FROM _collections WHERE name = 'users'");
    assert_eq!(alert, [r#"{"authAlert":{"emailTemplate":{"body":"\u003cp\u003e{ALERT_INFO}"}}}"#]);
    let logs = opened.auxiliary.read_here(|conn| Ok(conn.has_row("SELECT 1 FROM _logs", &[])?));
    assert!(!logs.unwrap());
    opened.close();
}

#[test]
fn a_directory_opens_again_as_it_was_left() {
    let dir = TempDir::new().unwrap();
    open(dir.path()).unwrap().close();
    let before = contents(dir.path());
    open(dir.path()).unwrap().close();
    assert_eq!(contents(dir.path())["data.db"], before["data.db"]);
    let files: Vec<_> = before.keys().map(String::as_str).collect();
    assert_eq!(files, ["auxiliary.db", "data.db", "mb_lock"]);
}

#[test]
fn a_directory_of_pocketbase_gets_only_tables_of_ours() {
    let dir = TempDir::new().unwrap();
    for file in ["data.db", "auxiliary.db"] {
        let base = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/base").join(file);
        fs::write(dir.path().join(file), fs::read(base).unwrap()).unwrap();
    }
    let schema = |script: &str| {
        let db = rusqlite::Connection::open(dir.path().join("data.db")).unwrap();
        let sql = format!("SELECT type || name || coalesce(sql, '') FROM sqlite_master {script} ORDER BY 1");
        let rows: Vec<String> = db.prepare(&sql).unwrap().query_map([], |row| row.get(0)).unwrap().flatten().collect();
        let migrations: i64 = db.query_row("SELECT count(*) FROM _migrations", [], |row| row.get(0)).unwrap();
        (rows, migrations)
    };
    let before = schema("");
    open(dir.path()).unwrap().close();
    assert_eq!(schema("WHERE tbl_name NOT LIKE '\\_mb\\_%' ESCAPE '\\'"), before);
    assert_ne!(schema(""), before);
}

#[test]
fn the_last_two_steps_are_taken_with_an_older_directory() {
    let dir = TempDir::new().unwrap();
    // The text whose hash `adopt` knows isn't ours to print: only a mail that somebody wrote is tried here.
    sqlite(
        &dir.path().join("data.db"),
        &format!(
            "{OLD_TABLES} INSERT INTO _migrations VALUES ('1717233559_v0.23_migrate4.go', 1);
             CREATE TABLE members (id TEXT, a TEXT, b TEXT, email TEXT);
             CREATE INDEX listed ON members (a);
             CREATE UNIQUE INDEX `old_email` ON `members` (`email`) WHERE email != '';
             CREATE INDEX `twin` ON members (
               `a`
             );
             CREATE INDEX forgotten ON members (b, a);
             INSERT INTO _collections VALUES ('m', 0, 'auth', 'members', '[]',
               '[\"create index Listed on `members` (`a`)\"]',
               '{{\"authAlert\":{{\"emailTemplate\":{{\"body\":\"mine\"}}}}}}');"
        ),
    );
    let opened = open(dir.path()).unwrap();
    assert_eq!(
        texts(&opened, "SELECT name FROM sqlite_master WHERE tbl_name = 'members' AND type = 'index' ORDER BY name"),
        ["forgotten", "listed"]
    );
    assert_eq!(
        texts(&opened, "SELECT indexes FROM _collections"),
        [r#"["create index Listed on `members` (`a`)","CREATE INDEX forgotten ON members (b, a)"]"#]
    );
    assert_eq!(
        texts(&opened, "SELECT json_extract(options, '$.authAlert.emailTemplate.body') FROM _collections"),
        ["mine"]
    );
    assert_eq!(texts(&opened, "SELECT file FROM _migrations ORDER BY applied").len(), 3);
    opened.close();
}

#[test]
fn what_cannot_be_opened_is_refused_and_left_alone() {
    let cases = [
        (
            format!(
                "{OLD_TABLES} CREATE TABLE _mb_meta (key TEXT, value TEXT);
           INSERT INTO _mb_meta VALUES ('schema', '99');"
            ),
            "made by a newer Monobase (schema 99; this binary knows up to 5)",
        ),
        ("CREATE TABLE _admins (id TEXT);".to_owned(), "is of PocketBase before v0.23: start it once with"),
        ("CREATE TABLE shop (id TEXT);".to_owned(), "is a database, but not one of PocketBase or Monobase"),
    ];
    for (script, expected) in cases {
        let dir = TempDir::new().unwrap();
        sqlite(&dir.path().join("data.db"), &script);
        let refused = refusal(dir.path());
        assert!(refused.contains(expected), "{refused}");
    }
}

#[test]
fn a_damaged_file_is_refused_and_left_alone() {
    let dir = TempDir::new().unwrap();
    open(dir.path()).unwrap().close();
    fs::remove_file(dir.path().join("mb_lock")).unwrap();
    let data = fs::read(dir.path().join("data.db")).unwrap();
    for (damaged, expected) in [
        (b"not a database at all, but a text".to_vec(), "it is no SQLite database"),
        (data[..10].to_vec(), "it is no SQLite database"),
        ([&data[..100], &[0xff; 4000][..], &data[4100..]].concat(), "malformed"),
    ] {
        fs::write(dir.path().join("data.db"), damaged).unwrap();
        let refused = refusal(dir.path());
        assert!(refused.contains(expected) && refused.contains("put a backup in its place"), "{refused}");
    }
    fs::write(dir.path().join("data.db"), data).unwrap();
    fs::write(dir.path().join("auxiliary.db"), "no logs here, just text").unwrap();
    assert!(refusal(dir.path()).contains("holds only logs"));
}

#[test]
fn a_file_in_the_place_of_the_directory_is_refused() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    assert!(matches!(open(&file), Err(OpenError::NotADirectory { .. })));
    assert!(matches!(open(&file.join("below")), Err(OpenError::NotADirectory { .. })));
}

#[test]
fn one_server_at_a_time_and_commands_beside_it() {
    let dir = TempDir::new().unwrap();
    let server = open(dir.path()).unwrap();
    let Err(OpenError::Served { pid, .. }) = open(dir.path()) else { panic!("served twice") };
    assert_eq!(pid, Some(std::process::id().to_string()));

    let heard = std::sync::Arc::new(super::super::testing::Heard::default());
    server.data.subscribe(heard.clone());
    let command = DataDir::open(&options(dir.path(), Purpose::Command)).unwrap().finish().unwrap();
    command
        .data
        .write_blocking(|tx| {
            tx.execute("INSERT INTO _params (id, value) VALUES ('settings', '{}')", &[])?;
            tx.after_commit(Event::SettingsChanged);
            Ok(())
        })
        .unwrap();
    command.close();
    heard.wait_for(|events| events.iter().any(|event| matches!(event, Event::ForeignWrite)));
    server.close();
    open(dir.path()).unwrap().close();
}
