//! One server, with all its replicas.

use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwap;
use tokio::{
    runtime::Handle,
    sync::watch,
    time::{Instant, timeout_at},
};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{
    Announced, Answer, Catalogue, Failed, Held, Listing, Outgoing, Spec, Standing, Where,
    call::OUTCOMES,
    connection::Connection,
    fleet::Ground,
    keeping,
    proof::Noted,
    replica::{Place, Replica, State},
    tasks,
};
use crate::health::{Change, Circuit, Passage};

/// How often a request may be sent: a replica that went away under it, its successor, and one more.
const TRIES: usize = 3;

/// How many requests a replica serves at once. More would be queued there as well as here.
const ROOM: usize = 256;

/// One server. What it runs ends when it is dropped.
#[derive(Debug)]
pub struct Server {
    inner: Arc<Inner>,
    _stop: DropGuard,
}

/// What is shared with the tasks that keep its connections.
pub(super) struct Inner {
    pub(super) spec: Spec,
    pub(super) ground: Arc<Ground>,
    pub(super) replicas: Vec<Arc<Replica>>,
    offered: ArcSwap<Catalogue>,
    held: Mutex<Vec<Held>>,
    /// Held while it is judged: the last judgement must be that by the latest approvals.
    judging: Mutex<()>,
    /// Counted up whenever a replica moves or has a place again.
    moved: watch::Sender<u64>,
    /// Whose turn it is among equals.
    turn: AtomicUsize,
    /// Whether another one stands in its place, or none.
    is_retired: AtomicBool,
    pub(super) stop: CancellationToken,
}

/// A replica that is to be asked.
struct Chosen<'a> {
    replica: &'a Replica,
    connection: Arc<Connection>,
    passage: Passage,
    _place: Place<'a>,
}

impl Server {
    /// A server whose replicas are connected from now on; where there is no runtime, never.
    pub(super) fn new(spec: Spec, ground: Arc<Ground>) -> Self {
        let metrics = ground.ledger.metrics();
        metrics.begin_server(&spec.name, &OUTCOMES);
        let moved = watch::Sender::new(0);
        let replicas = replicas(&spec, &moved);
        let stop = CancellationToken::new();
        let inner = Arc::new(Inner {
            spec,
            ground,
            replicas,
            offered: ArcSwap::default(),
            held: Mutex::default(),
            judging: Mutex::default(),
            moved,
            turn: AtomicUsize::new(0),
            is_retired: AtomicBool::new(false),
            stop: stop.clone(),
        });
        keeping::start(&inner);
        Self {
            inner,
            _stop: stop.drop_guard(),
        }
    }

    /// As it is run.
    pub fn spec(&self) -> &Spec {
        &self.inner.spec
    }

    /// What of it may be offered now.
    pub fn offered(&self) -> Arc<Catalogue> {
        self.inner.offered.load_full()
    }

    /// How it stands with it.
    pub fn standing(&self) -> Standing {
        let offered = self.offered();
        let held = self
            .inner
            .held
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        Standing {
            name: self.inner.spec.name.to_string(),
            replicas: self.inner.replicas.iter().map(|it| it.standing()).collect(),
            offered: offered.names(),
            held: held.clone(),
        }
    }

    /// Judges anew what it lists, by the approvals there are now. Takes its time, as [`super::Pins::judge`] does.
    pub(super) fn recheck(&self) {
        self.inner.judge();
    }

    /// The same, soon, and where it keeps nobody waiting.
    pub(super) fn recheck_soon(&self) {
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        let inner = self.inner.clone();
        runtime.spawn(async move { inner.judge_apart().await });
    }

    /// It is not among the servers any more: what it lists counts for nothing, while its last calls are answered.
    pub(super) fn retire(&self) {
        self.inner.is_retired.store(true, Ordering::Release);
    }

    /// Asks it something. Dropping the future calls it off.
    pub async fn ask(&self, outgoing: Outgoing<'_>) -> Result<Answer, Failed> {
        let asked = self.inner.ask(&outgoing).await;
        let metrics = self.inner.ground.ledger.metrics();
        let outcome = asked.as_ref().map_or_else(Failed::label, |_| "answered");
        metrics
            .upstream_mcp_calls
            .with_label_values(&[&*self.inner.spec.name, outcome])
            .inc();
        asked
    }
}

impl Inner {
    async fn ask(&self, outgoing: &Outgoing<'_>) -> Result<Answer, Failed> {
        let mut tried: Vec<Arc<Connection>> = Vec::new();
        let mut failed = None;
        let (question, only) = tasks::at_replica(&outgoing.question);
        while tried.len() < TRIES {
            let chosen = match self.choose(only, &tried, outgoing.deadline).await {
                Ok(chosen) => chosen,
                // What was told of the request itself is more than that nobody else is there.
                Err(nobody) => return Err(failed.unwrap_or(nobody)),
            };
            let process = chosen.connection.process();
            let serving = outgoing.serving.zip(process);
            let serving = serving.map(|(serve, process)| serve(process));
            let begun = Instant::now();
            let noted = Noted::sent(outgoing, &self.spec.settings, &chosen.replica.place);
            let asked = chosen.connection.ask(&question, outgoing).await;
            drop(serving);
            if let Some(noted) = noted {
                noted.ended(&asked);
            }
            let connection = chosen.connection.clone();
            let number = chosen.replica.number;
            self.learn(chosen, begun, &asked);
            match asked {
                Err(broken @ Failed::Broken { unsent, .. }) if unsent || outgoing.repeatable => {
                    failed = Some(broken);
                    tried.push(connection);
                }
                asked => return asked.map(|answer| tasks::of_replica(number, answer)),
            }
        }
        Err(failed.unwrap_or_else(|| self.away(None)))
    }

    /// Takes note of how a replica did.
    fn learn(&self, chosen: Chosen<'_>, begun: Instant, asked: &Result<Answer, Failed>) {
        let now = Instant::now();
        let changed = match asked {
            Ok(_) | Err(Failed::Error { .. } | Failed::Unauthorized { .. }) => {
                chosen.replica.answers();
                chosen.passage.succeeded(now)
            }
            // It was there to say so, and may be well with everybody else.
            Err(Failed::Limited { .. } | Failed::TooLarge { .. }) => {
                chosen.replica.answers();
                None
            }
            // One that answers others meanwhile does not hang: this request was too much for its time.
            Err(Failed::Late { .. }) if chosen.replica.answered_since(begun) => None,
            // A connection breaks once, however many requests are lost with it.
            Err(Failed::Broken { .. })
                if chosen.connection.is_gone() && chosen.connection.was_held_against() =>
            {
                None
            }
            Err(_) => chosen.passage.failed(now),
        };
        let Some(change) = changed else { return };
        let place = &chosen.replica.place;
        let server = &*self.spec.name;
        tracing::warn!(server, "the circuit of {place} has {}", change.label());
        // What hangs is put in order by starting anew, and costs nothing else.
        if matches!(change, Change::Opened { .. }) {
            chosen.connection.signs.gone.cancel();
        }
    }

    /// The least busy replica that can be asked and was not, or the only one that can answer; waits for one that is
    /// about to be there.
    async fn choose(
        &self,
        only: Option<usize>,
        tried: &[Arc<Connection>],
        deadline: Instant,
    ) -> Result<Chosen<'_>, Failed> {
        let mut moves = self.moved.subscribe();
        loop {
            moves.mark_unchanged();
            let soonest = match self.look(only, tried) {
                Look::Found(chosen) => return Ok(chosen),
                Look::Wait => None,
                Look::Nobody(soonest) => Some(soonest),
            };
            if let Some(soonest) = soonest {
                return Err(self.away(soonest));
            }
            let moved = timeout_at(deadline, moves.changed()).await;
            if !matches!(moved, Ok(Ok(()))) {
                return Err(self.away(None));
            }
        }
    }

    fn look(&self, only: Option<usize>, tried: &[Arc<Connection>]) -> Look<'_> {
        let now = Instant::now();
        let mut waits = false;
        let mut soonest: Option<Duration> = None;
        let mut sooner = |wait: Duration| soonest = Some(soonest.map_or(wait, |so| so.min(wait)));
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let count = self.replicas.len().max(1);
        let mut all: Vec<&Replica> = self.replicas.iter().map(|replica| &**replica).collect();
        all.rotate_left(turn % count);
        all.retain(|replica| only.is_none_or(|only| replica.number == only));
        all.sort_by_key(|replica| replica.running());
        for replica in all {
            let connection = match replica.state() {
                State::Ready(connection) if !connection.is_gone() => connection,
                // One that broke is about to be made anew.
                State::Ready(_) | State::Connecting => {
                    waits = true;
                    continue;
                }
                State::Failing { until, .. } => {
                    sooner(until.saturating_duration_since(now));
                    continue;
                }
                State::Stopped => continue,
            };
            if tried.iter().any(|other| Arc::ptr_eq(other, &connection)) {
                continue;
            }
            let Some(place) = replica.take() else {
                waits = true;
                continue;
            };
            match replica.circuit.admit(rand::random(), now) {
                Ok(passage) => {
                    return Look::Found(Chosen {
                        replica,
                        connection,
                        passage,
                        _place: place,
                    });
                }
                Err(wait) => sooner(wait),
            }
        }
        if waits {
            Look::Wait
        } else {
            Look::Nobody(soonest)
        }
    }

    /// Passes on that a server said its lists are others.
    pub(super) fn announce(&self, announced: Announced) {
        if announced != Announced::default() {
            let all = &self.ground.announced;
            all.send_modify(|all| all.add(announced));
        }
    }

    fn away(&self, retry_after: Option<Duration>) -> Failed {
        Failed::Away {
            server: self.spec.name.to_string(),
            retry_after,
        }
    }

    /// The same, where it keeps no worker of the runtime from its other work.
    pub(super) async fn judge_apart(self: &Arc<Self>) {
        let inner = self.clone();
        if tokio::task::spawn_blocking(move || inner.judge())
            .await
            .is_err()
        {
            let server = &*self.spec.name;
            tracing::error!(
                server,
                "what the server lists was not judged: this is a bug of the gateway"
            );
        }
    }

    /// Judges what the first replica that is there lists, and offers what may be. Takes its time, as
    /// [`super::Pins::judge`] does.
    pub(super) fn judge(&self) {
        let _one_at_a_time = self.judging.lock().unwrap_or_else(PoisonError::into_inner);
        if self.is_retired.load(Ordering::Acquire) {
            return;
        }
        let ready = self.replicas.iter().filter(|it| it.connection().is_some());
        let listing = ready.into_iter().find_map(|replica| replica.listing());
        let last = || self.replicas.iter().find_map(|replica| replica.listing());
        let Some(listing) = listing.or_else(last) else {
            return;
        };
        let settings = &self.spec.settings;
        let only = settings.only.as_deref();
        let mut listing = Listing::clone(&listing);
        listing.tools.retain(|tool| is_wanted(only, &tool.name));
        let pins = &self.ground.pins;
        let (catalogue, held) = pins.judge(&self.spec.name, settings.approve, listing);
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = held;
        if **self.offered.load() != catalogue {
            self.offered.store(Arc::new(catalogue));
            self.ground.changed.send_modify(|changes| *changes += 1);
        }
    }
}

/// What was found in one look at all replicas.
enum Look<'a> {
    Found(Chosen<'a>),
    /// One is about to be there.
    Wait,
    /// None is, for so long at least.
    Nobody(Option<Duration>),
}

/// Whether a tool is among those that are wanted: the name itself, or its beginning and `*`.
fn is_wanted(only: Option<&[String]>, name: &str) -> bool {
    let fits = |pattern: &String| match pattern.strip_suffix('*') {
        Some(beginning) => name.starts_with(beginning),
        None => pattern == name,
    };
    only.is_none_or(|only| only.iter().any(fits))
}

fn replicas(spec: &Spec, moved: &watch::Sender<u64>) -> Vec<Arc<Replica>> {
    let replica = |number, place, room| {
        let circuit = Circuit::new(spec.breaker);
        Arc::new(Replica::new(number, place, room, circuit, moved.clone()))
    };
    match &spec.place {
        Where::Http { urls, .. } => urls
            .iter()
            .enumerate()
            .map(|(number, url)| replica(number, place(url), ROOM))
            .collect(),
        Where::Stdio { command, .. } => {
            // Its key for completions is the process's: with two calls at once nobody knew whose it serves.
            let room = if spec.settings.model.is_some() {
                1
            } else {
                ROOM
            };
            let program = command.first().map(String::as_str).unwrap_or_default();
            (0..spec.settings.processes)
                .map(|number| replica(number, format!("{program} #{number}"), room))
                .collect()
        }
    }
}

/// A URL as operators see it: what stands behind `?` may be a key.
fn place(url: &url::Url) -> String {
    let mut shown = url.clone();
    shown.set_query(None);
    shown.to_string()
}

impl fmt::Debug for Inner {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = formatter.debug_struct("Inner");
        shown.field("name", &self.spec.name).finish_non_exhaustive()
    }
}
