//! A bounded queue between threads: a full one refuses, a closed one gives what it still holds and then ends.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::error::StoreError;

/// Many threads push, one or several pop.
pub struct Queue<T> {
    state: Mutex<State<T>>,
    filled: Condvar,
    length_max: usize,
}

struct State<T> {
    items: VecDeque<T>,
    closed: bool,
    /// Threads that wait in `pop`: nobody is woken when none does.
    waiting: usize,
}

/// What [`Queue::pop_within`] gives.
#[derive(Debug, PartialEq, Eq)]
pub enum Popped<T> {
    Item(T),
    /// The time is over.
    Nothing,
    /// The queue is closed and empty.
    End,
}

impl<T> Queue<T> {
    pub fn new(length_max: usize) -> Self {
        let state = State { items: VecDeque::new(), closed: false, waiting: 0 };
        Self { state: Mutex::new(state), filled: Condvar::new(), length_max }
    }

    /// Adds an item, or refuses with `QueueFull` or `Closed`.
    pub fn push(&self, item: T) -> Result<(), StoreError> {
        let mut state = self.lock();
        if state.closed {
            return Err(StoreError::Closed);
        }
        if state.items.len() >= self.length_max {
            return Err(StoreError::QueueFull);
        }
        state.items.push_back(item);
        let wake = state.waiting > 0;
        drop(state);
        if wake {
            self.filled.notify_one();
        }
        Ok(())
    }

    /// The next item; waits for one. `None` when the queue is closed and empty.
    pub fn pop(&self) -> Option<T> {
        let mut state = self.lock();
        loop {
            if let Some(item) = state.items.pop_front() {
                return Some(item);
            }
            if state.closed {
                return None;
            }
            state.waiting += 1;
            state = self.filled.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.waiting -= 1;
        }
    }

    /// The next item; waits at most `limit` for one.
    pub fn pop_within(&self, limit: Duration) -> Popped<T> {
        let deadline = Instant::now() + limit;
        let mut state = self.lock();
        loop {
            if let Some(item) = state.items.pop_front() {
                return Popped::Item(item);
            }
            if state.closed {
                return Popped::End;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Popped::Nothing;
            }
            state.waiting += 1;
            state = self.filled.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
            state.waiting -= 1;
        }
    }

    /// The next item if `wanted` says so of it; doesn't wait.
    pub fn pop_if(&self, wanted: impl FnOnce(&T) -> bool) -> Option<T> {
        let mut state = self.lock();
        if wanted(state.items.front()?) { state.items.pop_front() } else { None }
    }

    /// Refuses further items; what is queued can still be popped.
    pub fn close(&self) {
        self.lock().closed = true;
        self.filled.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        // Nothing of ours panics while it holds this lock; a poisoned one is as good as a whole one.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_queue_refuses_and_a_closed_one_is_emptied_first() {
        let queue = Queue::new(2);
        queue.push(1).unwrap();
        queue.push(2).unwrap();
        assert!(matches!(queue.push(3), Err(StoreError::QueueFull)));
        queue.close();
        assert!(matches!(queue.push(3), Err(StoreError::Closed)));
        assert_eq!((queue.pop(), queue.pop(), queue.pop()), (Some(1), Some(2), None));
        assert_eq!(queue.pop_within(Duration::from_secs(5)), Popped::End);
    }

    #[test]
    fn an_item_wakes_one_who_waits() {
        let queue = std::sync::Arc::new(Queue::new(2));
        let waiter = std::thread::spawn({
            let queue = queue.clone();
            move || queue.pop()
        });
        queue.push(7).unwrap();
        assert_eq!(waiter.join().unwrap(), Some(7));
        assert_eq!(queue.pop_within(Duration::from_millis(1)), Popped::Nothing);
    }

    #[test]
    fn only_a_wanted_item_is_taken() {
        let queue = Queue::new(2);
        queue.push(1).unwrap();
        assert_eq!(queue.pop_if(|item| *item == 2), None);
        assert_eq!(queue.pop_if(|item| *item == 1), Some(1));
        assert_eq!(queue.pop_if(|_| true), None);
    }
}
