//! What was asked and answered, by everybody together.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Mutex;
use std::time::Duration;

use support::Answer;

/// Answers that must not be are kept up to here, to be read; all are counted.
const FAULTS_MAX: usize = 20;

/// The figures of a run.
#[derive(Debug, Default)]
pub struct Tally(Mutex<Figures>);

#[derive(Debug, Default)]
struct Figures {
    /// By what was done.
    acts: BTreeMap<&'static str, Act>,
    disturbances: BTreeMap<String, u32>,
    faults: Vec<String>,
}

#[derive(Debug, Default)]
struct Act {
    statuses: BTreeMap<u16, u64>,
    /// Of answers that weren't refusals, milliseconds: counts by power of two.
    times: BTreeMap<u32, u64>,
    longest: Duration,
}

impl Tally {
    /// Counts an answer, and keeps it if it must not be.
    pub fn count(&self, act: &'static str, answer: &Answer, took: Duration) {
        let is_fault = answer.status >= 500 && (answer.status != 503 || answer.header("retry-after").is_none());
        let mut figures = self.0.lock().expect("no holder panics");
        if is_fault && figures.faults.len() < FAULTS_MAX {
            figures.faults.push(format!("{act}: {} {}", answer.status, answer.text()));
        }
        let entry = figures.acts.entry(act).or_default();
        *entry.statuses.entry(answer.status).or_default() += 1;
        if answer.status < 400 {
            *entry.times.entry(u128::BITS - took.as_millis().leading_zeros()).or_default() += 1;
            entry.longest = entry.longest.max(took);
        }
    }

    /// Counts something that has no answer, such as a message.
    pub fn count_event(&self, act: &'static str) {
        *self.0.lock().expect("no holder panics").acts.entry(act).or_default().statuses.entry(0).or_default() += 1;
    }

    /// Keeps something that must not be.
    pub fn fault(&self, what: String) {
        self.0.lock().expect("no holder panics").faults.push(what);
    }

    pub fn count_disturbance(&self, name: &str) {
        *self.0.lock().expect("no holder panics").disturbances.entry(name.to_owned()).or_default() += 1;
    }

    pub fn disturbances(&self) -> String {
        let figures = self.0.lock().expect("no holder panics");
        figures.disturbances.iter().map(|(name, count)| format!("{count} × {name}")).collect::<Vec<_>>().join(", ")
    }

    /// Nothing that must not be.
    pub fn check(&self) {
        let figures = self.0.lock().expect("no holder panics");
        assert!(figures.faults.is_empty(), "{}", figures.faults.join("\n"));
    }
}

impl Act {
    /// A bound below which that part of the times lies, milliseconds.
    fn below(&self, part: f64) -> u64 {
        let all: u64 = self.times.values().sum();
        let mut seen = 0;
        for (power, count) in &self.times {
            seen += count;
            if seen as f64 >= part * all as f64 {
                return 1 << power;
            }
        }
        0
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let figures = self.0.lock().expect("no holder panics");
        writeln!(f, "| what | answers | half under | 99% under | longest |\n| --- | --- | --- | --- | --- |")?;
        for (name, act) in &figures.acts {
            let answers: Vec<String> = act.statuses.iter().map(|(status, count)| answers(*status, *count)).collect();
            let times = match act.times.is_empty() {
                true => "| |".to_owned(),
                false => format!("{} ms | {} ms | {} ms", act.below(0.5), act.below(0.99), act.longest.as_millis()),
            };
            writeln!(f, "| {name} | {} | {times} |", answers.join(", "))?;
        }
        Ok(())
    }
}

fn answers(status: u16, count: u64) -> String {
    if status == 0 { count.to_string() } else { format!("{count} × {status}") }
}
