//! Programs of this machine, for whoever runs some: tools that are programs, and servers of tools that are.
//!
//! A program is started through a wrapper that sets its limits and stays with it as its supervisor ([`Program`]). It
//! leads a group of its own, and everything it started ends with it ([`Running`]). It gets the environment it is given
//! and nothing of the gateway's.

mod launch;
mod running;

pub use launch::{Limits, Program};
pub use running::{GRACE, Pipes, Running};
