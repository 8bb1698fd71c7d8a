//! One server, with all its replicas.

use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwap;
use tokio::{runtime::Handle, sync::watch};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{
    Announced, Answer, Catalogue, Failed, Held, Listing, Outgoing, Spec, Standing, Where,
    call::OUTCOMES, connection::Connection, fleet::Ground, keeping, pace::Pace, pins::agreed,
    replica::Replica, tasks,
};
use crate::health::Circuit;

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
    pub(super) spec: Arc<Spec>,
    pub(super) ground: Arc<Ground>,
    pub(super) replicas: Vec<Arc<Replica>>,
    offered: ArcSwap<Catalogue>,
    held: Mutex<Vec<Held>>,
    unlisted: Mutex<Vec<String>>,
    /// Held while it is judged: the last judgement must be that by the latest approvals.
    judging: Mutex<()>,
    /// Counted up whenever a replica moves or has a place again.
    pub(super) moved: watch::Sender<u64>,
    /// How much the log was told of requests that were not answered.
    pub(super) told: Pace,
    /// Whose turn it is among equals.
    pub(super) turn: AtomicUsize,
    /// Whether another one stands in its place, or none.
    is_retired: AtomicBool,
    pub(super) stop: CancellationToken,
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
            spec: Arc::new(spec),
            ground,
            replicas,
            offered: ArcSwap::default(),
            held: Mutex::default(),
            unlisted: Mutex::default(),
            judging: Mutex::default(),
            moved,
            told: Pace::default(),
            turn: AtomicUsize::new(0),
            is_retired: AtomicBool::new(false),
            stop: stop.clone(),
        });
        // Before it lists anything: what was approved of it is offered all the while.
        inner.judge();
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
        Standing {
            name: self.inner.spec.name.to_string(),
            replicas: self.inner.replicas.iter().map(|it| it.standing()).collect(),
            offered: offered.names(),
            held: lock(&self.inner.held).clone(),
            unlisted: lock(&self.inner.unlisted).clone(),
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
        for _ in 0..TRIES {
            let chosen = match self.choose(only, &tried, outgoing.deadline).await {
                Ok(chosen) => chosen,
                // What was told of the request itself is more than that nobody else is there.
                Err(nobody) => return Err(failed.unwrap_or(nobody)),
            };
            let process = chosen.connection.process();
            let serving = outgoing.serving.zip(process);
            let serving = serving.map(|(serve, process)| serve(process));
            let asked = self.ask_chosen(&chosen, &question, outgoing).await;
            drop(serving);
            let number = chosen.replica.number;
            let again = asked.may_be_repeated(outgoing.repeatable);
            // A person's session that was there and broke is made anew where it was.
            let elsewhere = !asked.was_in_a_persons_session();
            let connection = chosen.connection.clone();
            let answer = self.learn(chosen, asked);
            match answer {
                Err(broken) if again => {
                    failed = Some(broken);
                    tried.extend(elsewhere.then_some(connection));
                }
                answer => return answer.map(|answer| tasks::of_replica(number, answer)),
            }
        }
        Err(failed.unwrap_or_else(|| self.away(None)))
    }

    /// Passes on that a server said its lists are others.
    pub(super) fn announce(&self, announced: Announced) {
        if announced != Announced::default() {
            let all = &self.ground.announced;
            all.send_modify(|all| all.add(announced));
        }
    }

    pub(super) fn away(&self, retry_after: Option<Duration>) -> Failed {
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

    /// Judges what the replicas that are there list, and offers what may be; before any has listed something, what was
    /// approved. Takes its time, as [`super::Pins::judge`] does.
    pub(super) fn judge(&self) {
        let _one_at_a_time = lock(&self.judging);
        if self.is_retired.load(Ordering::Acquire) {
            return;
        }
        let settings = &self.spec.settings;
        let only = settings.only.as_deref();
        let pins = &self.ground.pins;
        let (catalogue, held) = match self.listing() {
            Some(mut listing) => {
                self.tell_unlisted(&listing);
                listing.tools.retain(|tool| is_wanted(only, &tool.name));
                pins.judge(&self.spec.name, settings.approve, listing)
            }
            None => {
                let is_wanted = |name: &str| is_wanted(only, name);
                (pins.remembered(&self.spec.name, is_wanted), Vec::new())
            }
        };
        *lock(&self.held) = held;
        if **self.offered.load() != catalogue {
            self.offered.store(Arc::new(catalogue));
            self.ground.changed.send_modify(|changes| *changes += 1);
        }
    }

    /// What the replicas that are there list, else what one listed last.
    fn listing(&self) -> Option<Listing> {
        let there = self.replicas.iter().filter_map(|it| it.listing_now());
        let there: Vec<Arc<Listing>> = there.collect();
        if !there.is_empty() {
            return Some(agreed(&there));
        }
        let last = self.replicas.iter().find_map(|replica| replica.listing());
        last.map(|last| Listing::clone(&last))
    }

    /// Tells what the configuration names of it that it does not list: a rule with a slip in its name rules nothing.
    fn tell_unlisted(&self, listing: &Listing) {
        let settings = &self.spec.settings;
        let only = settings.only.iter().flatten();
        let named = settings.policy.keys().chain(only);
        let is_listed = |named: &String| listing.tools.iter().any(|tool| fits(named, &tool.name));
        let unlisted: Vec<String> = named.filter(|named| !is_listed(named)).cloned().collect();
        let mut before = lock(&self.unlisted);
        if *before != unlisted && !unlisted.is_empty() {
            let server = &*self.spec.name;
            let names = unlisted.join(", ");
            tracing::warn!(
                server,
                "`policy` or `only` names tools that the server does not list: {names}"
            );
        }
        *before = unlisted;
    }
}

/// Whether a tool is among those that are wanted.
fn is_wanted(only: Option<&[String]>, name: &str) -> bool {
    only.is_none_or(|only| only.iter().any(|pattern| fits(pattern, name)))
}

/// Whether a tool is named so: by its name itself, or by its beginning and `*`.
fn fits(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(beginning) => name.starts_with(beginning),
        None => pattern == name,
    }
}

fn replicas(spec: &Spec, moved: &watch::Sender<u64>) -> Vec<Arc<Replica>> {
    let replica = |number, place, room| {
        let circuit = Circuit::new(spec.breaker);
        let sessions = spec.settings.max_sessions;
        Arc::new(Replica::new(
            number,
            place,
            room,
            circuit,
            sessions,
            moved.clone(),
        ))
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

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for Inner {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = formatter.debug_struct("Inner");
        shown.field("name", &self.spec.name).finish_non_exhaustive()
    }
}
