//! Sessions of the 2025-11-25 revision: whose they are, how many there may be, and what is kept of them.

mod settings;
mod state;

pub use settings::Settings;
pub use state::State;
