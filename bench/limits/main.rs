//! What the store reaches of what bare SQLite can do on the same disk in the same minutes: writes a second of a loop
//! over one connection against the group-commit writer driven by 64 tasks, and microseconds of a look-up by key.
//!
//! `limits [SECONDS [ROUNDS]]` prints a Markdown table of medians; the cases run in turn in each round.

use std::hint::black_box;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use monobase::ids;
use monobase::store::{ChangeKind, Conn, Store, StoreOptions, Value};
use rusqlite::Connection;
use tempfile::TempDir;

const TASKS: usize = 64;
const WORKERS: usize = 2;
const TABLE: &str = "CREATE TABLE posts (id TEXT PRIMARY KEY NOT NULL, title TEXT NOT NULL, number NUMERIC NOT NULL, created TEXT NOT NULL)";
const OWN_TABLES: &str = include_str!("../../migrations/0002_monobase.sql");
const INSERT: &str = "INSERT INTO posts (id, title, number, created) VALUES (?1, ?2, ?3, ?4)";
const TITLE: &str = "A title of a usual length, some forty characters";
const CREATED: &str = "2026-11-24 13:46:14.086Z";
const SELECT: &str = "SELECT id, title, number, created FROM posts WHERE id = ?1";
/// Rows of the look-ups' table.
const ROWS: usize = 100_000;
/// Look-ups between two looks at the clock.
const LOOKUPS: usize = 1000;

type Measure = fn(&Path, Duration) -> f64;

const WRITES: [(&str, Measure); 5] = [
    ("bare loop, 1 row a transaction, FULL", |dir, time| bare_writes(dir, time, "FULL", 1)),
    ("bare loop, 32 rows a transaction, FULL", |dir, time| bare_writes(dir, time, "FULL", 32)),
    ("bare loop, 1 row a transaction, NORMAL", |dir, time| bare_writes(dir, time, "NORMAL", 1)),
    ("store, 64 tasks, FULL", |dir, time| store_writes(dir, time, Log::Without)),
    ("store, 64 tasks, FULL, with the change log", |dir, time| store_writes(dir, time, Log::With)),
];
/// What the others are shown against: the second of [`WRITES`].
const REFERENCE: usize = 1;
const READS: [(&str, Measure); 2] =
    [("bare look-up by key, prepared", bare_lookups), ("store, `read_here`", store_lookups)];

#[derive(Clone, Copy, PartialEq)]
enum Log {
    Without,
    With,
}

fn main() {
    let mut arguments = std::env::args().skip(1).map(|argument| argument.parse::<u64>().expect("a number"));
    let time = Duration::from_secs(arguments.next().unwrap_or(5));
    let rounds = arguments.next().unwrap_or(3);
    let writes = measure(&WRITES, time, rounds);
    let reads = measure(&READS, time, rounds);

    println!("| writes | rows a second | of the bare loop with 32 rows |\n| --- | --- | --- |");
    for ((name, _), rate) in WRITES.iter().zip(&writes) {
        println!("| {name} | {rate:.0} | {:.0} % |", 100.0 * rate / writes[REFERENCE]);
    }
    println!("\n| reads | µs |\n| --- | --- |");
    for ((name, _), cost) in READS.iter().zip(&reads) {
        println!("| {name} | {cost:.2} |");
    }
}

/// The medians of the cases, which run in turn.
fn measure(cases: &[(&str, Measure)], time: Duration, rounds: u64) -> Vec<f64> {
    let mut figures = vec![Vec::new(); cases.len()];
    for round in 1..=rounds {
        for ((name, case), figures) in cases.iter().zip(&mut figures) {
            let dir = TempDir::new().expect("a temporary directory");
            let figure = case(dir.path(), time);
            eprintln!("round {round}: {name}: {figure:.2}");
            figures.push(figure);
        }
    }
    figures.iter_mut().for_each(|figures| figures.sort_by(f64::total_cmp));
    figures.iter().map(|figures| figures[figures.len() / 2]).collect()
}

fn open_bare(dir: &Path, synchronous: &str) -> Connection {
    let db = Connection::open(dir.join("data.db")).expect("a new database");
    db.execute_batch(&format!(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = {synchronous}; PRAGMA cache_size = -32000; {TABLE}"
    ))
    .expect("a new database");
    db
}

fn bare_writes(dir: &Path, time: Duration, synchronous: &str, rows_a_transaction: u32) -> f64 {
    let db = open_bare(dir, synchronous);
    let (began, mut rows) = (Instant::now(), 0_i64);
    while began.elapsed() < time {
        db.prepare_cached("BEGIN IMMEDIATE").expect("valid").execute([]).expect("begun");
        for _ in 0..rows_a_transaction {
            let mut insert = db.prepare_cached(INSERT).expect("valid");
            insert.execute((ids::record_id(), TITLE, rows, CREATED)).expect("inserted");
            rows += 1;
        }
        db.prepare_cached("COMMIT").expect("valid").execute([]).expect("committed");
    }
    rows as f64 / began.elapsed().as_secs_f64()
}

fn open_store(dir: &Path) -> Store {
    let store = Store::open(StoreOptions::at(dir.join("data.db"))).expect("a new database");
    let made = store.write_alone_blocking(|tx| {
        tx.execute_script(TABLE)?;
        Ok(tx.execute_script(OWN_TABLES)?)
    });
    made.expect("a new database");
    store
}

fn store_writes(dir: &Path, time: Duration, log: Log) -> f64 {
    let store = open_store(dir);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(WORKERS).build().expect("a runtime");
    let rows = Arc::new(AtomicU64::new(0));
    let began = Instant::now();
    let tasks: Vec<_> = (0..TASKS)
        .map(|_| {
            let (store, rows) = (store.clone(), rows.clone());
            runtime.spawn(async move {
                while began.elapsed() < time {
                    insert(&store, log).await;
                    rows.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    runtime.block_on(async {
        for task in tasks {
            task.await.expect("a task doesn't panic");
        }
    });
    let rate = rows.load(Ordering::Relaxed) as f64 / began.elapsed().as_secs_f64();
    store.close();
    rate
}

async fn insert(store: &Store, log: Log) {
    let id = ids::record_id();
    let params: [Value; 4] = [id.as_str().into(), TITLE.into(), 1.into(), CREATED.into()];
    let written = store.write(move |tx| {
        tx.execute(INSERT, &params)?;
        if log == Log::With {
            tx.record_changed("pbc_1", &id, ChangeKind::Create, None)?;
        }
        Ok(())
    });
    written.await.expect("written");
}

/// The ids of a table of [`ROWS`] rows, mixed.
fn fill(db: &Connection) -> Vec<String> {
    let ids: Vec<String> = (0..ROWS).map(|_| ids::record_id()).collect();
    db.execute_batch("BEGIN").expect("begun");
    for (number, id) in (0_i64..).zip(&ids) {
        db.prepare_cached(INSERT).expect("valid").execute((id, TITLE, number, CREATED)).expect("inserted");
    }
    db.execute_batch("COMMIT; PRAGMA wal_checkpoint(TRUNCATE);").expect("committed");
    ids
}

fn bare_lookups(dir: &Path, time: Duration) -> f64 {
    let ids = fill(&open_bare(dir, "FULL"));
    let db = Connection::open(dir.join("data.db")).expect("the database");
    db.execute_batch("PRAGMA mmap_size = 268435456; PRAGMA cache_size = -2000;").expect("set");
    let mut select = db.prepare(SELECT).expect("valid");
    look_up(&ids, time, |id| {
        let mut rows = select.query([id]).expect("asked");
        let row = rows.next().expect("found").expect("there");
        black_box(row.get_ref(1).expect("a title"));
    })
}

fn store_lookups(dir: &Path, time: Duration) -> f64 {
    let ids = fill(&open_bare(dir, "FULL"));
    let store = Store::open(StoreOptions::at(dir.join("data.db"))).expect("the database");
    let cost = look_up(&ids, time, |id| {
        let found = store.read_here(|conn: &dyn Conn| {
            conn.each_row(SELECT, &[id.into()], &mut |row| {
                black_box(row.cell(1).as_text());
                Ok(ControlFlow::Break(()))
            })?;
            Ok(())
        });
        found.expect("found");
    });
    store.close();
    cost
}

/// Microseconds a look-up.
fn look_up(ids: &[String], time: Duration, mut one: impl FnMut(&str)) -> f64 {
    let (began, mut done) = (Instant::now(), 0_usize);
    while began.elapsed() < time {
        for id in ids.iter().cycle().skip(done % ids.len()).take(LOOKUPS) {
            one(id);
        }
        done += LOOKUPS;
    }
    began.elapsed().as_secs_f64() * 1e6 / done as f64
}
