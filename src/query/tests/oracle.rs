//! SQL against memory.
