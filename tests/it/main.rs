//! One test binary: journeys through a real gateway, golden vectors, and the rules of the house.

mod config_files;
mod house;
mod support;
mod vectors;

mod chat;
