//! What the server's memory does while nothing disturbs it.

use std::fmt;

/// Growth that is no leak: caches that still fill, a page that a larger database needs.
const GROWTH_KIB_MAX: u64 = 24 * 1024;

/// The program's own memory, KiB, look by look: mapped pages of the databases, which the system may take back at any time
/// and which grow with the data, aren't in it.
#[derive(Debug, Default)]
pub struct Memory(Vec<u64>);

impl Memory {
    /// Reads it from `/proc`.
    pub fn look(&mut self, process_id: u32) {
        let status = std::fs::read_to_string(format!("/proc/{process_id}/status")).expect("the server runs");
        let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).expect("a process has memory");
        let kib = line.trim().trim_end_matches("kB").trim().parse().expect("a number of KiB");
        self.0.push(kib);
    }

    /// Flat: behind the warm-up, which is the first half, the end needs hardly more than the beginning.
    pub fn check(&self) {
        let (warm, end) = self.warm_and_end();
        assert!(end <= warm + GROWTH_KIB_MAX, "memory grows: {self}");
    }

    /// The middle of the third quarter and that of the last, KiB.
    fn warm_and_end(&self) -> (u64, u64) {
        let quarter = self.0.len() / 4;
        let middle = |part: &[u64]| {
            let mut sorted = part.to_vec();
            sorted.sort_unstable();
            sorted.get(sorted.len() / 2).copied().unwrap_or_default()
        };
        (middle(&self.0[2 * quarter..3 * quarter]), middle(&self.0[3 * quarter..]))
    }
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (warm, end) = self.warm_and_end();
        let most = self.0.iter().max().copied().unwrap_or_default();
        write!(f, "{} MiB after the warm-up, {} MiB at the end, {} MiB at most", warm >> 10, end >> 10, most >> 10)
    }
}
