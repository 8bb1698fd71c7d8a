//! The tests of the whole: what no single room can show.

mod support;
mod vectors;
