//! What the program prints about itself: log lines on stderr.

use std::backtrace::Backtrace;
use std::io::IsTerminal;
use std::panic::PanicHookInfo;

use tracing_subscriber::EnvFilter;

/// Bytes of a panic's stack in the log (contract/14 §6).
const STACK_BYTES_MAX: usize = 2048;
/// Crates that tell more than they should: the SQL parser logs what it parses at `error`.
const QUIET: &str = "sqlite3Parser=off,actix_server=warn,actix_http=warn,mio=warn,h2=warn,rustls=warn";

/// Sets up logging: warnings and news, or everything of ours with `--dev`; `RUST_LOG` overrides both.
pub fn set_up(dev: bool) {
    let default = if dev { "info,monobase=debug" } else { "info" };
    let filter = std::env::var("RUST_LOG").unwrap_or_else(|_| default.to_owned());
    let filter = EnvFilter::builder().parse_lossy(format!("{filter},{QUIET}"));
    let colours = std::io::stderr().is_terminal();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(colours)
        .with_target(dev)
        .init();
    std::panic::set_hook(Box::new(log_panic));
}

/// A panic goes to the log; who awaits the work is answered by whoever caught it.
fn log_panic(panic: &PanicHookInfo<'_>) {
    let message = panic.payload_as_str().unwrap_or("no message");
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    let mut stack = Backtrace::force_capture().to_string();
    let end = (0..=STACK_BYTES_MAX.min(stack.len())).rev().find(|&at| stack.is_char_boundary(at)).unwrap_or(0);
    stack.truncate(end);
    tracing::error!(message, place, stack, "panic");
}
