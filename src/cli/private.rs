//! Keeping others out of this process.

/// Closes this process to others of its user, programs of tools among them: its environment, its memory and its files
/// are root's in `/proc`, no debugger can attach, and there are no core dumps (PR_SET_DUMPABLE, prctl(2)). All hold
/// secrets.
#[cfg(target_os = "linux")]
pub(super) fn keep_to_itself() {
    use rustix::process::{DumpableBehavior, set_dumpable_behavior};
    if let Err(error) = set_dumpable_behavior(DumpableBehavior::NotDumpable) {
        tracing::warn!(%error, "other processes of this user may read the gateway's secrets");
    }
}

/// Other systems have no `/proc` that shows them.
#[cfg(not(target_os = "linux"))]
pub(super) fn keep_to_itself() {}
