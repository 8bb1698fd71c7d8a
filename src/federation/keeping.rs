//! Keeping connections: one task for each replica, which makes its connection, reads its lists, and makes another one
//! when that is over.

use std::{future::pending, sync::Arc, time::Duration};

use rmcp::{model::SubscriptionFilter, service::Subscription};
use tokio::{
    runtime::Handle,
    time::{Instant, interval_at, sleep, sleep_until, timeout},
};

use super::{
    Failed, Where,
    connecting::{Learned, connect},
    connection::Connection,
    listing::{Listing, PATIENCE},
    replica::{Replica, State, wait},
    server::Inner,
    watched::Signs,
};

/// How often lists are read without being told that they changed: not every server tells.
const ROUND: Duration = Duration::from_secs(5 * 60);

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
}

async fn keep(inner: Arc<Inner>, replica: Arc<Replica>) {
    let stop = inner.stop.clone();
    tokio::select! {
        () = stop.cancelled() => {}
        () = forever(&inner, &replica) => {}
    }
    replica.put(State::Stopped);
}

async fn forever(inner: &Inner, replica: &Replica) {
    let server = &*inner.spec.name;
    let mut failures = 0;
    let mut learned = Learned::Nothing;
    let mut was_ready = false;
    loop {
        let begun = Instant::now();
        let why = match connect(&inner.spec, replica.number, &inner.ground, learned).await {
            Ok(connection) => {
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
                use_it(inner, replica, connection).await;
                // Sessions of a server elsewhere end whenever it likes. A program that ends so is spared.
                let is_elsewhere = matches!(inner.spec.place, Where::Http { .. });
                if ready.elapsed() >= LIVED || is_elsewhere && replica.answered_since(ready) {
                    failures = 0;
                }
                "its connection broke".to_owned()
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
        if failures > BORNE {
            tracing::warn!(
                server,
                "{} is tried again in {pause:?}: {why}",
                replica.place
            );
            let until = Instant::now() + pause;
            replica.put(State::Failing { until, why });
        } else {
            tracing::info!(server, "{} is connected anew: {why}", replica.place);
            replica.put(State::Connecting);
        }
        show(inner);
        sleep(pause).await;
        replica.put(State::Connecting);
        show(inner);
    }
}

/// Uses a connection until it is over: reads its lists now, when it says that they changed, and now and then.
async fn use_it(inner: &Inner, replica: &Replica, connection: Arc<Connection>) {
    let gone = connection.signs.gone.clone();
    // The lists first: calls of a server without sessions need to know which arguments travel as headers.
    tokio::select! {
        () = gone.cancelled() => return,
        () = list(inner, replica, &connection) => {}
    }
    replica.put(State::Ready(connection.clone()));
    inner.judge();
    show(inner);
    let mut read = Instant::now();
    let mut round = interval_at(Instant::now() + ROUND, ROUND);
    let mut subscription = tokio::select! {
        () = gone.cancelled() => return,
        subscription = subscribe(&connection) => subscription,
    };
    loop {
        let changed = async {
            tokio::select! {
                () = connection.signs.changed.notified() => {}
                () = told(&mut subscription, &connection.signs) => {}
                _ = round.tick() => {}
            }
            sleep_until(read + REST).await;
            // Before they are read: what changes meanwhile is announced anew.
            let announced = connection.signs.take_announced();
            list(inner, replica, &connection).await;
            read = Instant::now();
            inner.judge();
            inner.announce(announced);
        };
        tokio::select! {
            () = gone.cancelled() => return,
            () = changed => {}
        }
    }
}

/// Reads the lists. Where that fails, what was listed last counts on.
async fn list(inner: &Inner, replica: &Replica, connection: &Connection) {
    let server = &*inner.spec.name;
    match Listing::read(connection).await {
        Ok(listing) => {
            replica.answers();
            replica.lists(listing);
        }
        Err(failed) => {
            tracing::warn!(
                server,
                "the lists of {} cannot be read: {failed}",
                replica.place
            );
            // One that does not even list in all that time hangs.
            if matches!(failed, Failed::Late { .. }) {
                connection.signs.gone.cancel();
            }
        }
    }
}

/// Asks to be told of changes, where that is done by asking.
async fn subscribe(connection: &Connection) -> Option<Subscription> {
    if !connection.is_stateless() {
        return None;
    }
    let has = connection.capabilities();
    let mut wanted = SubscriptionFilter::default();
    let tells = |told: Option<bool>| told.filter(|told| *told);
    wanted.tools_list_changed = has.tools.and_then(|it| tells(it.list_changed));
    wanted.prompts_list_changed = has.prompts.and_then(|it| tells(it.list_changed));
    wanted.resources_list_changed = has.resources.and_then(|it| tells(it.list_changed));
    if wanted == SubscriptionFilter::default() {
        return None;
    }
    let listening = timeout(PATIENCE, connection.peer().listen(wanted)).await;
    listening.ok()?.ok()
}

/// Waits until a subscription tells of a change, or is over, which hides changes too.
async fn told(subscription: &mut Option<Subscription>, signs: &Signs) {
    let Some(open) = subscription else {
        return pending().await;
    };
    match open.next().await {
        Ok(Some(notification)) => drop(signs.note(&notification)),
        _ => *subscription = None,
    }
}

/// Shows operators how many replicas are where.
fn show(inner: &Inner) {
    let states: Vec<&str> = inner
        .replicas
        .iter()
        .map(|replica| replica.standing().state)
        .collect();
    let gauge = &inner.ground.ledger.metrics().upstream_mcp_connections;
    for state in ["connecting", "ready", "failing"] {
        let count = states.iter().filter(|other| **other == state).count();
        gauge
            .with_label_values(&[&*inner.spec.name, state])
            .set(i64::try_from(count).unwrap_or(i64::MAX));
    }
}
