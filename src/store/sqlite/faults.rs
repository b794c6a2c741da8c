//! A disk that fails, for tests (feature `faults`): a layer over SQLite's own file system that counts the writes, syncs
//! and truncates of one database and fails one of them, once.
//!
//! `MONOBASE_FAULT_VFS=NUMBER,FILE,REPORT`: the NUMBER-th such call (from 1) on a file whose name begins with FILE
//! (`data.db`: the log is `data.db-wal`) fails; which one it was (`write`, `sync`, `truncate`) is written to the file
//! REPORT.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::mem;
use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use rusqlite::ffi;

const VARIABLE: &str = "MONOBASE_FAULT_VFS";
const NAME: &CStr = c"mb_faults";

struct Plan {
    number: u64,
    file: String,
    report: String,
}

static PLAN: OnceLock<Option<Plan>> = OnceLock::new();
static CALLS: AtomicU64 = AtomicU64::new(0);

/// Puts the layer under every database opened from now on, if the variable asks for it.
pub fn install() {
    if PLAN.get_or_init(read_plan).is_none() {
        return;
    }
    static INSTALLED: OnceLock<()> = OnceLock::new();
    INSTALLED.get_or_init(|| {
        // SAFETY: the default VFS lives as long as the process; the copy is leaked and does too. Fields of the copy
        // that aren't replaced only use what their own VFS pointer gives them, and are passed the copy, whose
        // `pAppData` is that of the original.
        unsafe {
            let real = ffi::sqlite3_vfs_find(ptr::null());
            let mut shim = ptr::read(real);
            shim.zName = NAME.as_ptr();
            shim.szOsFile = file_bytes(real);
            shim.xOpen = Some(open);
            shim.pNext = ptr::null_mut();
            let shim = Box::leak(Box::new(shim));
            REAL.0.store(real, Ordering::Release);
            ffi::sqlite3_vfs_register(shim, 1);
        }
    });
}

fn read_plan() -> Option<Plan> {
    let value = std::env::var(VARIABLE).ok()?;
    let mut parts = value.splitn(3, ',');
    Some(Plan { number: parts.next()?.parse().ok()?, file: parts.next()?.to_owned(), report: parts.next()?.to_owned() })
}

/// SQLite's own VFS.
struct Real(std::sync::atomic::AtomicPtr<ffi::sqlite3_vfs>);

static REAL: Real = Real(std::sync::atomic::AtomicPtr::new(ptr::null_mut()));

/// A file of ours; the real one lies right behind it in the memory that SQLite gives.
#[repr(C)]
struct ShimFile {
    base: ffi::sqlite3_file,
    is_counted: bool,
}

fn file_bytes(real: *const ffi::sqlite3_vfs) -> c_int {
    // SAFETY: a live VFS.
    let real_bytes = unsafe { (*real).szOsFile };
    c_int::try_from(mem::size_of::<ShimFile>()).expect("a few bytes") + real_bytes
}

/// The real file behind ours.
///
/// # Safety
/// `file` was opened by [`open`].
unsafe fn real_file(file: *mut ffi::sqlite3_file) -> *mut ffi::sqlite3_file {
    // SAFETY: the memory is `szOsFile` bytes, which count both.
    unsafe { file.cast::<ShimFile>().add(1).cast() }
}

unsafe extern "C" fn open(
    _: *mut ffi::sqlite3_vfs,
    name: *const c_char,
    file: *mut ffi::sqlite3_file,
    flags: c_int,
    out_flags: *mut c_int,
) -> c_int {
    let real = REAL.0.load(Ordering::Acquire);
    // SAFETY: SQLite gives `szOsFile` bytes at `file`, a NUL-terminated or null name, and `real` is its own VFS.
    unsafe {
        let behind = real_file(file);
        let open_real = (*real).xOpen.expect("SQLite's VFS opens files");
        let code = open_real(real, name, behind, flags, out_flags);
        (*file).pMethods = if (*behind).pMethods.is_null() { ptr::null() } else { &METHODS };
        (*file.cast::<ShimFile>()).is_counted = !name.is_null() && is_meant(CStr::from_ptr(name));
        code
    }
}

fn is_meant(path: &CStr) -> bool {
    let path = path.to_string_lossy();
    let name = path.rsplit('/').next().unwrap_or_default();
    plan().is_some_and(|plan| name.starts_with(&plan.file))
}

fn plan() -> Option<&'static Plan> {
    PLAN.get().and_then(Option::as_ref)
}

/// Counts a call; tells whether it is the one to fail.
///
/// # Safety
/// `file` was opened by [`open`].
unsafe fn must_fail(file: *mut ffi::sqlite3_file, kind: &str) -> bool {
    // SAFETY: ours.
    let is_counted = unsafe { (*file.cast::<ShimFile>()).is_counted };
    let Some(plan) = plan().filter(|_| is_counted) else { return false };
    let is_it = CALLS.fetch_add(1, Ordering::AcqRel) + 1 == plan.number;
    if is_it {
        std::fs::write(&plan.report, kind).expect("the report of a fault can be written");
    }
    is_it
}

/// Calls the method of the real file. SAFETY of each use: SQLite calls a method only on a file that was opened, with
/// the arguments that the method's contract asks for; the real file has every method that ours has.
macro_rules! pass_on {
    ($file:ident, $method:ident $(, $argument:expr)*) => {
        unsafe {
            let behind = real_file($file);
            let method = (*(*behind).pMethods).$method.expect("SQLite's files have every method of their version");
            method(behind $(, $argument)*)
        }
    };
}

unsafe extern "C" fn close(file: *mut ffi::sqlite3_file) -> c_int {
    pass_on!(file, xClose)
}

unsafe extern "C" fn read(file: *mut ffi::sqlite3_file, into: *mut c_void, bytes: c_int, at: i64) -> c_int {
    pass_on!(file, xRead, into, bytes, at)
}

unsafe extern "C" fn write(file: *mut ffi::sqlite3_file, from: *const c_void, bytes: c_int, at: i64) -> c_int {
    // SAFETY: a file of ours.
    if unsafe { must_fail(file, "write") } {
        return ffi::SQLITE_IOERR_WRITE;
    }
    pass_on!(file, xWrite, from, bytes, at)
}

unsafe extern "C" fn truncate(file: *mut ffi::sqlite3_file, bytes: i64) -> c_int {
    // SAFETY: a file of ours.
    if unsafe { must_fail(file, "truncate") } {
        return ffi::SQLITE_IOERR_TRUNCATE;
    }
    pass_on!(file, xTruncate, bytes)
}

unsafe extern "C" fn sync(file: *mut ffi::sqlite3_file, flags: c_int) -> c_int {
    // SAFETY: a file of ours.
    if unsafe { must_fail(file, "sync") } {
        return ffi::SQLITE_IOERR_FSYNC;
    }
    pass_on!(file, xSync, flags)
}

unsafe extern "C" fn file_size(file: *mut ffi::sqlite3_file, bytes: *mut i64) -> c_int {
    pass_on!(file, xFileSize, bytes)
}

unsafe extern "C" fn lock(file: *mut ffi::sqlite3_file, level: c_int) -> c_int {
    pass_on!(file, xLock, level)
}

unsafe extern "C" fn unlock(file: *mut ffi::sqlite3_file, level: c_int) -> c_int {
    pass_on!(file, xUnlock, level)
}

unsafe extern "C" fn check_reserved_lock(file: *mut ffi::sqlite3_file, out: *mut c_int) -> c_int {
    pass_on!(file, xCheckReservedLock, out)
}

unsafe extern "C" fn file_control(file: *mut ffi::sqlite3_file, op: c_int, argument: *mut c_void) -> c_int {
    pass_on!(file, xFileControl, op, argument)
}

unsafe extern "C" fn sector_size(file: *mut ffi::sqlite3_file) -> c_int {
    pass_on!(file, xSectorSize)
}

unsafe extern "C" fn device_characteristics(file: *mut ffi::sqlite3_file) -> c_int {
    pass_on!(file, xDeviceCharacteristics)
}

unsafe extern "C" fn shm_map(
    file: *mut ffi::sqlite3_file,
    region: c_int,
    bytes: c_int,
    extend: c_int,
    out: *mut *mut c_void,
) -> c_int {
    pass_on!(file, xShmMap, region, bytes, extend, out)
}

unsafe extern "C" fn shm_lock(file: *mut ffi::sqlite3_file, first: c_int, count: c_int, flags: c_int) -> c_int {
    pass_on!(file, xShmLock, first, count, flags)
}

unsafe extern "C" fn shm_barrier(file: *mut ffi::sqlite3_file) {
    pass_on!(file, xShmBarrier)
}

unsafe extern "C" fn shm_unmap(file: *mut ffi::sqlite3_file, delete: c_int) -> c_int {
    pass_on!(file, xShmUnmap, delete)
}

unsafe extern "C" fn fetch(file: *mut ffi::sqlite3_file, at: i64, bytes: c_int, out: *mut *mut c_void) -> c_int {
    pass_on!(file, xFetch, at, bytes, out)
}

unsafe extern "C" fn unfetch(file: *mut ffi::sqlite3_file, at: i64, page: *mut c_void) -> c_int {
    pass_on!(file, xUnfetch, at, page)
}

static METHODS: ffi::sqlite3_io_methods = ffi::sqlite3_io_methods {
    iVersion: 3,
    xClose: Some(close),
    xRead: Some(read),
    xWrite: Some(write),
    xTruncate: Some(truncate),
    xSync: Some(sync),
    xFileSize: Some(file_size),
    xLock: Some(lock),
    xUnlock: Some(unlock),
    xCheckReservedLock: Some(check_reserved_lock),
    xFileControl: Some(file_control),
    xSectorSize: Some(sector_size),
    xDeviceCharacteristics: Some(device_characteristics),
    xShmMap: Some(shm_map),
    xShmLock: Some(shm_lock),
    xShmBarrier: Some(shm_barrier),
    xShmUnmap: Some(shm_unmap),
    xFetch: Some(fetch),
    xUnfetch: Some(unfetch),
};
