//! Whether this user may write a directory, found out before anything is touched: SQLite would tell only at its first
//! write, and for each of its files in other words.

use std::ffi::CString;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::{AUXILIARY_FILE, DATA_FILE, OpenError};

/// Refuses an existing directory that can't be written, or whose databases can't.
pub fn check(dir: &Path) -> Result<(), OpenError> {
    for path in [dir.to_owned(), dir.join(DATA_FILE), dir.join(AUXILIARY_FILE)] {
        match writable(&path) {
            Ok(()) => {}
            // Made later, below a folder that can be written.
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => {}
            Err(cause) => return Err(OpenError::NotWritable { path, cause }),
        }
    }
    Ok(())
}

/// Asks the system, which knows of groups, lists of rights and read-only mounts.
fn writable(path: &Path) -> io::Result<()> {
    let name = CString::new(path.as_os_str().as_bytes())?;
    // SAFETY: `name` ends with a NUL and lives through the call, which only reads it.
    match unsafe { libc::faccessat(libc::AT_FDCWD, name.as_ptr(), libc::W_OK, libc::AT_EACCESS) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
