//! Group commit: what is queued runs in one transaction, is synced once, and only then answered.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::Shared;
use super::conn::SqliteConn;
use super::tx::{GroupTx, Pending};
use super::writer::{Feed, Message};
use crate::store::{Grouping, JobEnd, Outcome, StoreError, WriteJob};

/// Jobs of one group. Groups form by themselves under load (64 tasks: 32 jobs); this bounds what one answer waits for.
const JOBS_MAX: usize = 512;
/// How long a group goes on taking jobs: with a sync of some milliseconds nobody notices.
const TAKING_MAX: Duration = Duration::from_millis(20);
/// For all statements of a long job (schema change, import, truncate) together. Nothing else is written meanwhile.
const ALONE_TIME_LIMIT: Duration = Duration::from_secs(3600);

type Job = Box<dyn WriteJob>;

/// Runs and commits one group, and answers its jobs.
pub struct Group<'w> {
    shared: &'w Shared,
    conn: &'w SqliteConn,
    feed: &'w mut Feed,
    grouping: Grouping,
}

impl<'w> Group<'w> {
    pub fn new(shared: &'w Shared, conn: &'w SqliteConn, feed: &'w mut Feed, grouping: Grouping) -> Self {
        Self { shared, conn, feed, grouping }
    }

    /// Commits `first` and what may share its commit.
    pub fn commit(mut self, first: Job) {
        let mut waiting = VecDeque::from([first]);
        // Each turn but the last takes one job out, the one that brought the transaction down.
        while !waiting.is_empty() {
            self.attempt(&mut waiting);
        }
    }

    /// One transaction. Jobs left in `waiting` must run again in another.
    fn attempt(&mut self, waiting: &mut VecDeque<Job>) {
        if let Err(error) = self.begin() {
            return refuse(waiting.drain(..), &error);
        }
        let at_ms = self.shared.options.clock.now().as_millisecond();
        let tx = GroupTx::new(self.conn, self.grouping, at_ms, self.feed.position);
        let mut ran = VecDeque::new();
        let began = Instant::now();
        while let Some(mut job) = self.next_job(waiting, ran.len(), began) {
            match self.run(&tx, &mut *job) {
                Ok(()) => ran.push_back(job),
                Err(error) => {
                    job.answer(Outcome::Refused(error));
                    self.roll_back();
                    // Those that ran before it run again, in their order.
                    ran.append(waiting);
                    *waiting = ran;
                    return;
                }
            }
        }
        let pending = tx.into_pending();
        match self.conn.run("COMMIT") {
            Ok(()) => {
                self.publish(pending);
                ran.into_iter().for_each(|job| job.answer(Outcome::Settled));
            }
            Err(error) => {
                if matches!(error, StoreError::Stopped) {
                    self.shared.stop_writing(&error);
                }
                self.roll_back();
                refuse(ran.into_iter(), &error);
            }
        }
    }

    fn begin(&mut self) -> Result<(), StoreError> {
        if !self.conn.db().is_autocommit() {
            // A transaction that couldn't be rolled back: nothing may be written on top of it.
            self.shared.stop_writing(&StoreError::Stopped);
            return Err(StoreError::Stopped);
        }
        self.conn.run("BEGIN IMMEDIATE")?;
        // Inside the transaction, so that nothing can slip in between the look and our commit.
        self.feed.look(self.shared, self.conn);
        Ok(())
    }

    fn next_job(&self, waiting: &mut VecDeque<Job>, ran: usize, began: Instant) -> Option<Job> {
        if let Some(job) = waiting.pop_front() {
            return Some(job);
        }
        let may_take = self.grouping == Grouping::Shared && ran < JOBS_MAX && began.elapsed() < TAKING_MAX;
        if !may_take {
            return None;
        }
        match self.shared.writes.pop_if(|message| matches!(message, Message::Job(_, Grouping::Shared)))? {
            Message::Job(job, _) => Some(job),
            Message::Optimize(_) | Message::Look => None,
        }
    }

    fn run(&self, tx: &GroupTx<'_>, job: &mut dyn WriteJob) -> Result<(), StoreError> {
        self.conn.deadline.set(match self.grouping {
            Grouping::Shared => self.shared.options.query_timeout,
            Grouping::Alone => ALONE_TIME_LIMIT,
        });
        if self.shared.options.retry_jobs {
            tx.run_job(|tx| {
                job.run(tx);
                false
            })?;
        }
        let result = tx.run_job(|tx| job.run(tx) == JobEnd::Done);
        self.conn.deadline.clear();
        result
    }

    fn publish(&mut self, pending: Pending) {
        self.feed.position = pending.position;
        self.shared.epochs.advance(pending.touched.iter().map(|id| &**id));
        self.feed.tell(self.shared, self.conn, &pending.events);
    }

    fn roll_back(&self) {
        self.conn.deadline.clear();
        if !self.conn.db().is_autocommit()
            && let Err(error) = self.conn.run("ROLLBACK")
        {
            tracing::error!(%error, "a write transaction could not be rolled back");
        }
    }
}

fn refuse(jobs: impl Iterator<Item = Job>, error: &StoreError) {
    jobs.for_each(|job| job.answer(Outcome::Refused(error.clone())));
}
