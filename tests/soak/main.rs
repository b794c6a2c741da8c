//! Hours of use in minutes: writers, readers, listeners, uploads, sign-ins and clients that are too slow, while the
//! server is killed, its disk is full and its clock jumps.
//!
//! `make soak` runs it for 15 minutes on a release build that has what tests inject; `MONOBASE_SOAK_SECONDS` says
//! otherwise. Most of the time goes in rounds, each with one disturbance; then a calm stretch in which memory must stay
//! flat. What must hold: no acknowledged write is lost and none is there by half, nothing is answered by a 5xx but a 503
//! that says when to come back, uploads come back byte for byte.

#[path = "../durability/ledger.rs"]
mod ledger;
mod load;
mod memory;
mod tally;

use std::time::{Duration, Instant};

use support::TestApp;

use crate::ledger::Ledger;
use crate::load::{Round, prepare};
use crate::memory::Memory;
use crate::tally::Tally;

const SECONDS: &str = "MONOBASE_SOAK_SECONDS";
const SECONDS_DEFAULT: u64 = 15 * 60;
/// How much of the time is disturbed, percent; the rest is calm.
const DISTURBED_PERCENT: u64 = 60;
/// How many rounds share the disturbed time: each disturbance comes several times.
const ROUNDS: u32 = 20;
/// So many bytes a file may have while the disk is "full".
const FULL_DISK_BYTES: libc::rlim_t = 1 << 20;
const HOUR_MS: i64 = 3_600_000;
/// Ahead, behind, far ahead, and back.
const CLOCK_JUMPS_MS: [i64; 4] = [2 * HOUR_MS, -HOUR_MS, 40 * 24 * HOUR_MS, 0];

/// What happens to the server in a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Disturbance {
    Kill,
    ClockJumps,
    FullDisk,
    Restart,
}

const DISTURBANCES: [Disturbance; 5] =
    [Disturbance::Kill, Disturbance::ClockJumps, Disturbance::Kill, Disturbance::FullDisk, Disturbance::Restart];

#[test]
fn a_long_run_loses_nothing_leaks_nothing_and_breaks_nothing() {
    let seconds = std::env::var(SECONDS).map_or(SECONDS_DEFAULT, |text| text.parse().expect("seconds"));
    let disturbed = Duration::from_secs(seconds * DISTURBED_PERCENT / 100);
    let calm = Duration::from_secs(seconds) - disturbed;
    let mut app = TestApp::new();
    prepare(&app);
    let tally = Tally::default();
    let mut everything = Ledger::default();
    let mut position = 0;
    let started = Instant::now();
    for disturbance in DISTURBANCES.iter().cycle().take(ROUNDS as usize) {
        if started.elapsed() >= disturbed {
            break;
        }
        let ledger = disturb(&mut app, *disturbance, disturbed / ROUNDS, &tally);
        position = ledger.check(app.dir(), position);
        everything += ledger;
        tally.count_disturbance(&format!("{disturbance:?}"));
    }
    let (ledger, memory) = stay_calm(&app, calm, &tally);
    position = ledger.check(app.dir(), position);
    everything += ledger;
    everything.check(app.dir(), position);
    println!("{}", report(seconds, &tally, &everything, &memory, &app));
    tally.check();
    memory.check();
    let (status, printed) = app.stop();
    assert!(status.success(), "{status}; it printed:\n{printed}");
}

/// One round: load, and in it the disturbance; afterwards the server runs and is well.
fn disturb(app: &mut TestApp, disturbance: Disturbance, length: Duration, tally: &Tally) -> Ledger {
    let ledger = {
        let app = &*app;
        let round = Round::new(app, tally);
        round.run(|| match disturbance {
            Disturbance::Kill => {
                std::thread::sleep(length);
                app.server().signal("KILL");
            }
            Disturbance::Restart => {
                std::thread::sleep(length);
                app.server().signal("TERM");
            }
            Disturbance::ClockJumps => {
                for jump in CLOCK_JUMPS_MS {
                    app.move_clock(jump);
                    std::thread::sleep(length / 4);
                }
            }
            Disturbance::FullDisk => {
                std::thread::sleep(length / 3);
                limit_file_size(app, FULL_DISK_BYTES);
                std::thread::sleep(length / 3);
                limit_file_size(app, libc::RLIM_INFINITY);
                std::thread::sleep(length / 3);
            }
        })
    };
    match disturbance {
        Disturbance::Kill => {
            app.kill();
            app.start();
        }
        Disturbance::Restart => app.restart(),
        Disturbance::ClockJumps | Disturbance::FullDisk => {}
    }
    app.get("/api/health").expect(200);
    ledger
}

/// The load alone; memory is looked at meanwhile.
fn stay_calm(app: &TestApp, length: Duration, tally: &Tally) -> (Ledger, Memory) {
    let mut memory = Memory::default();
    let until = Instant::now() + length;
    let round = Round::new(app, tally);
    let ledger = round.run(|| {
        while Instant::now() < until {
            memory.look(app.server().process_id());
            std::thread::sleep(Duration::from_secs(1).min(length / 60));
        }
    });
    (ledger, memory)
}

/// Bounds the size of the files that the server writes, bytes.
fn limit_file_size(app: &TestApp, bytes: libc::rlim_t) {
    let limit = libc::rlimit { rlim_cur: bytes, rlim_max: libc::RLIM_INFINITY };
    let process_id = app.server().process_id().cast_signed();
    // SAFETY: a valid limit that outlives the call; the process is our child.
    let limited = unsafe { libc::prlimit(process_id, libc::RLIMIT_FSIZE, &limit, std::ptr::null_mut()) };
    assert_eq!(limited, 0, "{}", std::io::Error::last_os_error());
}

/// The figures, as Markdown.
fn report(seconds: u64, tally: &Tally, ledger: &Ledger, memory: &Memory, app: &TestApp) -> String {
    let database = std::fs::metadata(app.path("data.db")).map_or(0, |file| file.len());
    format!(
        "soak: {seconds} s; disturbances: {}; {} acknowledged writes of notes, none lost, none by half; \
         data.db at the end {} MiB; memory in the calm stretch: {memory}\n\n{tally}",
        tally.disturbances(),
        ledger.acknowledged,
        database >> 20,
    )
}
