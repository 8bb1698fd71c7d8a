//! Callers with tokens of authorization servers, at both faces. Who they are is told by a double.

mod challenges;
mod faces;
mod papers;
mod stage;
mod streams;
