//! The tests of the whole: what no single room can show.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot read its own case has failed"
)]

mod support;
mod vectors;
