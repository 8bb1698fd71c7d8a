//! Telling clients what changed: over a connection of 2025-11-25 as it comes, in 2026-07-28 to those that asked.

use std::sync::{Arc, OnceLock};

use rmcp::{
    ErrorData, RoleServer,
    model::{ResourceUpdatedNotificationParam, SubscriptionFilter},
    service::{Peer, SubscriptionContext},
};
use tokio::task::AbortHandle;

use super::{
    Gate, Guest,
    changes::{LONGEST_URI, Listening, News, Room},
    sessions::{self, MOST_SUBSCRIPTIONS},
};
use crate::access::Caller;

/// What a session or connection of 2025-11-25 is told of, once it has begun.
#[derive(Clone, Debug, Default)]
pub(super) struct Notices(Arc<OnceLock<Notifier>>);

impl Notices {
    /// Begins to tell, once.
    pub(super) fn begin(&self, gate: &Gate, guest: Guest, peer: &Peer<RoleServer>) {
        self.notifier(gate, guest, peer);
    }

    fn notifier(&self, gate: &Gate, guest: Guest, peer: &Peer<RoleServer>) -> Option<&Notifier> {
        if self.0.get().is_none() {
            let session = guest.session;
            let notifier = Notifier::of(gate, guest.caller, peer.clone())?;
            let most = gate.offer().settings.listeners.resources;
            // What a session followed before it was parked, it follows again.
            for uri in session.iter().flat_map(|session| session.subscribed()) {
                let _ = notifier.subscribe(uri, most);
            }
            // Another one that was quicker is as good.
            let _ = self.0.set(notifier);
        }
        self.0.get()
    }

    /// Tells a caller who came back with another token.
    pub(super) fn go_on_for(&self, caller: &Arc<Caller>) {
        if let Some(notifier) = self.0.get() {
            notifier.listening.go_on_for(caller);
        }
    }

    /// Tells of one resource more.
    ///
    /// # Errors
    /// There are too many, or its URI is too long.
    pub(super) fn subscribe(
        &self,
        gate: &Gate,
        guest: Guest,
        peer: &Peer<RoleServer>,
        uri: String,
    ) -> Result<(), ErrorData> {
        let session = guest.session.clone();
        let is_too_much = |session: &Arc<sessions::State>| !session.subscribe(&uri);
        if session.as_ref().is_some_and(is_too_much) {
            let message = format!(
                "A session may follow {MOST_SUBSCRIPTIONS} resources, each with a URI of at most {LONGEST_URI} bytes"
            );
            return Err(ErrorData::invalid_params(message, None));
        }
        let Some(notifier) = self.notifier(gate, guest, peer) else {
            return Ok(());
        };
        let most = gate.offer().settings.listeners.resources;
        notifier.subscribe(uri.clone(), most).inspect_err(|_| {
            if let Some(session) = &session {
                session.unsubscribe(&uri);
            }
        })
    }

    /// Tells of a resource no longer.
    pub(super) fn unsubscribe(&self, guest: &Guest, uri: &str) {
        if let Some(session) = &guest.session {
            session.unsubscribe(uri);
        }
        if let Some(notifier) = self.0.get() {
            notifier.listening.remove(uri);
        }
    }
}

/// A connection that is told of changes while this lives.
#[derive(Debug)]
struct Notifier {
    listening: Arc<Listening>,
    telling: AbortHandle,
}

impl Notifier {
    /// Begins to tell.
    fn of(gate: &Gate, caller: Arc<Caller>, peer: Peer<RoleServer>) -> Option<Self> {
        // One for each connection or session, whose number is bounded already.
        let listening = Arc::new(gate.listeners.open(caller, [], None)?);
        let telling = tokio::spawn(tell(listening.clone(), peer)).abort_handle();
        Some(Self { listening, telling })
    }

    /// Tells of one resource more.
    fn subscribe(&self, uri: String, most: usize) -> Result<(), ErrorData> {
        if self.listening.add(uri, most) {
            return Ok(());
        }
        Err(too_much(most))
    }
}

impl Drop for Notifier {
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
fn too_much(most: usize) -> ErrorData {
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
