//! What an import shows: what was found in the file, what will be done, how far it is.

use std::io::{self, IsTerminal};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::import::read::{Format, Header, Quote};
use crate::import::{Plan, Survey, Tally, Target};

/// How often a bar on a terminal moves.
const BAR_EVERY: Duration = Duration::from_millis(100);
/// How often a line tells of the progress elsewhere.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// How the file is written.
pub fn survey(survey: &Survey) {
    let format = match &survey.layout.format {
        Format::JsonLines => "JSON lines".to_owned(),
        Format::Delimited { delimiter, quote, header } => {
            let delimiter = match delimiter {
                b'\t' => "tabs".to_owned(),
                byte => format!("{:?}", char::from(*byte)),
            };
            let quote = match quote {
                Quote::Byte(byte) => format!("quotes {}", char::from(*byte)),
                Quote::None => "no quotes".to_owned(),
            };
            let header = if *header == Header::Present { "with a header" } else { "without a header" };
            format!("separated by {delimiter}, {quote}, {header}")
        }
    };
    println!("{}: {}, {format}", survey.path.display(), survey.layout.encoding.name());
    let bad = match survey.bad_rows {
        0 => String::new(),
        bad => format!(", {bad} that can't be read"),
    };
    println!("{} rows{bad}", survey.records());
}

/// Which column goes where.
pub fn plan(plan: &Plan) {
    let what = match &plan.target {
        Target::Existing(collection) => format!("Fills the collection {:?}", collection.name),
        Target::New { name, .. } => format!("Makes the collection {name:?}, which only superusers may use"),
    };
    let key = plan.key.as_ref().map(|key| format!("; rows that have the {key:?} of a record change it"));
    println!("{what}{}:\n", key.unwrap_or_default());
    let mut rows = vec![["column".to_owned(), "field".to_owned(), "kind".to_owned(), "note".to_owned()]];
    rows.extend(plan.columns.iter().map(|column| {
        let field = column.field.clone().unwrap_or_else(|| "-".to_owned());
        [column.column.clone(), field, column.kind.clone(), column.note.clone()]
    }));
    let width = |part: usize| rows.iter().map(|row| row[part].chars().count()).max().unwrap_or(0);
    let widths = [width(0), width(1), width(2)];
    for [column, field, kind, note] in &rows {
        let line = format!("  {column:<0$}  {field:<1$}  {kind:<2$}  {note}", widths[0], widths[1], widths[2]);
        println!("{}", line.trim_end());
    }
    println!();
}

/// What was done, in words.
pub fn tally(tally: &Tally) -> String {
    let count = |number: &std::sync::atomic::AtomicU64| number.load(Ordering::Relaxed);
    format!("{} created, {} updated, {} refused", count(&tally.created), count(&tally.updated), count(&tally.refused))
}

/// Shows how far something is: a bar on a terminal, a line now and then elsewhere.
pub struct Bar {
    bar: ProgressBar,
    ticker: Option<Ticker>,
}

impl Bar {
    /// The first reading, of which the end isn't known.
    pub fn of_survey() -> Self {
        let bar = if io::stderr().is_terminal() { ProgressBar::new_spinner() } else { ProgressBar::hidden() };
        bar.set_message("reading the file");
        Self { bar, ticker: None }
    }

    pub fn read(&self, rows: u64) {
        self.bar.set_position(rows);
        self.bar.tick();
    }

    /// The import itself; a thread follows the tally.
    pub fn of_import(records: u64, tally: Arc<Tally>) -> Self {
        let is_terminal = io::stderr().is_terminal();
        let bar = if is_terminal { ProgressBar::new(records) } else { ProgressBar::hidden() };
        let style = ProgressStyle::with_template("{wide_bar} {human_pos}/{human_len} rows, {per_sec}, {eta} left");
        bar.set_style(style.expect("a constant"));
        let of_ticker = bar.clone();
        let show = move || {
            let done = tally.records.load(Ordering::Relaxed);
            if is_terminal {
                of_ticker.set_position(done);
            } else {
                eprintln!("{done} of {records} rows");
            }
        };
        Self { bar, ticker: Ticker::start(if is_terminal { BAR_EVERY } else { LINE_EVERY }, show) }
    }

    pub fn finish(mut self) {
        if let Some(ticker) = self.ticker.take() {
            ticker.stop();
        }
        self.bar.finish_and_clear();
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// A thread that does something at each turn.
struct Ticker {
    state: Arc<(Mutex<()>, Condvar, AtomicBool)>,
    thread: JoinHandle<()>,
}

impl Ticker {
    /// `None` when there is no thread to be had: then nothing is shown.
    fn start(every: Duration, show: impl Fn() + Send + 'static) -> Option<Self> {
        let state = Arc::new((Mutex::new(()), Condvar::new(), AtomicBool::new(false)));
        let of_thread = state.clone();
        let run = move || {
            let (mutex, woken, is_ended) = &*of_thread;
            let mut guard = mutex.lock().unwrap_or_else(PoisonError::into_inner);
            while !is_ended.load(Ordering::Acquire) {
                let waited = woken.wait_timeout(guard, every).unwrap_or_else(PoisonError::into_inner);
                guard = waited.0;
                if waited.1.timed_out() {
                    show();
                }
            }
        };
        let thread = std::thread::Builder::new().name("import-progress".into()).spawn(run).ok()?;
        Some(Self { state, thread })
    }

    fn stop(self) {
        let (mutex, woken, is_ended) = &*self.state;
        {
            let _guard = mutex.lock().unwrap_or_else(PoisonError::into_inner);
            is_ended.store(true, Ordering::Release);
        }
        woken.notify_all();
        // A panic there has shown itself already.
        let _ = self.thread.join();
    }
}
