//! The sign that the program is about to stop: what would go on for long (streams, waiting jobs) ends on it.

use tokio::sync::watch;

/// Set once, heard by all who wait.
#[derive(Debug)]
pub struct Stopping(watch::Sender<bool>);

impl Stopping {
    pub(super) fn new() -> Self {
        Self(watch::Sender::new(false))
    }

    /// Tells everybody. Further calls change nothing.
    pub fn begin(&self) {
        self.0.send_replace(true);
    }

    pub fn has_begun(&self) -> bool {
        *self.0.borrow()
    }

    /// Ends when stopping has begun; at once if it has.
    pub async fn wait(&self) {
        let mut receiver = self.0.subscribe();
        // The sender lives as long as `self`, so the wait can't fail.
        let _ = receiver.wait_for(|begun| *begun).await;
    }
}
