//! What an acknowledged write survives: the program as a child process that is killed, whose disk fails or is full, and
//! beside which other processes write.
//!
//! Each scenario keeps a [`Ledger`] of what was acknowledged and asks the database itself afterwards: nothing of it may
//! be lost, and nothing may be half there.

mod disk_faults;
mod files_kill;
mod full_disk;
mod kill;
mod ledger;
mod memory;
mod schema_change;
mod two_processes;
