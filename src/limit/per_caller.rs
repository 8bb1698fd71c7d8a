//! The limits of everyone who may call.

use std::{collections::HashMap, sync::Arc};

use tokio::time::Instant;

use super::Limits;

/// How much each caller may use, by name.
#[derive(Debug)]
pub struct PerCaller {
    /// Those who have limits.
    limited: HashMap<Arc<str>, Arc<Limits>>,
    unlimited: Arc<Limits>,
}

impl PerCaller {
    /// Limits of these callers, and none for everybody else.
    pub fn new(limited: HashMap<Arc<str>, Arc<Limits>>) -> Self {
        Self {
            limited,
            unlimited: Arc::new(Limits::new(None, None, Instant::now())),
        }
    }

    /// The limits of the caller of this name.
    pub fn of(&self, caller: &str) -> Arc<Limits> {
        self.limited.get(caller).unwrap_or(&self.unlimited).clone()
    }
}

impl Default for PerCaller {
    fn default() -> Self {
        Self::new(HashMap::new())
    }
}
