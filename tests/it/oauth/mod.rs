//! Callers with tokens of authorization servers, at both faces. Who they are is told by a double, mostly.

mod challenges;
mod faces;
pub(crate) mod issuer;
mod known;
mod outage;
mod papers;
mod reloads;
mod socket;
mod stage;
mod streams;
