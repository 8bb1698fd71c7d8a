//! The gateway's own tokens for servers, from the broker: connections are made and lists are read with them.

use std::{sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use tokio::time::Instant;

use super::federate::Entries;
use crate::{federation::OwnTokens, identity::Broker, secret::Secret};

/// How long an authorization server may take: as long as the broker lets it.
const PATIENCE: Duration = Duration::from_secs(10);

/// The gateway's own tokens for the servers of the present configuration.
#[derive(Debug)]
pub(super) struct Brokered {
    pub(super) broker: Arc<Broker>,
    pub(super) servers: Arc<Entries>,
}

impl OwnTokens for Brokered {
    fn token<'a>(&'a self, server: &'a str) -> BoxFuture<'a, Result<Option<Secret>, String>> {
        Box::pin(async move {
            let Some(credentials) = self.servers.credentials(server) else {
                return Ok(None);
            };
            let (wanted, deadline) = (credentials.own(), Instant::now() + PATIENCE);
            let token = self.broker.token(&wanted, None, deadline).await;
            token.map(Some).map_err(|why| {
                tracing::warn!(
                    server,
                    "the gateway has no token of its own for the server {server}: {why}"
                );
                why.to_string()
            })
        })
    }
}
