//! What other servers offer, beside what the configuration has.
//!
//! Tools are compiled once for what a server offers: one that offers something else all the time costs its own alone.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::sleep;

use crate::{
    federation::{Announced, Catalogue, Federated, Fleet, Spec},
    identity::Wanted,
    mcp::{Library, Offer},
    tools::{
        Listing, Tool,
        kinds::mcp::{self, Door, Entry},
    },
};

/// How long clients are left alone after they were told that a list is another. A server that says so all the time
/// would have all of them list all the time.
const PAUSE: Duration = Duration::from_secs(1);

/// What the present configuration says of each server, and what was made of it.
#[derive(Debug, Default)]
pub(super) struct Entries {
    present: Mutex<BTreeMap<Arc<str>, Entry>>,
    /// The tools of each server under its entry, as they were compiled last.
    compiled: Mutex<BTreeMap<Arc<str>, Compiled>>,
}

/// The servers there are, by name, each with what the configuration says of it, and the tools they offer now.
#[derive(Debug)]
pub(super) struct Servers {
    each: Vec<(Door, Entry)>,
    tools: Vec<Tool>,
}

/// The tools of one server, and what they were compiled from.
#[derive(Debug)]
struct Compiled {
    server: Arc<dyn Federated>,
    offered: Arc<Catalogue>,
    tools: Vec<Tool>,
}

impl Entries {
    /// Puts the servers of a configuration in place of those there were.
    pub(super) fn settle(&self, fleet: &Fleet, servers: Vec<(Spec, Entry)>) {
        let entries = servers.iter();
        let entries = entries.map(|(spec, entry)| (spec.name.clone(), entry.clone()));
        *locked(&self.present) = entries.collect();
        // Another entry makes other tools of the same offer.
        locked(&self.compiled).clear();
        fleet.settle(servers.into_iter().map(|(spec, _)| spec).collect());
    }

    /// The token that requests to a server carry, where it wants one.
    pub(super) fn credentials(&self, server: &str) -> Option<Wanted> {
        locked(&self.present).get(server)?.credentials.clone()
    }

    /// The servers there are, with what they offer now.
    pub(super) fn servers(&self, fleet: &Fleet) -> Servers {
        let entries = locked(&self.present).clone();
        let servers = fleet.servers().into_iter().filter_map(|server| {
            let entry = entries.get(&server.spec().name)?.clone();
            let credentials = entry.credentials.clone();
            let door = Door {
                server,
                credentials,
            };
            Some((door, entry))
        });
        self.offering(servers.collect())
    }

    /// These servers, with what they offer now.
    fn offering(&self, each: Vec<(Door, Entry)>) -> Servers {
        let mut compiled = locked(&self.compiled);
        let mut before = std::mem::take(&mut *compiled);
        let mut tools = Vec::new();
        for (door, entry) in &each {
            let name = &door.server.spec().name;
            let same = before.remove(name).filter(|it| it.is_of(&door.server));
            let of_server = same.unwrap_or_else(|| Compiled::new(&door.server, entry));
            tools.extend(of_server.tools.iter().cloned());
            compiled.insert(name.clone(), of_server);
        }
        Servers { each, tools }
    }
}

impl Compiled {
    /// What one server says that we cannot bear costs its own tools alone.
    fn new(server: &Arc<dyn Federated>, entry: &Entry) -> Self {
        // Read first: what changes meanwhile is found to be something else the next time.
        let offered = server.offered();
        let tools = catch_unwind(AssertUnwindSafe(|| mcp::tools(server, entry)));
        let tools = tools.unwrap_or_else(|_| {
            let server = &server.spec().name;
            tracing::error!(%server, "the tools of the server {server} are not offered: this is a bug of the gateway");
            Vec::new()
        });
        Self {
            server: server.clone(),
            offered,
            tools,
        }
    }

    /// Whether these are still the tools of this server.
    fn is_of(&self, server: &Arc<dyn Federated>) -> bool {
        let offered = server.offered();
        let same = Arc::ptr_eq(&self.offered, &offered) || self.offered.tools == offered.tools;
        same && Arc::ptr_eq(&self.server, server)
    }
}

impl Servers {
    /// These tools of the configuration, with theirs behind them.
    pub(super) fn tools_behind(&self, own: Vec<Tool>) -> Vec<Tool> {
        own.into_iter().chain(self.tools.iter().cloned()).collect()
    }

    /// Their prompts and resources, beside those of this library.
    pub(super) fn library(&self, own: &Library) -> Library {
        own.with_federated(&self.each)
    }

    /// What is offered, with what they offer now.
    pub(super) fn beside(&self, offer: &Offer) -> Offer {
        Offer {
            toolbox: Arc::new(offer.toolbox.with_federated(self.tools.clone())),
            library: Arc::new(self.library(&offer.library)),
            ..offer.clone()
        }
    }
}

/// Tells when servers say that a list is another.
pub(super) async fn tell(fleet: &Fleet, tell: impl Fn(Listing)) -> Infallible {
    tokio::select! {
        never = follow_words(fleet, |it| &mut it.tools, || tell(Listing::Tools)) => never,
        never = follow_words(fleet, |it| &mut it.prompts, || tell(Listing::Prompts)) => never,
        never = follow_words(fleet, |it| &mut it.resources, || tell(Listing::Resources)) => never,
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

/// A panic under a lock leaves maps that are whole.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;
    use crate::{
        access::Access,
        catalog::Catalog,
        federation::Trust,
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

    fn servers(entries: &Entries, doubles: &[&Arc<Double>]) -> Servers {
        let servers = doubles.iter().map(|double| {
            let door = Door {
                server: (**double).clone(),
                credentials: None,
            };
            (door, Entry::default())
        });
        entries.offering(servers.collect())
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
        let entries = Entries::default();
        let servers = |doubles: &[&Arc<Double>]| servers(&entries, doubles);
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

    #[test]
    fn a_server_that_offers_something_else_costs_its_own_tools_alone() {
        let restless = Double::answering("restless", Trust::Trusted, &["t"], Vec::new());
        let quiet = Double::answering("quiet", Trust::Trusted, &["t"], Vec::new());
        let entries = Entries::default();
        let offered_now = || servers(&entries, &[&quiet, &restless]).tools;
        let before = offered_now();
        let changed = json!({"description": "Another."});
        restless.offer(Catalogue {
            tools: vec![offered("t", changed)],
            ..Catalogue::default()
        });
        let now = offered_now();
        assert!(now[0].is_copy_of(&before[0]), "the quiet one's");
        assert!(!now[1].is_copy_of(&before[1]));
        assert_eq!(now[1].common.description, "Another.");
        // A list that was read again and is the same costs nothing either.
        quiet.offer(Catalogue::clone(&quiet.offered()));
        assert!(offered_now()[0].is_copy_of(&before[0]));
    }

    #[tokio::test]
    async fn another_configuration_makes_other_tools_of_the_same_offer() {
        let server = Double::answering("crm", Trust::Trusted, &["t"], Vec::new());
        let entries = Entries::default();
        let before = servers(&entries, &[&server]).tools;
        let ledger = Ledger::start(None);
        let fleet = Fleet::new(crate::federation::Pins::open(None), Arc::default(), ledger);
        entries.settle(&fleet, Vec::new());
        let now = servers(&entries, &[&server]).tools;
        assert!(!now[0].is_copy_of(&before[0]));
    }

    #[test]
    fn a_name_that_was_taken_is_had_once_it_is_free() {
        let bare = |name: &str, tools: &[&str]| {
            let catalogue = Catalogue {
                tools: tools.iter().map(|it| offered(it, json!({}))).collect(),
                ..Catalogue::default()
            };
            Double::new(
                name,
                |it| it.bare_names = true,
                catalogue,
                |_| Box::pin(std::future::pending()),
            )
        };
        let (first, second) = (bare("a", &["t"]), bare("b", &["t"]));
        let entries = Entries::default();
        let own = offer(&Ledger::start(None));
        let whose = |offer: &Offer| {
            let tool = offer.toolbox.get("t").unwrap();
            let all = servers(&entries, &[&first, &second]).tools;
            all.iter().position(|it| it.is_copy_of(tool))
        };
        let offer = servers(&entries, &[&first, &second]).beside(&own);
        assert_eq!(whose(&offer), Some(0));
        first.offer(Catalogue::default());
        let offer = servers(&entries, &[&first, &second]).beside(&offer);
        assert_eq!(whose(&offer), Some(0), "the second one's is all there is");
    }
}
