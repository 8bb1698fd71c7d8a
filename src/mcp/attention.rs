//! Telling clients what changed: over a connection of 2025-11-25 as it comes, in 2026-07-28 to those that asked.

use std::sync::Arc;

use rmcp::{
    ErrorData, RoleServer,
    model::{ResourceUpdatedNotificationParam, SubscriptionFilter},
    service::{Peer, SubscriptionContext},
};
use tokio::task::AbortHandle;

use super::{
    Gate,
    changes::{LONGEST_URI, Listening, News, Room},
};
use crate::access::Caller;

/// A connection that is told of changes while this lives.
#[derive(Debug)]
pub(super) struct Attention {
    listening: Arc<Listening>,
    telling: AbortHandle,
}

impl Attention {
    /// Begins to tell.
    pub(super) fn of(gate: &Gate, caller: Arc<Caller>, peer: Peer<RoleServer>) -> Option<Self> {
        // One for each connection or session, whose number is bounded already.
        let listening = Arc::new(gate.listeners.open(caller, [], None)?);
        let telling = tokio::spawn(tell(listening.clone(), peer)).abort_handle();
        Some(Self { listening, telling })
    }

    /// Tells a caller who came back with another token.
    pub(super) fn go_on_for(&self, caller: &Arc<Caller>) {
        self.listening.go_on_for(caller);
    }

    /// Tells of one resource more.
    pub(super) fn subscribe(&self, uri: String, most: usize) -> Result<(), ErrorData> {
        if self.listening.add(uri, most) {
            return Ok(());
        }
        Err(too_much(most))
    }

    /// Tells of a resource no longer.
    pub(super) fn unsubscribe(&self, uri: &str) {
        self.listening.remove(uri);
    }
}

impl Drop for Attention {
    fn drop(&mut self) {
        self.telling.abort();
    }
}

/// Tells a connection all that it has not heard, until it cannot be told any more.
async fn tell(listening: Arc<Listening>, peer: Peer<RoleServer>) {
    loop {
        let news = listening.news().await;
        if news.gone || tell_all(news, &peer).await.is_err() {
            return;
        }
    }
}

async fn tell_all(news: News, peer: &Peer<RoleServer>) -> Result<(), rmcp::ServiceError> {
    if news.tools {
        peer.notify_tool_list_changed().await?;
    }
    if news.prompts {
        peer.notify_prompt_list_changed().await?;
    }
    if news.resources {
        peer.notify_resource_list_changed().await?;
    }
    for uri in news.updated {
        let updated = ResourceUpdatedNotificationParam::new(uri);
        peer.notify_resource_updated(updated).await?;
    }
    Ok(())
}

/// A client follows more resources than it may, or one with an endless name.
pub(super) fn too_much(most: usize) -> ErrorData {
    let message = format!(
        "Too many subscriptions, or too long a URI: {most} of at most {LONGEST_URI} bytes are allowed"
    );
    ErrorData::invalid_params(message, None)
}

/// What of a filter is honoured: no more resources than `most`, and none with an endless name.
pub(super) fn accepted(requested: &SubscriptionFilter, most: usize) -> SubscriptionFilter {
    let mut accepted = requested.clone();
    if let Some(uris) = &mut accepted.resource_subscriptions {
        uris.retain(|uri| uri.len() <= LONGEST_URI);
        uris.truncate(most);
    }
    accepted
}

/// One `subscriptions/listen`, to its end: the client leaves, the server drains, or the key or token is no longer
/// valid.
pub(super) async fn listen(
    gate: &Gate,
    caller: Arc<Caller>,
    context: SubscriptionContext,
) -> Result<(), ErrorData> {
    let settings = gate.offer().settings.listeners.clone();
    let room = Room {
        per_key: settings.per_key,
        all: settings.all,
    };
    let uris = context.accepted().resource_subscriptions.clone();
    let listening = gate
        .listeners
        .open(caller.clone(), uris.unwrap_or_default(), Some(room));
    let listening = listening.ok_or_else(|| {
        let message = "Too many subscriptions are open: end one, or come back later";
        ErrorData::invalid_request(message, None)
    })?;
    loop {
        tokio::select! {
            () = context.cancelled() => return Ok(()),
            () = gate.draining.cancelled() => return Ok(()),
            () = gate.until_gone(&caller) => return Err(gone(&caller)),
            news = listening.news() => {
                if news.gone {
                    return Err(gone(&caller));
                }
                tokio::select! {
                    () = context.cancelled() => return Ok(()),
                    () = tell_listener(news, &context) => {}
                }
            }
        }
    }
}

/// A caller was let in, and is not any more.
pub(super) fn gone(caller: &Caller) -> ErrorData {
    let message = format!("The {} is no longer valid", caller.came_with());
    ErrorData::invalid_request(message, None)
}

/// Tells what was asked for. What the sink does not let through was not; a client that left is noticed elsewhere.
async fn tell_listener(news: News, context: &SubscriptionContext) {
    let sink = context.sink();
    if news.tools {
        let _ = sink.notify_tool_list_changed().await;
    }
    if news.prompts {
        let _ = sink.notify_prompt_list_changed().await;
    }
    if news.resources {
        let _ = sink.notify_resource_list_changed().await;
    }
    for uri in news.updated {
        let _ = sink.notify_resource_updated(uri).await;
    }
}
