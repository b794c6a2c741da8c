//! One server a directory: a lock on a file of our own, which ends with the process. A running PocketBase doesn't take
//! it and can't be seen.

use std::fs::{File, TryLockError};
use std::io::{Read, Write};
use std::path::Path;

use super::OpenError;

const LOCK_FILE: &str = "mb_lock";

/// Held for as long as it lives.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock of a directory, or tells who has it.
    pub fn take(dir: &Path) -> Result<Self, OpenError> {
        let not_writable = |cause| OpenError::NotWritable { path: dir.to_owned(), cause };
        let mut file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(dir.join(LOCK_FILE))
            .map_err(not_writable)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut pid = String::new();
                // Only for the message: whoever has the lock may not have written its number yet.
                let pid =
                    file.read_to_string(&mut pid).ok().map(|_| pid.trim().to_owned()).filter(|pid| !pid.is_empty());
                return Err(OpenError::Served { path: dir.to_owned(), pid });
            }
            Err(TryLockError::Error(cause)) => return Err(not_writable(cause)),
        }
        file.set_len(0).map_err(not_writable)?;
        writeln!(file, "{}", std::process::id()).map_err(not_writable)?;
        Ok(Self { _file: file })
    }
}
