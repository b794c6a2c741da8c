//! The limit of open files: each connection is one, and the usual soft limit of 1,024 is far below what the server can
//! hold.

/// Raises the soft limit to the hard one. A failure is no reason not to start.
pub fn raise_limit() {
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
