//! Random ids and secrets. From the operating system's generator, without bias; drawn in blocks, since a system call
//! per id would cost more than an insert (PERFORMANCE, Spikes, Writer).

use std::cell::RefCell;

const LOWER: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
const MIXED: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const BLOCK_BYTES: usize = 1024;

thread_local! {
    static BLOCK: RefCell<(usize, [u8; BLOCK_BYTES])> = const { RefCell::new((BLOCK_BYTES, [0; BLOCK_BYTES])) };
}

/// A record id: 15 of `[a-z0-9]` (contract/01 §6).
pub fn record_id() -> String {
    lower(15)
}

/// `length` characters of `[a-z0-9]`.
pub fn lower(length: usize) -> String {
    pick(LOWER, length)
}

/// A secret of `length` characters of `[A-Za-z0-9]` (5.95 bits each; contract/10 §2 uses 50).
pub fn secret(length: usize) -> String {
    pick(MIXED, length)
}

/// `length` characters, each drawn evenly from `alphabet` (at most 256 ASCII characters).
pub fn pick(alphabet: &[u8], length: usize) -> String {
    // Rejection sampling: bytes from the last, incomplete turn of the alphabet would favour its beginning.
    let usable = 256 - 256 % alphabet.len();
    let mut text = String::with_capacity(length);
    while text.len() < length {
        let byte = random_byte() as usize;
        if byte < usable {
            text.push(char::from(alphabet[byte % alphabet.len()]));
        }
    }
    text
}

/// A number from 0 to `bound - 1`, each as likely; 0 if `bound` is 0.
pub fn below(bound: u32) -> u32 {
    if bound < 2 {
        return 0;
    }
    let usable = u32::MAX - u32::MAX % bound;
    loop {
        let drawn = u32::from_le_bytes([random_byte(), random_byte(), random_byte(), random_byte()]);
        if drawn < usable {
            return drawn % bound;
        }
    }
}

fn random_byte() -> u8 {
    BLOCK.with_borrow_mut(|(used, block)| {
        if *used == BLOCK_BYTES {
            getrandom::fill(block).expect("the system's random generator is there; without it nothing may be signed");
            *used = 0;
        }
        let byte = std::mem::take(&mut block[*used]);
        *used += 1;
        byte
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_their_length_and_alphabet_and_differ() {
        let ids: std::collections::HashSet<String> = (0..2000).map(|_| record_id()).collect();
        assert_eq!(ids.len(), 2000);
        assert!(ids.iter().all(|id| id.len() == 15 && id.bytes().all(|b| LOWER.contains(&b))));
    }

    #[test]
    fn every_number_below_the_bound_is_drawn() {
        let drawn: std::collections::HashSet<u32> = (0..2000).map(|_| below(10)).collect();
        assert_eq!(drawn, (0..10).collect());
        assert_eq!((below(0), below(1)), (0, 0));
    }

    #[test]
    fn every_character_of_the_alphabet_is_drawn() {
        let text = secret(20_000);
        assert!(MIXED.iter().all(|&c| text.contains(char::from(c))));
    }
}
