//! The limits of everyone who may call.

use std::{collections::HashMap, sync::Arc};

use tokio::time::Instant;

use super::{Allowance, Holders, Limits};

/// How much each caller may use, by name.
#[derive(Debug)]
pub struct PerCaller {
    /// Those whose names are known.
    known: HashMap<Arc<str>, Arc<Limits>>,
    /// Everybody else: holders of tokens, where there are any.
    holders: Option<(Arc<Holders>, Allowance)>,
    unlimited: Arc<Limits>,
}

impl PerCaller {
    /// Limits of these callers, and none for everybody else.
    pub fn new(known: HashMap<Arc<str>, Arc<Limits>>) -> Self {
        Self {
            known,
            holders: None,
            unlimited: Arc::new(Limits::new(None, None, Instant::now())),
        }
    }

    /// The same, with limits for everybody else, too.
    pub fn with_holders(self, holders: Arc<Holders>, allowance: Allowance) -> Self {
        let limited = allowance != (None, None);
        Self {
            holders: limited.then_some((holders, allowance)),
            ..self
        }
    }

    /// The limits of the caller of this name.
    pub fn of(&self, caller: &str) -> Arc<Limits> {
        match (self.known.get(caller), &self.holders) {
            (Some(known), _) => known.clone(),
            (None, Some((holders, allowance))) => holders.of(caller, *allowance, Instant::now()),
            (None, None) => self.unlimited.clone(),
        }
    }
}

impl Default for PerCaller {
    fn default() -> Self {
        Self::new(HashMap::new())
    }
}
