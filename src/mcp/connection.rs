//! A connection of whole messages, whatever carries them: WebSocket or standard input and output.
//!
//! rmcp reads from one channel and writes to another; whoever carries the messages stands at the other ends. What is
//! no message is answered here, and the connection goes on.

use std::{
    collections::HashSet,
    future::{Future, ready},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use rmcp::{
    ErrorData, RoleServer, ServiceExt,
    model::{ClientNotification, ErrorCode, JsonRpcMessage, RequestId},
    service::{RxJsonRpcMessage, TxJsonRpcMessage},
    transport::Transport,
};
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::{Gate, Guest, endpoint::Refused, message::Message, server::Server};

/// Messages that wait in either direction. Whoever is faster waits.
const WAITING: usize = 16;

/// Requests of one connection that may run at once. Clients call a handful of tools in parallel.
const MOST_REQUESTS: usize = 64;

/// The first of the codes JSON-RPC leaves to servers: refused for now.
const REFUSED: ErrorCode = ErrorCode(-32000);

/// Where messages from the client go in.
pub(super) struct Inlet {
    incoming: mpsc::Sender<RxJsonRpcMessage<RoleServer>>,
    outgoing: mpsc::Sender<Outgoing>,
    requests: Arc<Requests>,
}

/// Where messages to the client come out.
pub(super) struct Outlet {
    outgoing: mpsc::Receiver<Outgoing>,
    requests: Arc<Requests>,
}

/// A message to the client.
pub(super) struct Outgoing {
    /// JSON in one line.
    pub(super) text: String,
    /// Whether it answers a request that counts.
    answers: bool,
}

/// A connection, not yet carried.
pub(super) struct Connection<S> {
    /// Where messages from the client go in.
    pub(super) inlet: Inlet,
    /// Where messages to the client come out.
    pub(super) outlet: Outlet,
    /// What runs.
    pub(super) requests: Arc<Requests>,
    /// Answers messages while it is polled; dropping it calls off what runs. Ends where the client does not keep to
    /// the protocol's beginning.
    pub(super) serving: S,
}

/// Opens a connection for a guest.
pub(super) fn open(gate: Arc<Gate>, guest: Guest) -> Connection<impl Future<Output = ()> + Send> {
    let (incoming, received) = mpsc::channel(WAITING);
    let (outgoing, sent) = mpsc::channel(WAITING);
    let requests = Arc::new(Requests::default());
    let pipe = Pipe {
        received,
        outgoing: outgoing.clone(),
        requests: requests.clone(),
    };
    let serving = async move {
        let ends = CancellationToken::new();
        let _ended = ends.clone().drop_guard();
        let server = Server::of_connection(gate, guest);
        match Box::pin(server.serve_with_ct(pipe, ends)).await {
            Ok(running) => {
                let _ = running.waiting().await;
            }
            Err(error) => tracing::debug!(%error, "an MCP connection did not begin"),
        }
    };
    Connection {
        inlet: Inlet {
            incoming,
            outgoing,
            requests: requests.clone(),
        },
        outlet: Outlet {
            outgoing: sent,
            requests: requests.clone(),
        },
        requests,
        serving,
    }
}

impl Inlet {
    /// Takes one message, or answers why not. Waits while too many wait already; false when nobody takes any.
    pub(super) async fn take(&self, text: &[u8]) -> bool {
        match self.read(text) {
            Ok(message) => self.incoming.send(message).await.is_ok(),
            Err((id, error)) => self.refuse(id, error).await,
        }
    }

    /// Answers that a message cannot be read.
    pub(super) async fn refuse(&self, id: Value, error: ErrorData) -> bool {
        let answer = json!({ "jsonrpc": "2.0", "id": id, "error": error });
        let outgoing = Outgoing {
            text: answer.to_string(),
            answers: false,
        };
        self.outgoing.send(outgoing).await.is_ok()
    }

    fn read(&self, text: &[u8]) -> Result<RxJsonRpcMessage<RoleServer>, (Value, ErrorData)> {
        let outline = Message::read(text).map_err(Refused::into_error)?;
        let id = outline.id();
        let message: RxJsonRpcMessage<RoleServer> = serde_json::from_slice(text).map_err(|_| {
            let message = "This is no message of this protocol";
            (id.clone(), ErrorData::invalid_request(message, None))
        })?;
        match &message {
            JsonRpcMessage::Request(request) => {
                let begun = self.requests.begin(&request.id);
                begun.map_err(|error| (id, error))?;
            }
            JsonRpcMessage::Notification(told) => {
                if let ClientNotification::CancelledNotification(cancelled) = &told.notification
                    && let Some(id) = &cancelled.params.request_id
                {
                    // A request that was called off is not answered.
                    if self.requests.free(id) {
                        self.requests.end();
                    }
                }
            }
            JsonRpcMessage::Response(_) | JsonRpcMessage::Error(_) => {}
        }
        Ok(message)
    }
}

impl Outlet {
    /// The next message; `None` when there will be no more.
    pub(super) async fn next(&mut self) -> Option<Outgoing> {
        self.outgoing.recv().await
    }

    /// Says that a message is with the client.
    pub(super) fn written(&self, outgoing: &Outgoing) {
        if outgoing.answers {
            self.requests.end();
        }
    }
}

/// The requests that run.
#[derive(Debug)]
pub(super) struct Requests {
    /// Their ids. One is free as soon as there is an answer: the client may use it again when it has read that.
    running: Mutex<HashSet<RequestId>>,
    /// How many there are. A request counts until its answer is written.
    count: watch::Sender<usize>,
}

impl Default for Requests {
    fn default() -> Self {
        Self {
            running: Mutex::default(),
            count: watch::Sender::new(0),
        }
    }
}

impl Requests {
    fn begin(&self, id: &RequestId) -> Result<(), ErrorData> {
        let mut running = self.locked();
        if running.len() >= MOST_REQUESTS && !running.contains(id) {
            let message = format!("More than {MOST_REQUESTS} requests run on this connection");
            return Err(ErrorData::new(REFUSED, message, None));
        }
        if !running.insert(id.clone()) {
            let message = "A request with this id runs already";
            return Err(ErrorData::invalid_request(message, None));
        }
        self.count.send_modify(|count| *count += 1);
        Ok(())
    }

    /// Frees the id of a request; false if it was free.
    fn free(&self, id: &RequestId) -> bool {
        self.locked().remove(id)
    }

    fn end(&self) {
        self.count
            .send_modify(|count| *count = count.saturating_sub(1));
    }

    fn locked(&self) -> MutexGuard<'_, HashSet<RequestId>> {
        // A panic under the lock leaves a set that is whole.
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether none runs.
    pub(super) fn is_empty(&self) -> bool {
        *self.count.borrow() == 0
    }

    /// Waits until none runs.
    pub(super) async fn until_empty(&self) {
        // It fails only once this is gone.
        let _ = self.count.subscribe().wait_for(|count| *count == 0).await;
    }
}

/// rmcp's end of a connection.
struct Pipe {
    received: mpsc::Receiver<RxJsonRpcMessage<RoleServer>>,
    outgoing: mpsc::Sender<Outgoing>,
    requests: Arc<Requests>,
}

impl Transport<RoleServer> for Pipe {
    type Error = Gone;

    fn send(
        &mut self,
        message: TxJsonRpcMessage<RoleServer>,
    ) -> impl Future<Output = Result<(), Gone>> + Send + 'static {
        let (outgoing, requests) = (self.outgoing.clone(), self.requests.clone());
        async move {
            let text = serde_json::to_string(&message).map_err(|_| Gone)?;
            let id = match &message {
                JsonRpcMessage::Response(response) => Some(&response.id),
                JsonRpcMessage::Error(error) => error.id.as_ref(),
                JsonRpcMessage::Request(_) | JsonRpcMessage::Notification(_) => None,
            };
            let answers = id.is_some_and(|id| requests.free(id));
            let sent = outgoing.send(Outgoing { text, answers }).await;
            sent.map_err(|_| Gone)
        }
    }

    async fn receive(&mut self) -> Option<RxJsonRpcMessage<RoleServer>> {
        self.received.recv().await
    }

    fn close(&mut self) -> impl Future<Output = Result<(), Gone>> + Send {
        self.received.close();
        ready(Ok(()))
    }
}

/// The client's end of a connection is gone.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the connection is gone")]
struct Gone;
