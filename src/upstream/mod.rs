//! Moving bytes to and from providers.

pub mod simulated;
