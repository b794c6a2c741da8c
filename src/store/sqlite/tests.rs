//! The engine through the store's door.

use std::sync::{Arc, Mutex};

use crate::error::{Error, Result};
use crate::store::{ChangeKind, Conn, ConnExt, Event, Subscriber, Tx, testing};

/// A table of titles, and the tables that the change log needs.
const TABLES: &str = "CREATE TABLE posts (id TEXT PRIMARY KEY, title TEXT NOT NULL UNIQUE);
     CREATE TABLE _mb_meta (key TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL);
     CREATE TABLE _mb_changes (position INTEGER PRIMARY KEY, at INTEGER NOT NULL, collection TEXT NOT NULL,
       record TEXT NOT NULL, kind TEXT NOT NULL, old TEXT);";

/// A store with a table `posts`.
fn posts() -> testing::Scratch {
    let scratch = testing::scratch();
    scratch.write_blocking(|tx| Ok(tx.execute_script(TABLES)?)).unwrap();
    scratch
}

fn insert(tx: &dyn Tx, title: &str) -> Result<()> {
    tx.execute("INSERT INTO posts (id, title) VALUES (?1, ?1)", &[title.into()])?;
    Ok(tx.record_changed("posts", title, ChangeKind::Create, None)?)
}

fn titles(conn: &dyn Conn) -> Result<Vec<String>> {
    Ok(conn.list_rows("SELECT title FROM posts ORDER BY title", &[], |row| row.cell(0).as_text().to_owned())?)
}

/// Keeps what it hears, with what its connection saw.
#[derive(Default)]
struct Heard(Mutex<Vec<(String, usize)>>);

impl Subscriber for Heard {
    fn on_commit(&self, conn: &dyn Conn, events: &[Event]) {
        let seen = titles(conn).map_or(0, |titles| titles.len());
        let mut heard = self.0.lock().unwrap();
        heard.extend(events.iter().map(|event| match event {
            Event::Change(change) => (format!("{}:{}", change.position, change.record_id), seen),
            other => (format!("{other:?}"), seen),
        }));
    }
}

impl Heard {
    fn names(&self) -> Vec<String> {
        self.0.lock().unwrap().iter().map(|(name, _)| name.clone()).collect()
    }
}

/// Runs futures on a thread of their own runtime, as HTTP workers do.
fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

#[test]
fn a_failing_job_in_a_group_rolls_back_alone() {
    let store = posts();
    let heard = Arc::new(Heard::default());
    store.subscribe(heard.clone());
    let (a, taken, b) = wait(async {
        tokio::join!(
            store.write(|tx| insert(tx, "a")),
            store.write(|tx| {
                insert(tx, "c")?;
                insert(tx, "a")
            }),
            store.write(|tx| insert(tx, "b")),
        )
    });
    a.unwrap();
    b.unwrap();
    assert!(matches!(taken, Err(Error::Internal(_))));
    assert_eq!(store.read_here(titles).unwrap(), ["a", "b"]);
    assert_eq!(heard.names(), ["1:a", "2:b"]);
}
