//! Ctrl-C for commands that end in an orderly way: the first one is heard, a second ends the program at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context;

/// Set by the first SIGINT or SIGTERM. Called once.
pub fn listen() -> anyhow::Result<Arc<AtomicBool>> {
    let heard = Arc::new(AtomicBool::new(false));
    let of_thread = heard.clone();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().context("signals aren't heard")?;
    let wait = move || {
        runtime.block_on(async {
            wait_for_signal().await;
            of_thread.store(true, Ordering::Relaxed);
            wait_for_signal().await;
            std::process::exit(130);
        });
    };
    std::thread::Builder::new().name("interrupt".into()).spawn(wait).context("signals aren't heard")?;
    Ok(heard)
}

#[cfg(unix)]
async fn wait_for_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let heard = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()));
    let (Ok(mut interrupt), Ok(mut terminate)) = heard else { return std::future::pending().await };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}

#[cfg(not(unix))]
async fn wait_for_signal() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}
