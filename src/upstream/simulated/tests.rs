//! The behaviour of the simulated provider as a whole.
