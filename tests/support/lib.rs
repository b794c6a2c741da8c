//! What the tests stand on: the real binary as a child process ([`TestApp`]), a client that sends exactly what a test
//! says ([`Request`], [`Answer`]), and real parts beside it ([`parts`]).
//!
//! Used by `tests/api` and `tests/durability`. Start at [`TestApp::new`]; a test reads:
//!
//! ```ignore
//! let app = TestApp::new();
//! app.create_collection(json!({"name": "posts", "type": "base", "fields": [{"name": "title", "type": "text"}]}));
//! let post = app.create("posts", json!({"title": "a"}));
//! app.get(&format!("/api/collections/posts/records/{}", post["id"].as_str().unwrap())).refused(403);
//! ```
//!
//! Faults. The binary that tests run is built with the feature `faults`; these variables switch a fault on, and a
//! release doesn't know them:
//!
//! | variable | effect |
//! | --- | --- |
//! | `MONOBASE_FAULT_RETRY=1` | the first commit of every write fails with "retry" and its jobs run again; [`TestApp`] always sets it |
//! | `MONOBASE_FAULT_CLOCK_FILE=PATH` | the program's clock runs ahead by the milliseconds written in PATH; [`TestApp::move_clock`] writes them |
//! | `MONOBASE_FAULT_PUBLIC=IP` | this address counts as one of the public internet for outbound requests |
//! | `MONOBASE_FAULT_PROVIDER_MS=N` | a sign-in waits so long for its provider |
//! | `MONOBASE_FAULT_VFS=…` | the n-th call of the disk fails (`tests/durability`) |

mod answer;
mod app;
mod client;
mod data_dir;
mod events;
mod multipart;
pub mod parts;
mod process;
mod token;

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

pub use answer::Answer;
pub use app::{Setup, TestApp};
pub use client::{Request, raw};
pub use data_dir::{DataDir, base_dir};
pub use events::{EventStream, Message, Socket};
pub use multipart::Multipart;
pub use process::{Server, binary, run};

/// Waits for what another process or a job causes; such things are noticed within about a second.
#[track_caller]
pub fn wait_until(is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !is_so() {
        assert!(Instant::now() < deadline, "it didn't become so");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Turns the program's clock ahead by `ahead_ms` at least, to the next minute `minute` of an hour: jobs of that minute run.
pub fn move_clock_to_minute(app: &TestApp, ahead_ms: i64, minute: i64) {
    move_clock_to(app, ahead_ms, 3_600_000, minute * 60_000);
}

/// Turns the program's clock ahead to the next `hour:minute` (UTC).
pub fn move_clock_to_minute_of_day(app: &TestApp, hour: i64, minute: i64) {
    move_clock_to(app, 0, 24 * 3_600_000, (hour * 60 + minute) * 60_000);
}

/// To the next moment that lies `into_ms` behind the beginning of a period.
fn move_clock_to(app: &TestApp, ahead_ms: i64, period_ms: i64, into_ms: i64) {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is later than 1970");
    let now_ms = i64::try_from(since.as_millis()).expect("it isn't that late");
    let periods = (now_ms + ahead_ms - into_ms).div_euclid(period_ms) + 1;
    app.move_clock(periods * period_ms + into_ms - now_ms);
}

/// The superuser of every data directory that tests start from.
pub const SUPERUSER_EMAIL: &str = "test@example.com";
/// The password of every account that tests start from.
pub const PASSWORD: &str = "1234567890";

#[cfg(test)]
mod tests;
