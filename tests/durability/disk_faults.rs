//! The n-th write, sync or truncate of a scenario fails, for every n until one goes through without reaching it.

use std::path::Path;

use support::{Answer, TestApp};
use tempfile::TempDir;

use crate::ledger::{Ledger, create_notes};

/// More calls than the scenario can make: it would never end otherwise.
const CALLS_MAX: u32 = 2000;

#[test]
fn whichever_call_of_the_disk_fails_nothing_acknowledged_is_lost() {
    let mut prepared = TestApp::new();
    create_notes(&prepared);
    prepared.stop();
    let mut kinds = std::collections::BTreeMap::<String, u32>::new();
    for number in 1..CALLS_MAX {
        let Some(kind) = fail_call(prepared.dir(), number) else {
            println!("failed one after the other: {kinds:?}");
            for kind in ["write", "sync", "truncate"] {
                assert!(kinds.contains_key(kind), "no {kind} was failed: {kinds:?}");
            }
            return;
        };
        *kinds.entry(kind).or_default() += 1;
    }
    panic!("{CALLS_MAX} calls and no end");
}

/// Runs the scenario with this call failing; tells which it was, or `None` when there were fewer.
fn fail_call(prepared: &Path, number: u32) -> Option<String> {
    let reports = TempDir::new().unwrap();
    let report = reports.path().join("report");
    let plan = format!("{number},data.db,{}", report.display());
    let failed = || std::fs::read_to_string(&report).ok();

    let setup = TestApp::setup().data(support::DataDir::CopyOf(prepared.to_owned()));
    // A server whose disk fails while it starts says so and ends; nothing was acknowledged.
    let started = setup.environment("MONOBASE_FAULT_VFS", &plan).try_start();
    let Ok(mut app) = started else {
        return Some(failed().unwrap_or_else(|| panic!("no start without a fault")));
    };
    let mut ledger = Ledger::default();
    let refused = write(&mut ledger, &app);
    if let Some(answer) = &refused {
        let kind = failed().unwrap_or_else(|| panic!("refused without a fault: {}", answer.text()));
        assert!([400, 500, 503].contains(&answer.status), "{}", answer.text());
        if kind == "sync" {
            // Nobody knows what the disk holds: no write any more, and everybody can see why.
            assert_eq!(app.get("/api/health").send().status, 503);
            let again = ledger.create(&app, "after the end").unwrap().unwrap_err();
            assert_eq!((again.status, again.header("retry-after").is_some()), (503, true));
        }
        // Reads go on.
        app.get(&crate::ledger::notes_path()).query("skipTotal", "1").expect(200);
    }
    // An orderly stop, which may be where the call is: it ends in any case.
    let _ = app.stop();
    ledger.check(app.dir(), 0);
    failed()
}

/// The scenario; gives the first refusal.
fn write(ledger: &mut Ledger, app: &TestApp) -> Option<Answer> {
    let run = |ledger: &mut Ledger| -> Result<(), Answer> {
        let alive = "the server lives, whatever its disk does";
        let first = ledger.create(app, "first").expect(alive)?;
        let second = ledger.create(app, "second").expect(alive)?;
        ledger.update(app, &first).expect(alive)?;
        ledger.delete(app, &second).expect(alive)
    };
    let refused = run(ledger).err();
    if let Some(answer) = &refused
        && !answer.text().contains("restarted")
    {
        // A call that failed once: the next write goes through.
        ledger.create(app, "after a refusal").expect("alive").unwrap_or_else(|again| {
            panic!("refused again: {}", again.text());
        });
    }
    refused
}
