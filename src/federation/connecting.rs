//! Making connections: which way, in which revision, and within which time.

use std::{sync::Arc, time::Duration};

use rmcp::{
    RoleClient,
    model::{ErrorCode, ErrorData, ProtocolVersion},
    service::{ClientInitializeError, ClientLifecycleMode},
    transport::{
        StreamableHttpClientTransport, Transport, common::client_side_sse::ExponentialBackoff,
        streamable_http_client::StreamableHttpClientTransportConfig,
    },
};
use serde_json::Value;
use tokio::time::timeout;

use super::{
    Failed, Revision, Spec, Where,
    asking::Running,
    connection::{Connection, Ends},
    fleet::Ground,
    housed::{Housed, Life},
    purse::Purse,
    reading, replies,
    signs::Signs,
    stdio::{self, Start},
    watched::Watched,
    web::Web,
};

/// How many requests are on their way to one replica at once before they have begun to be answered.
const POSTS: usize = 256;

/// How often a stream that broke is taken up again, and at first after how long.
const TAKEN_UP: (usize, Duration) = (3, Duration::from_millis(500));

/// What earlier connections have taught of a replica that may speak either revision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Learned {
    /// It is asked.
    Nothing,
    /// It is not asked again whether it is new.
    Old,
    /// It is given all the time there is to say so: one that begins slowly is not asked the old way meanwhile, which it
    /// would refuse.
    New,
}

/// Why there is no connection.
#[derive(Clone, Debug)]
pub(super) struct Unconnected {
    /// In words for operators.
    pub(super) why: String,
    /// What a caller is told who waits for it.
    pub(super) failed: Failed,
    /// Whether the server was there and broke off.
    pub(super) broke_off: bool,
    /// What the connection showed of itself.
    pub(super) signs: Arc<Signs>,
    /// Whether it was asked the old way, and said that it is new.
    pub(super) is_new: bool,
}

impl Unconnected {
    pub(super) fn new(why: impl Into<String>, failed: Failed) -> Self {
        Self {
            why: why.into(),
            failed,
            broke_off: false,
            signs: Arc::default(),
            is_new: false,
        }
    }

    fn of(error: &ClientInitializeError, server: &str) -> Self {
        let broke_off = matches!(error, ClientInitializeError::ConnectionClosed(_));
        let is_new = match error {
            ClientInitializeError::JsonRpcError(refused) => speaks_new(refused),
            _ => false,
        };
        Self {
            broke_off,
            is_new,
            ..Self::new(
                reading::no_handshake(error),
                reading::refused(error, server),
            )
        }
    }

    /// With what else is known: what was heard of a program, or why there was no token.
    async fn explained(self, signs: Arc<Signs>, housed: Option<Arc<Housed>>) -> Self {
        let mut all = vec![self.why];
        if let Some(housed) = housed {
            let is_closed = self.broke_off || signs.over().is_some_and(|over| over.is_closed());
            all.extend(housed.last_words(is_closed).await);
        }
        if matches!(self.failed, Failed::Unauthorized { .. }) {
            let none = "the gateway has no token of its own for it";
            all.extend(signs.tokenless().map(|why| format!("{none}: {why}")));
        }
        Self {
            why: all.join("; "),
            signs,
            ..self
        }
    }
}

/// Whether a server that refuses a handshake names the new revision as one of its own.
fn speaks_new(refused: &ErrorData) -> bool {
    let supported = refused.data.as_ref().and_then(|data| data.get("supported"));
    let supported = supported.and_then(Value::as_array);
    let new = ProtocolVersion::V_2026_07_28.as_str();
    refused.code == ErrorCode::UNSUPPORTED_PROTOCOL_VERSION
        && supported.is_some_and(|all| all.iter().any(|one| one.as_str() == Some(new)))
}

/// Makes a connection to a replica with these tokens, or says why there is none.
pub(super) async fn connect(
    spec: &Spec,
    number: usize,
    ground: &Ground,
    purse: Purse,
    learned: Learned,
) -> Result<Connection, Unconnected> {
    let running: Arc<Running> = Arc::default();
    let signs: Arc<Signs> = Arc::default();
    let away = || Failed::Away {
        server: spec.name.to_string(),
        retry_after: None,
    };
    let mode = mode(spec.settings.revision, learned);
    let (name, watching) = (spec.name.clone(), (running.clone(), signs.clone()));
    let mut ends = Ends {
        server: name.clone(),
        running: running.clone(),
        signs: signs.clone(),
        process: None,
    };
    match &spec.place {
        Where::Http {
            urls,
            headers,
            allow,
        } => {
            let (Some(url), Some(headers)) = (urls.get(number), headers.get(number)) else {
                return Err(Unconnected::new("there is no such replica", away()));
            };
            let web = Web {
                guarded: ground.web.clone(),
                server: name.clone(),
                url: url.clone(),
                headers: Arc::new(headers.clone()),
                allow: Arc::new(allow.clone()),
                purse,
                max_message: spec.settings.max_message,
                signs,
            };
            let transport = StreamableHttpClientTransport::with_client(web, config(url));
            let watched = Watched::new(transport, replies::cut, watching, name);
            open(spec, watched, mode, ends).await
        }
        Where::Stdio {
            command,
            environment,
            folder,
        } => {
            let life = Life::new(&ground.extra);
            let mut environment = environment.clone();
            environment.extend(ground.extra.environment(&name, life.process));
            let start = Start {
                server: &name,
                command,
                folder: folder.clone(),
                environment,
                limits: (spec.settings.memory, spec.settings.files),
                max_message: spec.settings.max_message,
                starter: ground.starter.clone(),
                life,
                asked: running,
            };
            let (pipe, housed) = start.start().map_err(|error| {
                let why = format!("its program cannot be started: {error}");
                Unconnected::new(why, away())
            })?;
            ends.process = Some(Arc::new(housed));
            let watched = Watched::new(pipe, stdio::cut, watching, name);
            open(spec, watched, mode, ends).await
        }
    }
}

/// Opens a connection on a transport within its time, or says all that is known of why there is none.
async fn open<T: Transport<RoleClient> + 'static>(
    spec: &Spec,
    transport: Watched<T>,
    mode: ClientLifecycleMode,
    ends: Ends,
) -> Result<Connection, Unconnected> {
    let patience = spec.settings.connect_timeout.get();
    let (signs, housed) = (ends.signs.clone(), ends.process.clone());
    let opening = Box::pin(Connection::open(transport, mode, ends));
    let unconnected = match timeout(patience, opening).await {
        Ok(Ok(connection)) => return Ok(connection),
        Ok(Err(error)) => Unconnected::of(&error, &spec.name),
        Err(_) => {
            let server = spec.name.to_string();
            let why = format!("it was not ready within {patience:?}");
            Unconnected::new(why, Failed::Late { server })
        }
    };
    Err(unconnected.explained(signs, housed).await)
}

fn mode(revision: Revision, learned: Learned) -> ClientLifecycleMode {
    let preferred_versions = vec![ProtocolVersion::V_2026_07_28];
    match (revision, learned) {
        (Revision::Auto, Learned::Nothing) => ClientLifecycleMode::Auto {
            preferred_versions,
            legacy_version: Some(ProtocolVersion::LATEST_WITH_INITIALIZE),
        },
        (Revision::Auto, Learned::Old) | (Revision::Sessions, _) => ClientLifecycleMode::Initialize,
        (Revision::Auto, Learned::New) | (Revision::Stateless, _) => {
            ClientLifecycleMode::Discover { preferred_versions }
        }
    }
}

fn config(url: &url::Url) -> StreamableHttpClientTransportConfig {
    // A session that is over is a connection that is: whoever is asked next may speak another revision by now.
    let mut config = StreamableHttpClientTransportConfig::with_uri(url.as_str())
        .reinit_on_expired_session(false)
        .max_concurrent_requests(POSTS);
    let (times, first) = TAKEN_UP;
    let mut again = ExponentialBackoff::default();
    again.max_times = Some(times);
    again.base_duration = first;
    config.retry_config = Arc::new(again);
    config
}
