//! A number for each request, on its answer and its log lines, so that a user's report finds them.

use std::sync::atomic::{AtomicU64, Ordering};

use actix_web::http::header::HeaderValue;
use bytes::Bytes;

/// Hands out ids: 16 hexadecimal digits, different within a process and, but for chance, between processes.
pub(super) struct RequestIds {
    next: AtomicU64,
}

impl RequestIds {
    pub fn new() -> Self {
        let mut start = [0; 8];
        // Ids name log lines, they guard nothing: without randomness they start at zero.
        if getrandom::fill(&mut start).is_err() {
            start = [0; 8];
        }
        Self { next: AtomicU64::new(u64::from_le_bytes(start)) }
    }

    pub fn next(&self) -> HeaderValue {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let number = mix(self.next.fetch_add(1, Ordering::Relaxed));
        let digits: [u8; 16] = std::array::from_fn(|at| DIGITS[(number >> (60 - 4 * at)) as usize & 15]);
        HeaderValue::from_maybe_shared(Bytes::copy_from_slice(&digits)).expect("hexadecimal digits are a header value")
    }
}

/// Spreads neighbouring numbers over all digits; one to one (the finaliser of splitmix64).
fn mix(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}
