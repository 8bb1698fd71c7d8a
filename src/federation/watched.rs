//! A transport with a watch on it: what a server says in the middle goes to whom it concerns, and a flood goes nowhere.
//!
//! rmcp would start a task for every notification, which loses their order and gives a server that floods as many tasks
//! as it likes. So progress and logs are taken out here, in order and without waiting for anybody.

use std::{fmt, future::Future, sync::Arc, time::Duration};

use rmcp::{
    RoleClient,
    model::{ClientRequest, GetExtensions, GetMeta, JsonRpcMessage, RequestId, ServerNotification},
    service::{RxJsonRpcMessage, TxJsonRpcMessage},
    transport::Transport,
};
use tokio::time::Instant;
use tokio_util::sync::DropGuard;

use super::{
    asking::{Asking, Running, Said},
    cut::Cut,
    signs::{Over, Signs},
};

/// How many messages in the middle of requests are heard in a second. One who shows progress to a person needs ten.
const HEARD: u32 = 500;

/// How many there may be at all before the connection is given up: that is no server that means well.
const BORNE: u32 = 50_000;

/// The transport of one connection.
pub(super) struct Watched<T: Transport<RoleClient>> {
    inner: T,
    read: fn(T::Error) -> Cut,
    running: Arc<Running>,
    signs: Arc<Signs>,
    flood: Flood,
    server: Arc<str>,
    /// The question whether it is new, once it is asked the old way instead: an answer comes too late.
    discover: Option<RequestId>,
    too_late: Option<RequestId>,
    _gone: DropGuard,
}

/// How much was said in this second.
#[derive(Debug)]
struct Flood {
    since: Instant,
    count: u32,
}

/// What becomes of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Heard,
    LeftOut,
    Unbearable,
}

impl Flood {
    fn count(&mut self, now: Instant) -> Fate {
        if now.duration_since(self.since) >= Duration::from_secs(1) {
            *self = Self {
                since: now,
                count: 0,
            };
        }
        self.count = self.count.saturating_add(1);
        if self.count > BORNE {
            Fate::Unbearable
        } else if self.count > HEARD {
            Fate::LeftOut
        } else {
            Fate::Heard
        }
    }
}

impl<T: Transport<RoleClient>> Watched<T> {
    /// Watches a transport, whose errors are told by `read`.
    pub(super) fn new(
        inner: T,
        read: fn(T::Error) -> Cut,
        (running, signs): (Arc<Running>, Arc<Signs>),
        server: Arc<str>,
    ) -> Self {
        Self {
            inner,
            read,
            running,
            server,
            discover: None,
            too_late: None,
            _gone: signs.gone.clone().drop_guard(),
            signs,
            flood: Flood {
                since: Instant::now(),
                count: 0,
            },
        }
    }

    /// Whether it answers a question that nobody waits for any more. rmcp would take it for a broken handshake: a
    /// program that starts slowly answers `server/discover` after it was given up and `initialize` was sent.
    fn comes_too_late(&self, message: &RxJsonRpcMessage<RoleClient>) -> bool {
        let id = match message {
            JsonRpcMessage::Response(response) => Some(&response.id),
            JsonRpcMessage::Error(error) => error.id.as_ref(),
            _ => None,
        };
        id.is_some() && id == self.too_late.as_ref()
    }

    /// Gives a notification to whom it concerns; back, where that is rmcp.
    fn notified(&self, notification: ServerNotification) -> Option<ServerNotification> {
        use ServerNotification as Is;
        // One of a subscription is its subscription's.
        if notification.get_meta().subscription_id().is_some() {
            return Some(notification);
        }
        match notification {
            Is::ProgressNotification(progress) => {
                let params = progress.params;
                let asking = self.running.by_token(&params.progress_token);
                asking.map(|asking| {
                    asking.hear(Said::Progress {
                        progress: params.progress,
                        total: params.total,
                        message: params.message,
                    })
                });
                None
            }
            Is::LoggingMessageNotification(log) => {
                let asking = self.running.only();
                asking.map(|asking| asking.hear(log_of(log.params)));
                None
            }
            changed if self.signs.note(&changed) => {
                self.signs.changed.notify_one();
                None
            }
            Is::CancelledNotification(_) | Is::SubscriptionsAcknowledgedNotification(_) => {
                Some(notification)
            }
            _ => None,
        }
    }
}

/// A log message as it is told.
#[expect(
    deprecated,
    reason = "servers of both revisions log, though the newer one advises against it"
)]
pub(super) fn log_of(params: rmcp::model::LoggingMessageNotificationParam) -> Said {
    // The protocol's own words for levels are those of its JSON.
    let level = serde_json::to_value(params.level).ok();
    let level = level.and_then(|level| level.as_str().map(str::to_owned));
    Said::Log {
        level: level.unwrap_or_else(|| "info".to_owned()),
        data: params.data,
    }
}

impl<T: Transport<RoleClient>> Transport<RoleClient> for Watched<T> {
    type Error = Cut;

    fn send(
        &mut self,
        item: TxJsonRpcMessage<RoleClient>,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send + 'static {
        let mut asking = None;
        if let JsonRpcMessage::Request(request) = &item {
            match &request.request {
                ClientRequest::DiscoverRequest(_) => self.discover = Some(request.id.clone()),
                ClientRequest::InitializeRequest(_) => self.too_late = self.discover.take(),
                _ => {}
            }
            asking = request.request.extensions().get::<Arc<Asking>>().cloned();
            if let Some(asking) = &asking {
                let token = request.request.get_meta().get_progress_token();
                self.running.begin(request.id.clone(), token, asking);
                asking.sent(true);
            }
        }
        let sending = self.inner.send(item);
        let (read, signs) = (self.read, self.signs.clone());
        async move {
            let Err(error) = sending.await else {
                return Ok(());
            };
            let cut = read(error);
            if let Some(asking) = asking
                && cut.is_unsent()
            {
                asking.sent(false);
            }
            match cut {
                Cut::Expired => signs.expired(),
                _ if cut.is_the_end() => signs.end(Over::Cut(cut.clone())),
                _ => {}
            }
            Err(cut)
        }
    }

    async fn receive(&mut self) -> Option<RxJsonRpcMessage<RoleClient>> {
        loop {
            let Some(message) = self.inner.receive().await else {
                self.signs.end(Over::Closed);
                return None;
            };
            let message = match message {
                JsonRpcMessage::Response(_) | JsonRpcMessage::Error(_)
                    if self.comes_too_late(&message) =>
                {
                    continue;
                }
                JsonRpcMessage::Response(_) | JsonRpcMessage::Error(_) => return Some(message),
                other => other,
            };
            match self.flood.count(Instant::now()) {
                Fate::Heard => {}
                Fate::LeftOut => continue,
                Fate::Unbearable => {
                    tracing::warn!(server = %self.server, "the connection is given up: the server floods it");
                    self.signs.end(Over::Flooded);
                    return None;
                }
            }
            match message {
                JsonRpcMessage::Notification(mut notification) => {
                    if let Some(rest) = self.notified(notification.notification) {
                        notification.notification = rest;
                        return Some(JsonRpcMessage::Notification(notification));
                    }
                }
                other => return Some(other),
            }
        }
    }

    async fn close(&mut self) -> Result<(), Self::Error> {
        self.inner.close().await.map_err(self.read)
    }
}

impl<T: Transport<RoleClient>> fmt::Debug for Watched<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Watched").finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "watched_tests.rs"]
mod tests;
