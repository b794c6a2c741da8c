//! Jobs by a clock that is turned, by request, and woken by commits.

use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::{Jobs, Listing, SendFailure, ShownJob, Work};
use crate::clock::Clock;
use crate::cron::Cron;
use crate::error::Error;
use crate::store::{ConnExt, outbox, testing};

const PATIENCE: Duration = Duration::from_secs(10);
const OUTBOX: &str = include_str!("../../migrations/0002_monobase.sql");

/// Work that tells of each run.
fn telling() -> (Work, Receiver<()>) {
    let (told, runs) = channel();
    let told = Mutex::new(told);
    (Arc::new(move |_| told.lock().unwrap().send(()).map_err(Error::internal)), runs)
}

fn every_minute() -> Cron {
    Cron::parse("* * * * *").unwrap()
}

#[test]
fn a_job_runs_when_the_clock_reaches_its_minute() {
    let offset_ms = Arc::new(AtomicI64::new(0));
    let jobs = Jobs::start(Clock::shifted(offset_ms.clone())).unwrap();
    let (work, runs) = telling();
    jobs.add_cron("tell", every_minute(), Listing::Shown, work);
    offset_ms.store(3_600_000, Ordering::Relaxed);
    runs.recv_timeout(PATIENCE).expect("a tick at the new minute");
    jobs.stop();
    // Sixty minutes were skipped and not made up; one more may have begun on its own meanwhile.
    assert!(runs.try_iter().count() <= 1);
}

#[test]
fn a_job_runs_when_asked_for_and_a_panic_ends_only_its_run() {
    let jobs = Jobs::start(Clock::system()).unwrap();
    let never = || Cron::parse("0 0 30 2 *").unwrap();
    let (work, runs) = telling();
    jobs.add_cron("panics", never(), Listing::Shown, Arc::new(|_| panic!("a job's own fault")));
    jobs.add_cron("fails", never(), Listing::Shown, Arc::new(|_| Err(Error::bad_request())));
    jobs.add_cron("tells", never(), Listing::Shown, work);
    for id in ["panics", "fails", "tells", "tells"] {
        jobs.run(id).unwrap();
    }
    runs.recv_timeout(PATIENCE).unwrap();
    runs.recv_timeout(PATIENCE).unwrap();
    assert!(matches!(jobs.run("unknown"), Err(Error::NotFound(text)) if text == "Missing or invalid cron job."));
    jobs.stop();
    assert!(matches!(jobs.run("tells"), Err(Error::Busy { .. })));
}

#[test]
fn stopping_waits_for_a_job_that_heeds_the_sign() {
    let jobs = Jobs::start(Clock::system()).unwrap();
    let ended = Arc::new(AtomicUsize::new(0));
    let counted = ended.clone();
    let work: Work = Arc::new(move |stop| {
        while !stop.wait(Duration::from_secs(1)) {}
        counted.fetch_add(1, Ordering::Relaxed);
        Ok(())
    });
    jobs.add_cron("waits", every_minute(), Listing::Hidden, work);
    jobs.run("waits").unwrap();
    jobs.stop();
    assert!(ended.load(Ordering::Relaxed) >= 1);
}

#[test]
fn shown_jobs_are_listed_by_id_those_of_the_reference_last() {
    let jobs = Jobs::start(Clock::system()).unwrap();
    let idle: Work = Arc::new(|_| Ok(()));
    for (id, cron, listing) in [
        ("__pbB", "@daily", Listing::Shown),
        ("zeal", "1 2 3 4 5", Listing::Shown),
        ("__pbA", "0 0 * * *", Listing::Shown),
        ("hidden", "0 0 * * *", Listing::Hidden),
        ("gone", "0 0 * * *", Listing::Shown),
        ("zeal", "@hourly", Listing::Shown),
    ] {
        jobs.add_cron(id, Cron::parse(cron).unwrap(), listing, idle.clone());
    }
    jobs.remove_cron("gone");
    let shown = |id: &str, expression: &str| ShownJob { id: id.into(), expression: expression.into() };
    assert_eq!(jobs.list(), [shown("zeal", "0 * * * *"), shown("__pbA", "0 0 * * *"), shown("__pbB", "0 0 * * *")]);
    jobs.stop();
}

#[test]
fn what_a_commit_puts_into_the_outbox_is_sent_again_after_a_failure_and_then_removed() {
    let store = testing::scratch();
    store.write_blocking(|tx| Ok(tx.execute_script(OUTBOX)?)).unwrap();
    let offset_ms = Arc::new(AtomicI64::new(0));
    let jobs = Arc::new(Jobs::start(Clock::shifted(offset_ms.clone())).unwrap());
    store.subscribe(jobs.clone());

    let (told, tries) = channel();
    let told = Mutex::new(told);
    let failed_once = AtomicUsize::new(0);
    let send = move |id: &str, payload: &str| {
        told.lock().unwrap().send((id.to_owned(), payload.to_owned())).unwrap();
        match payload {
            "\"bad\"" => Err(SendFailure::Never("no such mailbox".into())),
            _ if failed_once.fetch_add(1, Ordering::Relaxed) == 0 => Err(SendFailure::Again("not now".into())),
            _ => Ok(()),
        }
    };
    jobs.add_sender(&store, "mail", Arc::new(send)).unwrap();
    let (mail, _) = store
        .write_blocking(|tx| Ok((outbox::put(tx, "mail", "\"hi\"", 0)?, outbox::put(tx, "other", "\"stays\"", 0)?)))
        .unwrap();
    assert_eq!(tries.recv_timeout(PATIENCE).unwrap(), (mail.clone(), "\"hi\"".to_owned()));
    let bad = store.write_blocking(|tx| Ok(outbox::put(tx, "mail", "\"bad\"", 0)?)).unwrap();
    assert_eq!(tries.recv_timeout(PATIENCE).unwrap(), (bad, "\"bad\"".to_owned()));

    offset_ms.store(31_000, Ordering::Relaxed);
    assert_eq!(tries.recv_timeout(PATIENCE).unwrap(), (mail, "\"hi\"".to_owned()));
    jobs.stop();
    let left = store.read_here(|conn| {
        Ok(conn.list_rows("SELECT payload FROM _mb_outbox", &[], |row| row.cell(0).as_text().to_owned())?)
    });
    assert_eq!(left.unwrap(), ["\"stays\""]);
}
