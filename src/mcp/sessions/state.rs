//! What one session is made of, whether it is awake or parked.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use rmcp::model::{InitializeRequestParams, RequestId};
use tokio::{sync::Notify, time::Instant};
use tokio_util::sync::CancellationToken;

use super::{budget::Budget, log::Log};
use crate::{
    mcp::changes::LONGEST_URI,
    tools::{Conversation, Level},
};

/// The most resources one session may subscribe to. Editors watch the files that are open: dozens.
pub(in crate::mcp) const MOST_SUBSCRIPTIONS: usize = 256;

/// The name of a session as the registry and the store have it: no digest gives an id away.
pub(crate) type Digest = [u8; blake3::OUT_LEN];

/// One session.
#[derive(Debug)]
pub struct State {
    /// What its calls belong to.
    pub conversation: Arc<Conversation>,
    /// The name of the key it belongs to.
    pub owner: Arc<str>,
    pub(super) digest: Digest,
    /// Cancelled when it is over: its calls and streams end.
    pub(super) over: CancellationToken,
    /// Told when its phase changes.
    pub(super) changed: Notify,
    /// Whether the store has not been told of something.
    pub(super) unsaved: AtomicBool,
    /// What was sent of late, for clients that lost a stream.
    pub(super) log: Log,
    wishes: Mutex<Wishes>,
    life: Mutex<Life>,
}

/// What the client asked for, for as long as the session lasts.
#[derive(Debug, Default)]
struct Wishes {
    log_level: Option<Level>,
    subscribed: BTreeSet<String>,
}

/// How it stands with a session.
#[derive(Debug)]
pub(super) struct Life {
    pub(super) phase: Phase,
    /// What the client said of itself: enough to wake a parked session.
    pub(super) handshake: Option<InitializeRequestParams>,
    /// Requests being answered and streams being read.
    pub(super) open: usize,
    /// The requests without an answer, whether or not somebody still waits for it, by their ids.
    pub(super) in_flight: HashMap<RequestId, InFlight>,
    pub(super) last_used: Instant,
    /// When it was used last, as far as the store knows.
    pub(super) last_noted: Instant,
}

/// A request without an answer.
#[derive(Debug, Default)]
pub(super) struct InFlight {
    /// The number of the stream that will have the answer, once it has one.
    stream: Option<u64>,
    /// What ends the work, where rmcp does not know of it.
    called_off: Option<CancellationToken>,
}

/// Whether rmcp knows of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Its handshake is under way.
    Opening,
    /// A service of rmcp answers it.
    Awake,
    /// It was parked, and its handshake is being repeated.
    Waking,
    /// Its service is being ended.
    Parking,
    /// Only its handshake is kept.
    Parked,
}

impl Life {
    /// Since when it rests, if it is awake and does.
    pub(super) fn rests_since(&self) -> Option<Instant> {
        let rests = self.phase == Phase::Awake && self.is_idle();
        rests.then_some(self.last_used)
    }

    /// Whether nothing would be lost with it but the session itself.
    pub(super) fn is_idle(&self) -> bool {
        self.open == 0 && self.in_flight.is_empty()
    }
}

impl State {
    pub(super) fn new(owner: Arc<str>, digest: Digest, phase: Phase, budget: Arc<Budget>) -> Self {
        let log = Log::new(owner.clone(), budget);
        Self {
            conversation: Arc::default(),
            owner,
            digest,
            over: CancellationToken::new(),
            changed: Notify::new(),
            unsaved: AtomicBool::new(false),
            log,
            wishes: Mutex::default(),
            life: Mutex::new(Life {
                phase,
                handshake: None,
                open: 0,
                in_flight: HashMap::new(),
                last_used: Instant::now(),
                last_noted: Instant::now(),
            }),
        }
    }

    /// The least severe log messages its client wants to hear of; none until it said so.
    pub fn log_level(&self) -> Option<Level> {
        self.wishes().log_level
    }

    /// Remembers which log messages its client wants.
    pub fn set_log_level(&self, level: Level) {
        self.wishes().log_level = Some(level);
        self.unsaved.store(true, Ordering::Relaxed);
    }

    /// The resources its client wants to hear of.
    pub fn subscribed(&self) -> Vec<String> {
        self.wishes().subscribed.iter().cloned().collect()
    }

    /// Remembers that its client wants to hear of a resource. False if it has too many already, or the URI is too
    /// long.
    pub fn subscribe(&self, uri: &str) -> bool {
        let mut wishes = self.wishes();
        let known = wishes.subscribed.contains(uri);
        let room = wishes.subscribed.len() < MOST_SUBSCRIPTIONS && uri.len() <= LONGEST_URI;
        if !known && room {
            wishes.subscribed.insert(uri.to_owned());
            self.unsaved.store(true, Ordering::Relaxed);
        }
        known || room
    }

    /// Forgets a resource.
    pub fn unsubscribe(&self, uri: &str) {
        self.wishes().subscribed.remove(uri);
        self.unsaved.store(true, Ordering::Relaxed);
    }

    /// Puts in place what its client wished before a restart.
    pub(super) fn wish(&self, log_level: Option<Level>, subscribed: Vec<String>) {
        let subscribed = subscribed.into_iter().collect();
        *self.wishes() = Wishes {
            log_level,
            subscribed,
        };
    }

    fn wishes(&self) -> MutexGuard<'_, Wishes> {
        self.wishes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether its handshake is over, and calls may come.
    pub(in crate::mcp) fn is_open(&self) -> bool {
        matches!(self.life().phase, Phase::Awake | Phase::Parked)
    }

    /// A request has its answer, whether or not anybody read it.
    pub(super) fn answered(&self, id: &RequestId) {
        let mut life = self.life();
        life.in_flight.remove(id);
        life.last_used = Instant::now();
    }

    /// The answer to a request will come on the stream with this number.
    pub(super) fn answers(
        &self,
        id: &RequestId,
        stream: Option<u64>,
        called_off: Option<CancellationToken>,
    ) {
        if let Some(of_request) = self.life().in_flight.get_mut(id) {
            *of_request = InFlight { stream, called_off };
        }
    }

    /// A request was called off: it has no answer any more, and nothing follows on its stream. One that has no stream
    /// yet was not handed over; rmcp does not know whom the cancellation means, and will answer it.
    pub(in crate::mcp) fn cancelled(&self, id: &RequestId) {
        let mut life = self.life();
        let stream = life.in_flight.get(id).and_then(|flight| flight.stream);
        let Some(stream) = stream else {
            return;
        };
        let flight = life.in_flight.remove(id);
        life.last_used = Instant::now();
        self.log.end(stream);
        if let Some(called_off) = flight.and_then(|flight| flight.called_off) {
            called_off.cancel();
        }
    }

    /// Its service has ended: nothing is answered any more.
    pub(super) fn parked(&self) {
        let mut life = self.life();
        if life.phase != Phase::Opening {
            life.phase = Phase::Parked;
        }
        life.in_flight.clear();
        self.log.end_streams();
        drop(life);
        self.changed.notify_waiters();
    }

    pub(super) fn life(&self) -> MutexGuard<'_, Life> {
        self.life.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
