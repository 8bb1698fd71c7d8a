//! What several tests share.

pub mod accumulate;
pub mod vector;
