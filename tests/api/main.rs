//! Behaviour through the front door: a module per chapter of the contract, each test against the real binary on a data
//! directory of its own. `support` tells what a test can ask for.

mod cli;
mod health;
mod http;
mod middleware;
mod rate_limit;
mod settings;
mod statics;
mod tokens;

/// Waits for what another process or a job causes; such things are noticed within about a second.
#[track_caller]
fn wait_until(is_so: impl Fn() -> bool) {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while !is_so() {
        assert!(std::time::Instant::now() < deadline, "it didn't become so");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}
