//! What several tests share.

pub(crate) mod accumulate;
pub(crate) mod vector;
