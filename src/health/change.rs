//! What a closed permit changed, as a value: whoever closes it logs and counts, this room does neither.

use std::{sync::Arc, time::Duration};

use super::Trip;
use crate::outcome::ErrorClass;

/// One change of a target's condition.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// The circuit opened.
    Opened {
        /// Why.
        because: Trip,
        /// The share of calls that had failed, 0 to 1.
        failure_rate: f64,
        /// For how long.
        wait: Duration,
    },
    /// The open time is over: one request at a time may probe.
    HalfOpened,
    /// The target has recovered, and gets its traffic back step by step.
    Closed,
    /// A credential was put aside, for this target or wholly.
    PutAside {
        /// What logs call the credential; none where the provider takes no key.
        credential: Option<Arc<str>>,
        /// What the provider had answered.
        because: ErrorClass,
        /// For how long.
        wait: Duration,
        /// Whether every target of the provider is without it.
        wholly: bool,
    },
    /// A credential that had been put aside works again.
    Back {
        /// What logs call the credential; none where the provider takes no key.
        credential: Option<Arc<str>>,
    },
}

impl Change {
    /// The label in metrics.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Opened { .. } => "opened",
            Self::HalfOpened => "half_opened",
            Self::Closed => "closed",
            Self::PutAside { .. } => "put_aside",
            Self::Back { .. } => "back",
        }
    }
}
