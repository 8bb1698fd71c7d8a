//! One server, with all its replicas.

use std::sync::Arc;

use arc_swap::ArcSwap;

use super::{Answer, Catalogue, Failed, Outgoing, Spec, Standing};

/// One server.
#[derive(Debug)]
pub struct Server {
    spec: Spec,
    offered: ArcSwap<Catalogue>,
}

impl Server {
    /// A server that is not connected yet.
    pub(super) fn new(spec: Spec) -> Self {
        Self {
            spec,
            offered: ArcSwap::default(),
        }
    }

    /// As it is run.
    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    /// What of it may be offered now.
    pub fn offered(&self) -> Arc<Catalogue> {
        self.offered.load_full()
    }

    /// How it stands with it.
    pub fn standing(&self) -> Standing {
        Standing {
            name: self.spec.name.to_string(),
            ..Standing::default()
        }
    }

    /// Asks it something. Dropping the future calls it off.
    pub async fn ask(&self, _outgoing: Outgoing<'_>) -> Result<Answer, Failed> {
        Err(Failed::Away {
            server: self.spec.name.to_string(),
            retry_after: None,
        })
    }
}
