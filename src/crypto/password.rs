//! Password hashes: bcrypt (`$2a$`), so that the directory still opens in the reference (contract/10 §7).
//!
//! One hash takes some 50 ms of a core, so a login storm must not take the cores from requests: hashing runs on
//! threads of its own, no more than there are cores, at a lower priority, behind a bounded queue.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use tokio::sync::oneshot;

use super::Secret;
use crate::error::Error;

/// The cost of a password field that names none (contract/10 §7).
pub const BCRYPT_DEFAULT_COST: u32 = 10;
/// How many hashes may wait: at 50 ms each on two cores the last one waits some 6 s, which a client still bears.
const QUEUE_MAX: usize = 256;
/// Added to the process's niceness on the hashing threads: they get about a tenth of a request worker's share of a
/// busy core, and all of an idle one.
const NICENESS: i32 = 10;
/// bcrypt reads no further.
const PASSWORD_BYTES_MAX: usize = 72;

#[derive(Debug, thiserror::Error)]
pub enum HashError {
    /// Longer than the 72 bytes that bcrypt reads; what follows them would count for nothing.
    #[error("a password has at most {PASSWORD_BYTES_MAX} bytes")]
    TooLong,
    /// The cost isn't one of 4 to 31.
    #[error("bcrypt doesn't know the cost {0}")]
    Cost(u32),
    #[error("too many passwords wait to be hashed")]
    QueueFull,
    #[error("the hashing threads have stopped")]
    Stopped,
}

impl From<HashError> for Error {
    fn from(error: HashError) -> Self {
        match error {
            HashError::QueueFull | HashError::Stopped => {
                Error::Busy { message: "The server is busy, please try again.".into(), retry_after_seconds: 1 }
            }
            HashError::TooLong | HashError::Cost(_) => Error::bad_request_from("", error),
        }
    }
}

/// Hashes on the calling thread: for the command line. Takes some 50 ms at the default cost.
pub fn hash_password(password: &str, cost: u32) -> Result<String, HashError> {
    if password.len() > PASSWORD_BYTES_MAX {
        return Err(HashError::TooLong);
    }
    let parts = bcrypt::hash_with_result(password, cost).map_err(|_| HashError::Cost(cost))?;
    Ok(parts.format_for_version(bcrypt::Version::TwoA))
}

/// Checks on the calling thread. A text that is no bcrypt hash, the empty one included, matches nothing; the check then
/// hashes all the same, so that its time tells nothing.
pub fn verify_password(password: &str, hash: &str) -> bool {
    match bcrypt::verify(password, hash) {
        Ok(matches) => matches,
        Err(_) => {
            // The result is of no use; only the time it takes is.
            let _ = bcrypt::hash_with_result(password, BCRYPT_DEFAULT_COST);
            false
        }
    }
}

type Work = Box<dyn FnOnce() + Send>;

struct Queue {
    waiting: VecDeque<Work>,
    is_closed: bool,
}

struct Shared {
    queue: Mutex<Queue>,
    changed: Condvar,
    hashes_done: AtomicU64,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        // Nothing that panics runs under the lock, so a poisoned queue is whole.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The pool. Dropping it ends its threads after what is queued was dropped, and joins them.
pub struct PasswordHasher {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

impl PasswordHasher {
    /// Starts as many threads as the machine has cores.
    pub fn start() -> Self {
        let shared = Arc::new(Shared {
            queue: Mutex::new(Queue { waiting: VecDeque::new(), is_closed: false }),
            changed: Condvar::new(),
            hashes_done: AtomicU64::new(0),
        });
        let count = std::thread::available_parallelism().map_or(1, |cores| cores.get());
        let threads = (0..count)
            .map(|index| {
                let shared = shared.clone();
                std::thread::Builder::new()
                    .name(format!("hash-{index}"))
                    .spawn(move || run(&shared))
                    .expect("threads can be started while the program starts")
            })
            .collect();
        Self { shared, threads }
    }

    /// A new hash of `password`.
    pub async fn hash(&self, password: Secret<String>, cost: u32) -> Result<String, HashError> {
        self.run(move || hash_password(password.expose(), cost)).await?
    }

    /// Whether `hash` is one of `password`; see [`verify_password`].
    pub async fn verify(&self, password: Secret<String>, hash: String) -> Result<bool, HashError> {
        self.run(move || verify_password(password.expose(), &hash)).await
    }

    /// How many hashes were made or checked since the start: tests prove by it that refused logins cost the same.
    pub fn hashes_done(&self) -> u64 {
        self.shared.hashes_done.load(Ordering::Relaxed)
    }

    /// Runs work that hashes once, on a thread of the pool.
    ///
    /// # Errors
    /// [`HashError::QueueFull`] at once when too many wait; [`HashError::Stopped`] while the program ends.
    pub async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, HashError> {
        let (answer, result) = oneshot::channel();
        {
            let mut queue = self.shared.lock();
            if queue.is_closed {
                return Err(HashError::Stopped);
            }
            if queue.waiting.len() >= QUEUE_MAX {
                return Err(HashError::QueueFull);
            }
            let shared = self.shared.clone();
            queue.waiting.push_back(Box::new(move || {
                if answer.is_closed() {
                    return; // the client has gone: save the core for the next one
                }
                let made = work();
                shared.hashes_done.fetch_add(1, Ordering::Relaxed);
                let _ = answer.send(made); // fails only if the client has gone meanwhile
            }));
        }
        self.shared.changed.notify_one();
        result.await.map_err(|_| HashError::Stopped)
    }
}

impl Drop for PasswordHasher {
    fn drop(&mut self) {
        {
            let mut queue = self.shared.lock();
            queue.is_closed = true;
            queue.waiting.clear();
        }
        self.shared.changed.notify_all();
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a hashing thread had panicked");
            }
        }
    }
}

fn run(shared: &Shared) {
    lower_priority();
    loop {
        let work = {
            let mut queue = shared.lock();
            loop {
                if queue.is_closed {
                    return;
                }
                if let Some(work) = queue.waiting.pop_front() {
                    break work;
                }
                queue = shared.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
            }
        };
        if catch_unwind(AssertUnwindSafe(work)).is_err() {
            tracing::error!("hashing a password panicked");
        }
    }
}

#[cfg(target_os = "linux")]
fn lower_priority() {
    // SAFETY: plain calls without pointers; on Linux they concern the calling thread alone. Failing changes nothing.
    unsafe {
        let niceness = libc::getpriority(libc::PRIO_PROCESS, 0);
        libc::setpriority(libc::PRIO_PROCESS, 0, niceness + NICENESS);
    }
}

#[cfg(not(target_os = "linux"))]
fn lower_priority() {
    // Elsewhere the priority of a thread isn't its own.
    let _ = NICENESS;
}

#[cfg(test)]
mod tests {
    use super::*;

    const COST: u32 = 4; // the lowest: tests are about the plumbing

    #[test]
    fn hashes_have_the_reference_form_and_match_their_password_alone() {
        let hash = hash_password("1234567890", COST).unwrap();
        assert!(hash.starts_with("$2a$04$"), "{hash}");
        assert!(verify_password("1234567890", &hash));
        assert!(!verify_password("1234567891", &hash));
    }

    #[test]
    fn hashes_of_all_spellings_verify() {
        let hash = hash_password("secret", COST).unwrap();
        for prefix in ["$2a$", "$2b$", "$2y$"] {
            assert!(verify_password("secret", &hash.replacen("$2a$", prefix, 1)), "{prefix}");
        }
    }

    #[test]
    fn nothing_matches_an_empty_or_broken_hash() {
        for hash in ["", "secret", "$2a$04$short", "$9$04$"] {
            assert!(!verify_password("", hash));
            assert!(!verify_password(hash, hash));
        }
    }

    #[test]
    fn bytes_past_the_72nd_are_refused_instead_of_ignored() {
        assert!(matches!(hash_password(&"a".repeat(73), COST), Err(HashError::TooLong)));
        assert!(matches!(hash_password("a", 3), Err(HashError::Cost(3))));
    }

    #[tokio::test]
    async fn the_pool_answers_many_at_once_and_counts_them() {
        let pool = PasswordHasher::start();
        let hash = pool.hash("secret".into(), COST).await.unwrap();
        let right = (0..20).map(|_| pool.verify("secret".into(), hash.clone()));
        let answers = futures_util::future::join_all(right).await;
        assert!(answers.into_iter().all(|answer| answer.unwrap()));
        assert!(!pool.verify("wrong".into(), hash).await.unwrap());
        assert_eq!(pool.hashes_done(), 22);
    }

    #[tokio::test]
    async fn a_full_queue_refuses_at_once() {
        let pool = PasswordHasher::start();
        let hash = hash_password("secret", 8).unwrap();
        let burst = (0..QUEUE_MAX + 20).map(|_| pool.verify("secret".into(), hash.clone()));
        let answers = futures_util::future::join_all(burst).await;
        assert!(answers.iter().any(|answer| matches!(answer, Err(HashError::QueueFull))));
        assert!(answers.iter().any(|answer| matches!(answer, Ok(true))));
    }
}
