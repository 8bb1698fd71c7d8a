//! Callers with tokens of authorization servers, at both faces. Who they are is told by a double, mostly.

mod challenges;
mod faces;
pub(crate) mod issuer;
mod outage;
mod papers;
mod stage;
mod streams;
