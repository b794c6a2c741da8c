//! The engine through the store's door.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::error::{Error, Result};
use crate::store::{
    ChangeKind, Conn, ConnExt, Event, Health, Store, StoreError, StoreOptions, Subscriber, Tx, changes, testing,
};

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
    Ok(insert_stored(tx, title)?)
}

fn insert_stored(tx: &dyn Tx, title: &str) -> Result<(), StoreError> {
    tx.execute("INSERT INTO posts (id, title) VALUES (?1, ?1)", &[title.into()])?;
    tx.record_changed("posts", title, ChangeKind::Create, None)
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

#[test]
fn every_first_run_is_undone_in_retry_mode() {
    let store = posts();
    let heard = Arc::new(Heard::default());
    store.subscribe(heard.clone());
    let runs = Arc::new(AtomicUsize::new(0));
    let counted = runs.clone();
    let job = move |tx: &dyn Tx| {
        insert(tx, &format!("run {}", counted.fetch_add(1, Ordering::Relaxed)))?;
        tx.after_commit(Event::SettingsChanged);
        let mut own = 0;
        tx.each_event(&mut |_| own += 1);
        assert_eq!(own, 2, "a job sees what it handed over itself, in this run");
        titles(tx)
    };
    assert_eq!(store.write_blocking(job.clone()).unwrap(), ["run 1"]);
    assert_eq!(store.write_alone_blocking(job).unwrap(), ["run 1", "run 3"]);
    assert_eq!(runs.load(Ordering::Relaxed), 4);
    assert_eq!(heard.names(), ["1:run 1", "SettingsChanged", "2:run 3", "SettingsChanged"]);
}

#[test]
fn events_are_heard_in_commit_order_before_the_answer_by_one_who_sees_the_commit() {
    let store = posts();
    let heard = Arc::new(Heard::default());
    store.subscribe(heard.clone());
    for (count, title) in ["a", "b", "c"].into_iter().enumerate() {
        store.write_blocking(move |tx| insert(tx, title)).unwrap();
        assert_eq!(heard.0.lock().unwrap().len(), count + 1);
    }
    assert_eq!(*heard.0.lock().unwrap(), [("1:a".to_owned(), 1), ("2:b".to_owned(), 2), ("3:c".to_owned(), 3)]);
}

#[test]
fn a_failed_nested_step_leaves_the_job_standing() {
    let store = posts();
    let heard = Arc::new(Heard::default());
    store.subscribe(heard.clone());
    let run = |tx: &dyn Tx| {
        insert(tx, "before")?;
        let undone = tx.nested(&mut || {
            insert_stored(tx, "inner")?;
            tx.nested(&mut || insert_stored(tx, "innermost"))?;
            insert_stored(tx, "before")
        });
        assert!(matches!(undone, Err(StoreError::Unique { .. })));
        tx.nested(&mut || insert_stored(tx, "kept"))?;
        insert(tx, "after")
    };
    store.write_blocking(run).unwrap();
    assert_eq!(store.read_here(titles).unwrap(), ["after", "before", "kept"]);
    assert_eq!(heard.names(), ["1:before", "2:kept", "3:after"]);
}

#[test]
fn an_epoch_moves_before_the_answer_and_only_for_what_was_committed() {
    let store = posts();
    let before = store.epoch("posts");
    let other = store.epoch("teams");
    store.write_blocking(|tx| insert(tx, "a")).unwrap();
    let after = store.epoch("posts");
    assert!(after > before);
    store.write_blocking(|tx| insert(tx, "a")).unwrap_err();
    assert_eq!(store.epoch("posts"), after);
    store
        .write_blocking(|tx| {
            tx.touch("posts");
            Ok(())
        })
        .unwrap();
    assert!(store.epoch("posts") > after);
    assert_eq!(store.epoch("teams"), other);
}

#[test]
fn another_process_s_write_is_told_before_the_next_job_and_moves_every_epoch() {
    let store = posts();
    let heard = Arc::new(Heard::default());
    store.subscribe(heard.clone());
    store.write_blocking(|tx| insert(tx, "a")).unwrap();
    let epoch = store.epoch("teams");

    let foreign = rusqlite::Connection::open(store.dir.path().join("data.db")).unwrap();
    foreign.execute("INSERT INTO _mb_changes VALUES (7, 0, 'posts', 'x', 'create', NULL)", []).unwrap();
    store.write_blocking(|tx| insert(tx, "b")).unwrap();
    assert!(store.epoch("teams") > epoch);
    assert_eq!(heard.names(), ["1:a", "ForeignWrite", "8:b"]);

    foreign.execute("INSERT INTO posts VALUES ('y', 'y')", []).unwrap();
    let deadline = std::time::Instant::now() + Duration::from_secs(10);
    while heard.names().len() < 4 {
        assert!(std::time::Instant::now() < deadline, "an idle store didn't look");
        std::thread::yield_now();
    }
    assert_eq!(heard.names()[3], "ForeignWrite");
}

#[test]
fn a_panicking_job_is_answered_and_undone() {
    let store = posts();
    let panicked: Result<()> = store.write_blocking(|tx| {
        insert(tx, "a")?;
        panic!("a job's own fault")
    });
    assert!(matches!(panicked, Err(Error::Internal(source)) if source.to_string().contains("a job's own fault")));
    let read: Result<()> = wait(store.read(|_| panic!("a reader's own fault")));
    assert!(matches!(read, Err(Error::Internal(_))));
    store.write_blocking(|tx| insert(tx, "b")).unwrap();
    assert_eq!(wait(store.read(titles)).unwrap(), ["b"]);
}

/// Runs for ever.
const ENDLESS: &str =
    "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n WHERE i < 0";

#[test]
fn a_read_ends_at_its_time_limit() {
    let store = testing::scratch();
    let endless = |conn: &dyn Conn| Ok(conn.has_row(ENDLESS, &[])?);
    let ended = wait(store.read_within(Duration::from_millis(20), endless));
    assert!(matches!(ended, Err(Error::BadRequest { source: Some(_), .. })));
    assert!(!wait(store.read(|conn| Ok(conn.has_row("SELECT 1 WHERE 0", &[])?))).unwrap());
}

#[test]
fn a_job_that_loses_the_transaction_takes_nobody_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let options = StoreOptions {
        query_timeout: Duration::from_millis(50),
        retry_jobs: false,
        ..StoreOptions::at(dir.path().join("data.db"))
    };
    let store = Store::open(options).unwrap();
    store.write_blocking(|tx| Ok(tx.execute_script(TABLES)?)).unwrap();
    // SQLite undoes the whole transaction when a write is interrupted in it.
    let endless = |tx: &dyn Tx| {
        insert(tx, "endless")?;
        let ended = tx.execute(&format!("INSERT INTO posts (id, title) {}", ENDLESS.replace("count(*)", "i, i")), &[]);
        assert!(matches!(ended, Err(StoreError::TimedOut)));
        // A job that goes on all the same must not write outside of any transaction.
        assert!(insert(tx, "after the end").is_err());
        Ok(())
    };
    let (a, ended, b) = wait(async {
        tokio::join!(store.write(|tx| insert(tx, "a")), store.write(endless), store.write(|tx| insert(tx, "b")),)
    });
    a.unwrap();
    b.unwrap();
    assert!(matches!(ended, Err(Error::BadRequest { .. })));
    assert_eq!(store.read_here(titles).unwrap(), ["a", "b"]);
    store.close();
}

#[test]
fn one_job_reads_one_snapshot() {
    let store = posts();
    let counts = store
        .read_here(|conn| {
            let before = titles(conn)?.len();
            std::thread::scope(|scope| {
                scope.spawn(|| store.write_blocking(|tx| insert(tx, "a")).unwrap());
            });
            // A read inside a read is another job.
            let inner = store.read_here(titles)?.len();
            Ok((before, inner, titles(conn)?.len()))
        })
        .unwrap();
    assert_eq!(counts, (0, 1, 0));
    assert_eq!(store.read_here(titles).unwrap(), ["a"]);
}

#[test]
fn a_closed_store_refuses_and_says_so() {
    let store = posts();
    store.read_here(titles).unwrap();
    assert_eq!(store.health(), Health::Good);
    store.close();
    assert_eq!(store.health(), Health::Closed);
    assert!(matches!(store.read_here(titles), Err(Error::Busy { .. })));
    assert!(matches!(wait(store.read(titles)), Err(Error::Busy { .. })));
    assert!(matches!(store.write_blocking(|tx| insert(tx, "a")), Err(Error::Busy { .. })));
    let left: Vec<_> = std::fs::read_dir(store.dir.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert_eq!(left, ["data.db"]);
}

#[test]
fn a_statement_is_described_without_running_it() {
    let store = posts();
    store
        .write_blocking(|tx| {
            let shape = tx.describe("SELECT p.title AS t, count(*) FROM posts p WHERE id = ?1 GROUP BY 1")?;
            assert!(shape.reads_only);
            assert_eq!(shape.parameters, 1);
            assert_eq!(shape.columns[0].name, "t");
            assert_eq!(shape.columns[0].declared_type.as_deref(), Some("TEXT"));
            assert_eq!(shape.columns[0].origin, Some(("posts".into(), "title".into())));
            assert_eq!(shape.columns[1].origin, None);
            assert!(!tx.describe("DELETE FROM posts")?.reads_only);
            assert!(matches!(tx.describe("SELECT 1; SELECT 2"), Err(StoreError::Sql(_))));
            Ok(())
        })
        .unwrap();
}

#[test]
fn the_log_is_overwritten_and_stays_short() {
    let store = posts();
    let log = store.dir.path().join("data.db-wal");
    for round in 0..60 {
        let fill = move |tx: &dyn Tx| {
            for row in 0..200 {
                let title = format!("{round} {row} {}", "x".repeat(4000));
                tx.execute("INSERT INTO posts (id, title) VALUES (?1, ?2)", &[title[..9].into(), title.into()])?;
            }
            Ok(())
        };
        store.write_blocking(fill).unwrap();
    }
    // 60 rounds write some 50 MiB of pages; a checkpoint begins at 16 MiB and lets a few rounds pass.
    let bytes = std::fs::metadata(log).unwrap().len();
    assert!(bytes < 40 << 20, "{bytes}");
}

#[test]
fn the_change_log_is_pruned_by_age_and_number_and_gives_no_position_twice() {
    let store = posts();
    for title in ["a", "b", "c", "d", "e"] {
        store.write_blocking(move |tx| insert(tx, title)).unwrap();
    }
    let prune = |before_ms, rows_max, batch| {
        store.write_blocking(move |tx| Ok(changes::prune(tx, before_ms, rows_max, batch)?)).unwrap()
    };
    assert_eq!(prune(0, 10, 10), 0);
    assert_eq!(prune(0, 3, 1), 1);
    assert_eq!(prune(0, 3, 10), 1);
    assert_eq!(prune(i64::MAX, 3, 10), 3);
    assert_eq!(prune(i64::MAX, 3, 10), 0);
    store.write_blocking(|tx| insert(tx, "f")).unwrap();
    assert_eq!(store.read_here(|conn| Ok(changes::last_position(conn)?)).unwrap(), 6);
}
