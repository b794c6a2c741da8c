//! SIGKILL under load, again and again: `MONOBASE_KILL_ROUNDS` times (50 by default, 1,000 in `make soak`).

use std::io;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use support::TestApp;

use crate::ledger::{Ledger, create_notes};

const ROUNDS: u32 = 50;
const WRITERS: u64 = 8;
/// How long a round writes before the kill.
const ROUND_MS: std::ops::Range<u64> = 5..120;
/// Then a new directory is begun, so that the checks of a long run stay quick.
const ROUNDS_PER_DIRECTORY: u32 = 100;

#[test]
fn a_killed_server_has_every_acknowledged_write_and_none_by_half() {
    let rounds = std::env::var("MONOBASE_KILL_ROUNDS").map_or(ROUNDS, |rounds| rounds.parse().expect("a number"));
    let seed =
        std::env::var("MONOBASE_TEST_SEED").map_or_else(|_| rand::random(), |seed| seed.parse().expect("a seed"));
    println!("{rounds} rounds, MONOBASE_TEST_SEED={seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let (mut acknowledged, began) = (0, Instant::now());
    let mut round = 0;
    while round < rounds {
        let mut app = TestApp::new();
        create_notes(&app);
        let mut position = 0;
        for _ in 0..ROUNDS_PER_DIRECTORY.min(rounds - round) {
            let ledgers = write_until_killed(&mut app, &mut random);
            app.start();
            for ledger in &ledgers {
                acknowledged += ledger.acknowledged;
            }
            position = check_all(&ledgers, &app, position);
            round += 1;
        }
    }
    let seconds = began.elapsed().as_secs();
    println!("{rounds} kills, {acknowledged} acknowledged writes: none lost, none by half ({seconds} s)");
    assert!(acknowledged > u64::from(rounds), "the server was killed before it did anything");
}

fn check_all(ledgers: &[Ledger], app: &TestApp, position: i64) -> i64 {
    ledgers.iter().map(|ledger| ledger.check(app.dir(), position)).max().unwrap_or(position)
}

/// Lets the writers loose and kills the server under them.
fn write_until_killed(app: &mut TestApp, random: &mut StdRng) -> Vec<Ledger> {
    let lifetime = Duration::from_millis(random.random_range(ROUND_MS));
    let seeds: Vec<u64> = (0..WRITERS).map(|_| random.random()).collect();
    let shared = &*app;
    let ledgers = std::thread::scope(|scope| {
        let writers: Vec<_> =
            seeds.into_iter().map(|seed| scope.spawn(move || write(shared, StdRng::seed_from_u64(seed)))).collect();
        std::thread::sleep(lifetime);
        shared.server().signal("KILL");
        writers.into_iter().map(|writer| writer.join().expect("a writer doesn't panic")).collect()
    });
    app.kill();
    ledgers
}

/// One client: creates, changes and deletes its own notes until the server is gone.
fn write(app: &TestApp, mut random: StdRng) -> Ledger {
    let mut ledger = Ledger::default();
    let mut ids = Vec::new();
    loop {
        let written = step(&mut ledger, app, &mut ids, &mut random);
        match written {
            Ok(()) => {}
            Err(_) => return ledger,
        }
    }
}

fn step(ledger: &mut Ledger, app: &TestApp, ids: &mut Vec<String>, random: &mut StdRng) -> io::Result<()> {
    match random.random_range(0..10) {
        0 if !ids.is_empty() => {
            let id = ids.swap_remove(random.random_range(0..ids.len()));
            ledger.delete(app, &id)?.unwrap_or_else(|answer| refused(&answer));
        }
        1..5 if !ids.is_empty() => {
            let id = ids[random.random_range(0..ids.len())].clone();
            ledger.update(app, &id)?.unwrap_or_else(|answer| refused(&answer));
        }
        _ => {
            let length = random.random_range(1..3000);
            ids.push(ledger.create(app, &"x".repeat(length))?.unwrap_or_else(|answer| refused(&answer)));
        }
    }
    Ok(())
}

fn refused<T>(answer: &support::Answer) -> T {
    panic!("refused under load: {} {}", answer.status, answer.text())
}
