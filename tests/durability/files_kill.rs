//! SIGKILL while records come, change and go with their files: no record names a missing or half file, and what a crash
//! leaves without a record is found by the sweep. A fifth of the rounds of `kill` (`MONOBASE_KILL_ROUNDS`).

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};
use support::{Multipart, TestApp, move_clock_to_minute_of_day};

const ROUNDS: u32 = 10;
const WRITERS: u64 = 6;
const ROUND_MS: std::ops::Range<u64> = 50..500;
const RECORDS: &str = "/api/collections/papers/records";

#[test]
fn no_record_names_a_missing_file_after_a_kill_and_no_orphan_outlives_the_sweep() {
    let rounds = std::env::var("MONOBASE_KILL_ROUNDS")
        .map_or(ROUNDS, |rounds| rounds.parse::<u32>().expect("a number").div_ceil(5));
    let seed =
        std::env::var("MONOBASE_TEST_SEED").map_or_else(|_| rand::random(), |seed| seed.parse().expect("a seed"));
    println!("{rounds} rounds, MONOBASE_TEST_SEED={seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let mut app = TestApp::new();
    let collection = app.create_open_collection(
        "papers",
        json!([{ "name": "one", "type": "file" }, { "name": "many", "type": "file", "maxSelect": 9 }]),
    );
    let place = app.path("storage").join(collection["id"].as_str().expect("an id"));
    let (mut acknowledged, mut checked) = (0, 0);
    for _ in 0..rounds {
        acknowledged += write_until_killed(&mut app, &mut random);
        app.start();
        checked += check_named(&app, &place).len();
    }
    assert!(acknowledged > rounds, "the server was killed before it did anything");
    let named = check_named(&app, &place);
    let orphans = stored(&place).difference(&named).count();
    sweep(&app, &place);
    support::wait_until(|| stored(&place) == named);
    println!("{rounds} kills, {acknowledged} acknowledged writes, {checked} files looked at, {orphans} orphans swept");
}

fn write_until_killed(app: &mut TestApp, random: &mut StdRng) -> u32 {
    let lifetime = Duration::from_millis(random.random_range(ROUND_MS));
    let seeds: Vec<u64> = (0..WRITERS).map(|_| random.random()).collect();
    let shared = &*app;
    let acknowledged = std::thread::scope(|scope| {
        let writers: Vec<_> =
            seeds.into_iter().map(|seed| scope.spawn(move || write(shared, StdRng::seed_from_u64(seed)))).collect();
        std::thread::sleep(lifetime);
        shared.server().signal("KILL");
        writers.into_iter().map(|writer| writer.join().expect("a writer doesn't panic")).sum()
    });
    app.kill();
    acknowledged
}

/// One client, until the server is gone; gives how many of its writes were acknowledged.
fn write(app: &TestApp, mut random: StdRng) -> u32 {
    let (mut records, mut acknowledged) = (Vec::new(), 0);
    while step(app, &mut records, &mut random).is_ok() {
        acknowledged += 1;
    }
    acknowledged
}

fn step(app: &TestApp, records: &mut Vec<String>, random: &mut StdRng) -> io::Result<()> {
    let some = if records.is_empty() { 0 } else { random.random_range(0..records.len()) };
    let answer = match random.random_range(0..10) {
        0..2 if !records.is_empty() => {
            let id = records.swap_remove(some);
            app.delete(&format!("{RECORDS}/{id}")).try_send()?.expect(204);
            return Ok(());
        }
        2..6 if !records.is_empty() => {
            let parts = Multipart::new().file("one", "one.txt", "", content(random));
            app.patch(&format!("{RECORDS}/{}", records[some])).multipart(parts).try_send()?
        }
        _ => {
            let parts = Multipart::new().file("one", "one.txt", "", content(random));
            let parts = parts.file("many", "a.txt", "", content(random)).file("many", "b.txt", "", content(random));
            app.post(RECORDS).multipart(parts).try_send()?
        }
    };
    let record = answer.ok();
    let id = record["id"].as_str().expect("an id").to_owned();
    if !records.contains(&id) {
        records.push(id);
    }
    Ok(())
}

/// Bytes that tell whether they are whole.
fn content(random: &mut StdRng) -> Vec<u8> {
    let length: usize = random.random_range(20..40_000);
    let mut bytes = format!("{length} ").into_bytes();
    bytes.resize(length, b'x');
    bytes
}

/// Asserts that each file that a record names is there and whole; gives their paths.
#[track_caller]
fn check_named(app: &TestApp, place: &Path) -> BTreeSet<PathBuf> {
    let mut named = BTreeSet::new();
    for row in app.rows("SELECT id, one, many FROM papers") {
        let many: Vec<String> = serde_json::from_str(row[2].as_str().expect("a text")).expect("a list");
        let one = row[1].as_str().filter(|name| !name.is_empty()).map(str::to_owned);
        for name in many.into_iter().chain(one) {
            let path = place.join(row[0].as_str().expect("an id")).join(name);
            let bytes = fs::read(&path).unwrap_or_else(|error| panic!("{row} names a missing file: {error}"));
            let length = String::from_utf8_lossy(&bytes[..bytes.len().min(8)]).split(' ').next().map(str::to_owned);
            assert_eq!(length, Some(bytes.len().to_string()), "half a file: {}", path.display());
            let side: Value = serde_json::from_slice(&fs::read(side_of(&path)).expect("its side file")).expect("JSON");
            assert_eq!(side["user.content_type"], "text/plain; charset=utf-8");
            named.insert(path);
        }
    }
    named
}

fn side_of(path: &Path) -> PathBuf {
    let mut side = path.to_path_buf().into_os_string();
    side.push(".attrs");
    side.into()
}

/// The files of the collection, without side files.
fn stored(place: &Path) -> BTreeSet<PathBuf> {
    let entries = |dir: &Path| fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path());
    let files = entries(place).flat_map(|record| entries(&record).collect::<Vec<_>>());
    files.filter(|path| path.extension().is_none_or(|extension| extension != "attrs")).collect()
}

/// Makes every file look old, and lets the sweep's minute come.
fn sweep(app: &TestApp, place: &Path) {
    let old = SystemTime::now() - Duration::from_secs(25 * 3600);
    for path in stored(place) {
        // A removal that was queued before the kill may be under way.
        if let Ok(file) = fs::File::options().append(true).open(path) {
            file.set_modified(old).expect("a file of ours");
        }
    }
    move_clock_to_minute_of_day(app, 3, 40);
}
