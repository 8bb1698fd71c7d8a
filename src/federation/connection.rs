//! One connection to one replica: requests and their answers.

use std::{sync::Arc, time::Duration};

use futures_util::{StreamExt, stream::FuturesUnordered};
use rmcp::{
    RoleClient,
    model::{ClientRequest, GetExtensions, RequestMetaObject, ServerCapabilities, ServerResult},
    service::{
        ClientInitializeError, ClientLifecycleMode, ClientServiceExt, Peer, PeerRequestOptions,
        RunningService, ServiceError,
    },
    transport::Transport,
};
use serde_json::{Map, Value};
use tokio::time::{Instant, timeout_at};

use super::{
    Answer, Failed, Outgoing, ProcessId, Question, Relay,
    answering::Answering,
    asking::{Asking, Ears, QUESTIONS, Running, Said, Spoiled, Unheard},
    cut::Cut,
    housed::Housed,
    levels::{self, Levels},
    persons::Kept,
    quoted::words,
    reading,
    signs::{Over, Signs},
    underway::Underway,
    watched::Watched,
};

/// How long a server may take to set the level of its logs.
const SETTING: Duration = Duration::from_secs(5);

/// One connection. Ended when dropped, and with it its process.
#[derive(Debug)]
pub(super) struct Connection {
    peer: Peer<RoleClient>,
    server: Arc<str>,
    running: Arc<Running>,
    /// What it shows of itself.
    pub(super) signs: Arc<Signs>,
    levels: Levels,
    /// Ends the connection when dropped.
    _service: RunningService<RoleClient, Answering>,
    process: Option<Arc<Housed>>,
}

/// What a connection is made of.
#[derive(Debug)]
pub(super) struct Ends {
    pub(super) server: Arc<str>,
    pub(super) running: Arc<Running>,
    pub(super) signs: Arc<Signs>,
    pub(super) process: Option<Arc<Housed>>,
}

impl Connection {
    /// Makes a connection, its handshake included.
    pub(super) async fn open<T: Transport<RoleClient> + 'static>(
        transport: Watched<T>,
        mode: ClientLifecycleMode,
        ends: Ends,
    ) -> Result<Self, ClientInitializeError> {
        let running = ends.running.clone();
        let service = Answering { running }.serve_with_lifecycle(transport, mode);
        let service = Box::pin(service).await?;
        Ok(Self {
            peer: service.peer().clone(),
            server: ends.server,
            running: ends.running,
            signs: ends.signs,
            levels: Levels::default(),
            _service: service,
            process: ends.process,
        })
    }

    /// The server's name.
    pub(super) fn name(&self) -> &str {
        &self.server
    }

    /// The process at the other end, where there is one.
    pub(super) fn process(&self) -> Option<ProcessId> {
        self.process.as_ref().map(|housed| housed.process())
    }

    /// The revision that is spoken.
    pub(super) fn revision(&self) -> Option<String> {
        let info = self.peer.peer_info()?;
        Some(info.protocol_version.to_string())
    }

    /// Whether there are no sessions: each request stands by itself.
    pub(super) fn is_stateless(&self) -> bool {
        let info = self.peer.peer_info();
        info.is_some_and(|info| !info.protocol_version.has_initialize())
    }

    /// What the server calls itself.
    pub(super) fn calls_itself(&self) -> Option<String> {
        let info = self.peer.peer_info()?;
        let me = info.server_info.as_ref()?;
        Some(words(&format!("{} {}", me.name, me.version)))
    }

    /// What the server says it can do.
    pub(super) fn capabilities(&self) -> ServerCapabilities {
        let info = self.peer.peer_info();
        info.map(|info| info.capabilities.clone())
            .unwrap_or_default()
    }

    /// rmcp's end of it.
    pub(super) fn peer(&self) -> &Peer<RoleClient> {
        &self.peer
    }

    /// Whether it is over or of no more use.
    pub(super) fn is_gone(&self) -> bool {
        self.signs.gone.is_cancelled()
    }

    /// Why it is over, in words for operators. Waits a little for the end of a program.
    pub(super) async fn why_it_is_over(&self) -> String {
        let over = self.signs.over();
        let is_closed = over.as_ref().is_some_and(Over::is_closed);
        let why = over.map(|over| over.to_string());
        let said = match &self.process {
            Some(housed) => housed.last_words(is_closed).await,
            None => Vec::new(),
        };
        let all: Vec<String> = why.into_iter().chain(said).collect();
        match all.is_empty() {
            true => "its connection broke".to_owned(),
            false => format!("its connection broke: {}", all.join("; ")),
        }
    }

    /// Asks something on behalf of a caller.
    pub(super) async fn ask(
        &self,
        question: &Question,
        outgoing: &Outgoing<'_>,
    ) -> Result<Answer, Failed> {
        self.set_level(outgoing).await;
        let token = outgoing.bearer.map(|bearer| bearer.token.clone());
        let (asking, ears) = Asking::new(token, outgoing.deadline, true);
        let (request, own) = reading::request(question);
        let mut meta = own;
        meta.extend(self.says_of(outgoing.relay));
        meta.extend(outgoing.meta.clone());
        let exchange = Exchange {
            request,
            meta,
            asking: asking.clone(),
            ears,
        };
        let exchange = self.exchange(exchange, Some(outgoing.relay));
        match timeout_at(outgoing.deadline, exchange).await {
            Err(_) => Err(Failed::Late {
                server: self.server.to_string(),
            }),
            Ok(Err(error)) => Err(self.failed(error, &asking)),
            Ok(Ok(result)) => reading::answer(question, result).ok_or_else(|| Failed::Unfit {
                server: self.server.to_string(),
                why: format!("it is no answer to {}", question.method()),
            }),
        }
    }

    /// What a request says of the caller, where each stands by itself. In a session it was said at the beginning.
    fn says_of(&self, relay: &dyn Relay) -> Map<String, Value> {
        let mut said = RequestMetaObject::new();
        if self.is_stateless() {
            if let Some(able) = relay.able() {
                said.set_client_capabilities(able);
            }
            if let Some(level) = relay.log_level() {
                said.set_log_level(level);
            }
        }
        said.0.0
    }

    /// Has a server whose requests do not say it log what this caller wants to hear. Others on the connection hear no
    /// more of it than they want: what a caller is told is sifted by its own level.
    async fn set_level(&self, outgoing: &Outgoing<'_>) {
        let Some(wanted) = outgoing.relay.log_level() else {
            return;
        };
        let logs = !self.is_stateless() && self.capabilities().logging.is_some();
        if !logs || !self.levels.is_new_low(wanted) {
            return;
        }
        let deadline = outgoing.deadline.min(Instant::now() + SETTING);
        let setting = self.inquire(levels::request(wanted), deadline).await;
        if let Err(failed) = setting {
            tracing::debug!(
                server = &*self.server,
                "the level of its logs cannot be set: {failed}"
            );
        }
        // Whatever it answered: who does not take it is not asked with every call.
        self.levels.lower(wanted);
    }

    /// Asks something that is no caller's question.
    pub(super) async fn inquire(
        &self,
        request: ClientRequest,
        deadline: Instant,
    ) -> Result<ServerResult, Failed> {
        let (asking, ears) = Asking::new(None, deadline, false);
        let exchange = Exchange {
            request,
            meta: Map::new(),
            asking: asking.clone(),
            ears,
        };
        match timeout_at(deadline, self.exchange(exchange, None)).await {
            Err(_) => Err(Failed::Late {
                server: self.server.to_string(),
            }),
            Ok(answered) => answered.map_err(|error| self.failed(error, &asking)),
        }
    }

    /// Sends a request, and passes on what is said and asked until its answer is there. Calls it off when dropped.
    async fn exchange(
        &self,
        exchange: Exchange,
        relay: Option<&dyn Relay>,
    ) -> Result<ServerResult, ServiceError> {
        let Exchange {
            mut request,
            meta,
            asking,
            mut ears,
        } = exchange;
        request.extensions_mut().insert(asking);
        let options = PeerRequestOptions::no_options().with_meta(meta.into());
        let sending = self.peer.send_request_with_option(request, options);
        let mut handle = sending.await?;
        let mut underway = Underway::new(&self.peer, &self.running, handle.id.clone());
        let mut questions = FuturesUnordered::new();
        let answer = loop {
            tokio::select! {
                biased;
                Some(said) = ears.said.recv() => {
                    if let Some(relay) = relay {
                        tell(relay, said).await;
                    }
                }
                Some(asked) = ears.questions.recv() => match relay {
                    Some(relay) if questions.len() < QUESTIONS => questions.push(async move {
                        let answer = relay.ask(asked.method, asked.params).await;
                        let _ = asked.answer.send(answer);
                    }),
                    _ => {
                        let _ = asked.answer.send(Err(Unheard::TooMany.to_string()));
                    }
                },
                Some(()) = questions.next() => {}
                answer = &mut handle.rx => break answer,
            }
        };
        // What was said before the answer is told before it.
        while let (Some(relay), Ok(said)) = (relay, ears.said.try_recv()) {
            tell(relay, said).await;
        }
        underway.is_over();
        answer.map_err(|_| ServiceError::TransportClosed)?
    }

    /// Why there is no answer.
    fn failed(&self, error: ServiceError, asking: &Asking) -> Failed {
        let server = self.server.to_string();
        match asking.spoiled() {
            Some(Spoiled::TooLarge(why)) => return Failed::TooLarge { server, why },
            Some(Spoiled::Unfit(why)) => return Failed::Unfit { server, why },
            None => {}
        }
        let broken = Failed::Broken {
            server: server.clone(),
            unsent: !asking.may_be_sent(),
        };
        match error {
            ServiceError::McpError(error) => reading::told(error),
            ServiceError::TransportSend(error) => match error.error.downcast_ref::<Cut>() {
                Some(cut) => reading::failed(server, cut).unwrap_or(broken),
                None => broken,
            },
            ServiceError::UnexpectedResponse => Failed::Unfit {
                server,
                why: "it is no answer of the protocol".to_owned(),
            },
            _ => broken,
        }
    }
}

impl Kept for Connection {
    fn is_over(&self) -> bool {
        self.is_gone()
    }
}

/// A request that goes out.
struct Exchange {
    request: ClientRequest,
    meta: Map<String, Value>,
    asking: Arc<Asking>,
    ears: Ears,
}

async fn tell(relay: &dyn Relay, said: Said) {
    match said {
        Said::Progress {
            progress,
            total,
            message,
        } => {
            relay.progress(progress, total, message.as_deref()).await;
        }
        Said::Log { level, data } => relay.log(&level, data).await,
    }
}
