//! The binary: hands over to `cli`.

/// For SQLite too (docs/decisions/0006-allocator.md).
#[cfg(not(target_env = "msvc"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> std::process::ExitCode {
    monobase::cli::run()
}
