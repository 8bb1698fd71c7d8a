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

use super::{Gate, Guest, server::Server};

/// Messages that wait in either direction. Whoever is faster waits.
const WAITING: usize = 16;

/// Requests of one connection that may run at once. Clients call a handful of tools in parallel.
const MOST_REQUESTS: usize = 64;

/// The first of the codes JSON-RPC leaves to servers: refused for now.
const REFUSED: ErrorCode = ErrorCode(-32000);

/// Where messages from the client go in.
pub(super) struct Inlet {
    incoming: mpsc::Sender<RxJsonRpcMessage<RoleServer>>,
    outgoing: mpsc::Sender<String>,
    requests: Arc<Requests>,
}

/// A connection, not yet carried.
pub(super) struct Connection<S> {
    /// Where messages from the client go in.
    pub(super) inlet: Inlet,
    /// Where messages to the client come out.
    pub(super) outlet: mpsc::Receiver<String>,
    /// What runs.
    pub(super) requests: Arc<Requests>,
    /// Answers messages while it is polled; dropping it calls off what runs. Ends where the client does not keep to
    /// the protocol's beginning.
    pub(super) serving: S,
}

/// Opens a connection for a guest.
pub(super) fn open(gate: Arc<Gate>, guest: Guest) -> Connection<impl Future<Output = ()> + Send> {
    let (incoming, received) = mpsc::channel(WAITING);
    let (outgoing, outlet) = mpsc::channel(WAITING);
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
        outlet,
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
        self.outgoing.send(answer.to_string()).await.is_ok()
    }

    fn read(&self, text: &[u8]) -> Result<RxJsonRpcMessage<RoleServer>, (Value, ErrorData)> {
        let value: Value = serde_json::from_slice(text).map_err(|_| {
            let error = ErrorData::parse_error("The message is not JSON", None);
            (Value::Null, error)
        })?;
        let id = value.get("id").cloned().unwrap_or_default();
        let invalid = |message: &'static str| ErrorData::invalid_request(message, None);
        if value.is_array() {
            let error = invalid("Batches are not part of this protocol: send one message");
            return Err((id, error));
        }
        let message: RxJsonRpcMessage<RoleServer> = serde_json::from_value(value)
            .map_err(|_| (id.clone(), invalid("This is no message of this protocol")))?;
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
                    self.requests.end(id);
                }
            }
            JsonRpcMessage::Response(_) | JsonRpcMessage::Error(_) => {}
        }
        Ok(message)
    }
}

/// The requests that run.
#[derive(Debug)]
pub(super) struct Requests {
    running: Mutex<HashSet<RequestId>>,
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
        self.count.send_replace(running.len());
        Ok(())
    }

    fn end(&self, id: &RequestId) {
        let mut running = self.locked();
        running.remove(id);
        self.count.send_replace(running.len());
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
    outgoing: mpsc::Sender<String>,
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
            let sent = outgoing.send(text).await;
            let answers = match &message {
                JsonRpcMessage::Response(response) => Some(&response.id),
                JsonRpcMessage::Error(error) => error.id.as_ref(),
                JsonRpcMessage::Request(_) | JsonRpcMessage::Notification(_) => None,
            };
            if let Some(id) = answers {
                requests.end(id);
            }
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
