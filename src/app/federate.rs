//! What other servers offer, beside what the configuration has: at the start, after a reload, and whenever they offer
//! something else.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::time::sleep;

use super::Memory;
use crate::{
    federation::{Announced, Fleet, Spec},
    identity::Wanted,
    mcp::{Library, Offer},
    tools::{
        Listing, Tool,
        kinds::mcp::{self, Door, Entry},
    },
};

/// How long to wait for more changes after one: servers that start together are put in place together.
const QUIET: Duration = Duration::from_millis(50);

/// How long clients are left alone after they were told that a list is another. A server that says so all the time
/// would have all of them list all the time.
const PAUSE: Duration = Duration::from_secs(1);

/// What the present configuration says of each server.
#[derive(Debug, Default)]
pub(super) struct Federated(Mutex<BTreeMap<Arc<str>, Entry>>);

/// The servers there are, by name, each with what the configuration says of it.
#[derive(Debug)]
pub(super) struct Servers(Vec<(Door, Entry)>);

impl Federated {
    /// Puts the servers of a configuration in place of those there were.
    pub(super) fn settle(&self, fleet: &Fleet, servers: Vec<(Spec, Entry)>) {
        let entries = servers.iter();
        let entries = entries.map(|(spec, entry)| (spec.name.clone(), entry.clone()));
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = entries.collect();
        fleet.settle(servers.into_iter().map(|(spec, _)| spec).collect());
    }

    /// The token that requests to a server carry, where it wants one.
    pub(super) fn credentials(&self, server: &str) -> Option<Wanted> {
        let entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        entries.get(server)?.credentials.clone()
    }

    /// The servers there are.
    pub(super) fn servers(&self, fleet: &Fleet) -> Servers {
        let entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let servers = fleet.servers().into_iter().filter_map(|server| {
            let entry = entries.get(&server.spec().name)?.clone();
            let credentials = entry.credentials.clone();
            let door = Door {
                server,
                credentials,
            };
            Some((door, entry))
        });
        Servers(servers.collect())
    }
}

impl Servers {
    /// Their tools. What one server says that we cannot bear costs its own tools alone.
    pub(super) fn tools(&self) -> Vec<Tool> {
        let each = self.0.iter().map(|(door, entry)| {
            let tools = catch_unwind(AssertUnwindSafe(|| mcp::tools(&door.server, entry)));
            tools.unwrap_or_else(|_| {
                let server = &door.server.spec().name;
                tracing::error!(%server, "the tools of the server {server} are not offered: this is a bug of the gateway");
                Vec::new()
            })
        });
        each.flatten().collect()
    }

    /// Their prompts and resources, beside those of this library.
    pub(super) fn library(&self, own: &Library) -> Library {
        own.with_federated(&self.0)
    }

    /// What is offered, with what they offer now.
    pub(super) fn beside(&self, offer: &Offer) -> Offer {
        Offer {
            toolbox: Arc::new(offer.toolbox.with_federated(self.tools())),
            library: Arc::new(self.library(&offer.library)),
            ..offer.clone()
        }
    }
}

/// Puts what servers offer in place whenever it is something else, and tells when they say that a list is another.
pub(super) async fn follow(
    memory: &Memory,
    put: impl Fn(Servers),
    tell: impl Fn(Listing),
) -> Infallible {
    tokio::select! {
        never = follow_offers(memory, put) => never,
        never = follow_words(&memory.fleet, |it| &mut it.tools, || tell(Listing::Tools)) => never,
        never = follow_words(&memory.fleet, |it| &mut it.prompts, || tell(Listing::Prompts)) => never,
        never = follow_words(&memory.fleet, |it| &mut it.resources, || tell(Listing::Resources)) => never,
    }
}

/// Tells whenever a server says that a list is another.
async fn follow_words(
    fleet: &Fleet,
    list: fn(&mut Announced) -> &mut bool,
    tell: impl Fn(),
) -> Infallible {
    loop {
        fleet.announced(list).await;
        tell();
        sleep(PAUSE).await;
    }
}

async fn follow_offers(memory: &Memory, put: impl Fn(Servers)) -> Infallible {
    let mut changes = memory.fleet.changes();
    if !memory.fleet.servers().is_empty() {
        // Something may have been offered before anybody followed.
        changes.mark_changed();
    }
    while changes.changed().await.is_ok() {
        sleep(QUIET).await;
        changes.mark_unchanged();
        put(memory.federated.servers(&memory.fleet));
    }
    std::future::pending().await
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;
    use crate::{
        access::Access,
        catalog::Catalog,
        federation::{Catalogue, Federated as _, Trust},
        mcp::Gate,
        relay::Desk,
        route::Router,
        telemetry::Ledger,
        tools::{
            self, Toolbox,
            kinds::mcp::double::{Double, offered},
        },
        upstream::Upstream,
    };

    fn offer(ledger: &Arc<Ledger>) -> Offer {
        let desk = Desk::new(
            Router::new(Arc::new(Catalog::default()), &BTreeMap::new()).unwrap(),
            Default::default(),
            Arc::new(Upstream::new(Default::default())),
            Default::default(),
            Default::default(),
        );
        let own = tools::builtin::tools().unwrap();
        let toolbox = Toolbox::new(own, Arc::new(desk), ledger.clone(), Arc::default());
        Offer {
            access: Arc::new(Access::open()),
            limits: Arc::default(),
            toolbox: Arc::new(toolbox),
            library: Arc::default(),
            settings: Default::default(),
        }
    }

    fn servers(doubles: &[&Arc<Double>]) -> Servers {
        let servers = doubles.iter().map(|double| {
            let door = Door {
                server: (**double).clone(),
                credentials: None,
            };
            (door, Entry::default())
        });
        Servers(servers.collect())
    }

    fn ids(offer: &Offer) -> Vec<String> {
        offer.toolbox.all().map(|tool| tool.id.clone()).collect()
    }

    #[tokio::test]
    async fn what_a_server_offers_comes_and_goes_beside_the_configuration() {
        let ledger = Ledger::start(None);
        let gate = Gate::new(offer(&ledger), ledger, Default::default());
        let own = ids(&gate.offer());
        let good = Double::answering("good", Trust::Trusted, &["t"], Vec::new());
        let bad = Double::answering("bad", Trust::Trusted, &[], Vec::new());
        let unfit = json!({"inputSchema": {"type": "object", "pattern": "("}});
        bad.offer(Catalogue {
            tools: vec![offered("broken", unfit), offered("works", json!({}))],
            ..Catalogue::default()
        });
        assert_eq!(bad.offered().tools.len(), 2);
        let mut reloads = gate.reloads();
        gate.put(servers(&[&bad, &good]).beside(&gate.offer()));
        assert!(reloads.has_changed().unwrap());
        reloads.mark_unchanged();
        let mut all = own.clone();
        all.extend(["bad.works".to_owned(), "good.t".to_owned()]);
        all.sort();
        assert_eq!(ids(&gate.offer()), all);

        good.offer(Catalogue::default());
        gate.put(servers(&[&bad, &good]).beside(&gate.offer()));
        assert!(!ids(&gate.offer()).contains(&"good.t".to_owned()));
        gate.put(servers(&[]).beside(&gate.offer()));
        assert_eq!(ids(&gate.offer()), own);
    }
}
