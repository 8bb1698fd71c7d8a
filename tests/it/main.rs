//! One test binary: journeys through a real gateway, and the rules of the house.

mod house;
mod support;

mod chat;
