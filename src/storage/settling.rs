//! Waiting for removals: an answer to a delete means that the record's files are gone, not that they will go.

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

use super::Storage;
use super::removal::OUTBOX_KIND;
use crate::store::{Event, Tx};

/// Removals that one answer waits for. One that causes more waits for these: the bound in time ends it anyway.
const AWAITED_MAX: usize = 1000;
/// Finished removals that are remembered: a removal may be faster than the answer that is to wait for it.
const REMEMBERED_MAX: usize = 10_000;

/// The removals that a write job queued.
#[derive(Debug, Default)]
#[must_use = "wait for them by Storage::await_removals"]
pub struct QueuedRemovals(Vec<Arc<str>>);

impl QueuedRemovals {
    /// Those of the running job. Asked at its end.
    pub fn of_job(tx: &dyn Tx) -> Self {
        let mut ids = Vec::new();
        tx.each_event(&mut |event| {
            if let Event::OutboxFilled { kind, id } = event
                && **kind == *OUTBOX_KIND
                && ids.len() < AWAITED_MAX
            {
                ids.push(id.clone());
            }
        });
        Self(ids)
    }
}

/// Which removals were carried out lately.
#[derive(Clone, Debug, Default)]
pub(super) struct Settled(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    recent: Mutex<Recent>,
    grown: Notify,
}

#[derive(Debug, Default)]
struct Recent {
    ids: HashSet<Arc<str>>,
    /// The oldest first.
    order: VecDeque<Arc<str>>,
}

impl Settled {
    /// Notes that a removal was tried: if it failed, nobody waits for the next try.
    pub fn add(&self, id: &str) {
        let id: Arc<str> = id.into();
        let mut recent = self.0.recent.lock().unwrap_or_else(PoisonError::into_inner);
        if recent.ids.insert(id.clone()) {
            recent.order.push_back(id);
        }
        if recent.order.len() > REMEMBERED_MAX
            && let Some(oldest) = recent.order.pop_front()
        {
            recent.ids.remove(&oldest);
        }
        drop(recent);
        self.0.grown.notify_waiters();
    }

    async fn wait(&self, mut awaited: Vec<Arc<str>>) {
        loop {
            let grown = self.0.grown.notified(); // hears what comes after it was made, so made before the look
            {
                let recent = self.0.recent.lock().unwrap_or_else(PoisonError::into_inner);
                awaited.retain(|id| !recent.ids.contains(id));
            }
            if awaited.is_empty() {
                return;
            }
            grown.await;
        }
    }
}

impl Storage {
    /// Waits until the removals of a committed job are carried out, as long as the store says that an answer may wait:
    /// what isn't gone by then goes later.
    pub async fn await_removals(&self, removals: QueuedRemovals) {
        let wait_max = self.current().removal_wait_max();
        if removals.0.is_empty() || wait_max.is_zero() {
            return;
        }
        // Too long a wait is no failure: the queue has the removals.
        let _ = tokio::time::timeout(wait_max, self.settled.wait(removals.0)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(ids: &[&str]) -> Vec<Arc<str>> {
        ids.iter().map(|id| Arc::from(*id)).collect()
    }

    #[tokio::test]
    async fn a_wait_ends_with_the_last_removal_whichever_came_first() {
        let settled = Settled::default();
        settled.add("a");
        settled.wait(ids(&["a"])).await;
        let waiting = tokio::spawn({
            let settled = settled.clone();
            async move { settled.wait(ids(&["a", "b", "c"])).await }
        });
        settled.add("c");
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        settled.add("b");
        waiting.await.unwrap();
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let settled = Settled::default();
        (0..REMEMBERED_MAX + 5).for_each(|number| settled.add(&number.to_string()));
        let recent = settled.0.recent.lock().unwrap();
        assert_eq!((recent.ids.len(), recent.order.len()), (REMEMBERED_MAX, REMEMBERED_MAX));
        assert!(!recent.ids.contains("4") && recent.ids.contains("5"));
    }
}
