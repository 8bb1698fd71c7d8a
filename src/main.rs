//! The program. Everything is in the library; see `waypost::cli`.

/// Answers are many small, short-lived buffers: what mimalloc is good at.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    waypost::cli::main()
}
