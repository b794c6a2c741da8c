//! What the program asks of the system that it runs on.

/// Raises the soft limit of open files to the hard one: each connection is one, and the usual 1,024 is far below what the
/// server can hold. A failure is no reason not to start.
pub fn raise_open_files_limit() {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is a valid rlimit that outlives both calls; the calls touch nothing else.
    let raised = unsafe {
        libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) == 0 && {
            limit.rlim_cur = limit.rlim_max;
            libc::setrlimit(libc::RLIMIT_NOFILE, &limit) == 0
        }
    };
    if !raised {
        tracing::warn!("the limit of open files stays as it is");
    }
}

/// Lets a write beyond a file size limit fail, as on a full disk, instead of ending the program.
pub fn survive_file_size_limit() {
    // SAFETY: sets the disposition of one signal to "ignored"; no handler runs.
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
}
