//! Why a circuit last opened, as operators read it.

use std::fmt;

use serde::Serialize;

use super::Trip;

/// A circuit's last opening. Its text ends a sentence like "it was ejected: …".
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Opening {
    /// Why.
    pub because: Trip,
    /// The share of calls that had failed when the circuit was last closed, 0 to 1.
    pub failure_rate: f64,
    /// Failures in a row that open the circuit.
    pub consecutive: u32,
    /// How often it has opened by now, from 1.
    pub times: u64,
}

impl fmt::Display for Opening {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.because {
            Trip::Consecutive => write!(out, "{} failures in a row", self.consecutive),
            Trip::FailureRate => {
                write!(out, "{:.0} % of calls failed", self.failure_rate * 100.0)
            }
            Trip::SlowRate => out.write_str("streams begin too slowly"),
            Trip::Probe => out.write_str("a probe failed"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_why_in_words() {
        let check = |because, text: &str| {
            let opening = Opening {
                because,
                failure_rate: 0.625,
                consecutive: 5,
                times: 1,
            };
            assert_eq!(opening.to_string(), text);
        };
        check(Trip::Consecutive, "5 failures in a row");
        check(Trip::FailureRate, "62 % of calls failed");
        check(Trip::SlowRate, "streams begin too slowly");
        check(Trip::Probe, "a probe failed");
    }
}
