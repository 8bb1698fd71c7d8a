//! Keeping connections: one task for each replica, which makes its connection, reads its lists, and makes another one
//! when that is over.

use std::{future::pending, sync::Arc, time::Duration};

use rmcp::{model::SubscriptionFilter, service::Subscription};
use tokio::{
    runtime::Handle,
    time::{Instant, sleep, sleep_until, timeout},
};

use super::{
    Failed, Where,
    connecting::{Learned, connect},
    connection::Connection,
    listing::{Listing, PATIENCE},
    purse::Purse,
    replica::{Replica, State, wait},
    server::Inner,
    signs::{Over, Signs},
};

/// How often lists are read without being told that they changed: not every server tells.
const ROUND: Duration = Duration::from_secs(5 * 60);

/// How often it is looked whether the approvals are others: what is revoked elsewhere is called for as long.
const LOOK: Duration = Duration::from_secs(2);

/// How long lists are left alone after they were read, whatever the server says.
const REST: Duration = Duration::from_secs(1);

/// A connection that lived shorter than this was none: a program that starts well and dies at once is not started
/// again and again without a pause.
const LIVED: Duration = Duration::from_secs(10);

/// How often in a row a replica may fail before callers are told so instead of waiting for it.
const BORNE: u32 = 2;

/// A handshake that took longer than this waited for a server that does not answer what it does not know.
const SILENT: Duration = Duration::from_secs(5);

/// Starts the tasks of a server. Where there is no runtime there is nothing to serve either.
pub(super) fn start(inner: &Arc<Inner>) {
    let Ok(runtime) = Handle::try_current() else {
        return;
    };
    for replica in &inner.replicas {
        // They end with the server's token, which is cancelled when it is dropped.
        runtime.spawn(keep(inner.clone(), replica.clone()));
    }
    runtime.spawn(watch(inner.clone()));
}

/// Judges anew whenever the approvals are others: by the hand of another process, a person or a checkout.
async fn watch(inner: Arc<Inner>) {
    let stop = inner.stop.clone();
    let watching = async {
        let mut seen = None;
        loop {
            let now = inner.ground.pins.stamp().await;
            if seen.replace(now) != Some(now) {
                inner.judge_apart().await;
            }
            sleep(LOOK).await;
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = watching => {}
    }
}

async fn keep(inner: Arc<Inner>, replica: Arc<Replica>) {
    let stop = inner.stop.clone();
    tokio::select! {
        () = stop.cancelled() => {}
        () = forever(&inner, &replica) => {}
        never = replica.persons.close_idle() => match never {},
    }
    replica.put(State::Stopped);
    replica.persons.let_go();
}

async fn forever(inner: &Arc<Inner>, replica: &Replica) {
    let server = &*inner.spec.name;
    let mut failures = 0;
    let mut learned = Learned::Nothing;
    let mut was_ready = false;
    loop {
        let begun = Instant::now();
        let purse = Purse::Gateways(inner.ground.tokens.clone());
        let connecting = connect(&inner.spec, replica.number, &inner.ground, purse, learned);
        let why = match connecting.await {
            Ok(connection) => {
                if connection.is_stateless() {
                    // It may have learned meanwhile: without sessions nobody has one.
                    replica.persons.let_go();
                }
                let is_slow = begun.elapsed() > SILENT;
                learned = match learned {
                    Learned::New if connection.is_stateless() => Learned::New,
                    Learned::Old => Learned::Old,
                    _ if !connection.is_stateless() && is_slow => Learned::Old,
                    _ => Learned::Nothing,
                };
                if was_ready {
                    replica.count_reconnect();
                    let metrics = inner.ground.ledger.metrics();
                    let reconnects = &metrics.upstream_mcp_reconnects;
                    reconnects.with_label_values(&[server]).inc();
                }
                was_ready = true;
                let connection = Arc::new(connection);
                let ready = Instant::now();
                use_it(inner, replica, connection.clone()).await;
                // Sessions of a server elsewhere end whenever it likes. A program that ends so is spared.
                let is_elsewhere = matches!(inner.spec.place, Where::Http { .. });
                if ready.elapsed() >= LIVED || is_elsewhere && replica.answered_since(ready) {
                    failures = 0;
                }
                connection.why_it_is_over().await
            }
            Err(unconnected) => {
                // Some break off at a question they do not know. Those are asked the old way, and then again the new.
                learned = match learned {
                    _ if unconnected.is_new => Learned::New,
                    Learned::Old => Learned::Nothing,
                    _ if unconnected.broke_off => Learned::Old,
                    _ => Learned::Nothing,
                };
                unconnected.why
            }
        };
        failures += 1;
        let pause = wait(failures, rand::random());
        tracing::warn!(
            server,
            "{} is tried again in {pause:?}: {why}",
            replica.place
        );
        replica.has_trouble(Some(why.clone()));
        if failures > BORNE {
            let until = Instant::now() + pause;
            replica.put(State::Failing { until, why });
        } else {
            replica.put(State::Connecting);
        }
        sleep(pause).await;
        replica.put(State::Connecting);
    }
}

/// Uses a connection until it is over: reads its lists now, when it says that they changed, and now and then.
async fn use_it(inner: &Arc<Inner>, replica: &Replica, connection: Arc<Connection>) {
    let gone = connection.signs.gone.clone();
    // The lists first: calls of a server without sessions need to know which arguments travel as headers.
    let mut unread = tokio::select! {
        () = gone.cancelled() => return,
        unread = list(inner, replica, &connection, 0) => unread,
    };
    let keeping = async {
        replica.put(State::Listed(connection.clone()));
        inner.judge_apart().await;
        replica.put(State::Ready(connection.clone()));
        replica.has_trouble(None);
        let mut ear = Ear::default();
        loop {
            let read = Instant::now();
            ear.open(&connection).await;
            let again = match unread {
                0 => ROUND,
                times => wait(times, rand::random()),
            };
            tokio::select! {
                () = connection.signs.changed.notified() => {}
                () = ear.told(&connection.signs) => {}
                () = sleep_until(read + again) => {}
            }
            sleep_until(read + REST).await;
            // Before they are read: what changes meanwhile is announced anew.
            let announced = connection.signs.take_announced();
            unread = list(inner, replica, &connection, unread).await;
            inner.judge_apart().await;
            inner.announce(announced);
        }
    };
    tokio::select! {
        () = gone.cancelled() => {}
        () = keeping => {}
    }
}

/// Reads the lists; gives how often in a row they could not be read. What was listed last counts on meanwhile.
async fn list(inner: &Inner, replica: &Replica, connection: &Connection, unread: u32) -> u32 {
    let server = &*inner.spec.name;
    match Listing::read(connection).await {
        Ok(listing) => {
            replica.answers();
            replica.lists(listing);
            0
        }
        Err(failed) => {
            tracing::warn!(
                server,
                "the lists of {} cannot be read: {failed}",
                replica.place
            );
            // One that does not even list in all that time hangs.
            if matches!(failed, Failed::Late { .. }) {
                connection.signs.end(Over::Hangs);
            }
            unread.saturating_add(1)
        }
    }
}

/// Where a server without sessions tells of changes, which it does to those who ask.
#[derive(Default)]
struct Ear {
    open: Option<(Subscription, Instant)>,
    /// How often in a row it was closed soon after it was opened.
    closed: u32,
}

impl Ear {
    /// Asks to be told, unless that is so or is nothing the server does. One that will not is asked when its lists are
    /// read the next time.
    async fn open(&mut self, connection: &Connection) {
        if self.open.is_some() || !connection.is_stateless() {
            return;
        }
        let has = connection.capabilities();
        let mut wanted = SubscriptionFilter::default();
        let tells = |told: Option<bool>| told.filter(|told| *told);
        wanted.tools_list_changed = has.tools.and_then(|it| tells(it.list_changed));
        wanted.prompts_list_changed = has.prompts.and_then(|it| tells(it.list_changed));
        wanted.resources_list_changed = has.resources.and_then(|it| tells(it.list_changed));
        if wanted == SubscriptionFilter::default() {
            return;
        }
        let listening = timeout(PATIENCE, connection.peer().listen(wanted)).await;
        let subscription = listening.ok().and_then(Result::ok);
        self.open = subscription.map(|subscription| (subscription, Instant::now()));
    }

    /// Waits until it is told of a change, or was closed, which hides changes too.
    async fn told(&mut self, signs: &Signs) {
        let Some((subscription, opened)) = &mut self.open else {
            return pending().await;
        };
        if let Ok(Some(notification)) = subscription.next().await {
            signs.note(&notification);
            return;
        }
        self.closed = match opened.elapsed() < LIVED {
            true => self.closed.saturating_add(1),
            false => 1,
        };
        self.open = None;
        // One that closes it each time is not asked in a circle.
        sleep(wait(self.closed, rand::random())).await;
    }
}
