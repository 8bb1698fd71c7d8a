//! What of a server's lists is offered, and why the others wait.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::{Change, Held, Inspected, Pins, confusable::look, item::Item, sheet};
use crate::{
    federation::Catalogue,
    store::{Approval, Approved},
};

/// What came of the lists, in their order.
#[derive(Debug, Default)]
pub(super) struct Judgement {
    pub(super) offered: Catalogue,
    pub(super) held: Vec<Held>,
}

impl Judgement {
    /// The digests of what is new and nothing speaks against.
    pub(super) fn harmless(&self) -> HashSet<String> {
        let held = self.held.iter();
        let harmless = held.filter(|held| held.change == Change::New && held.warnings.is_empty());
        harmless.map(|held| held.digest.clone()).collect()
    }
}

/// Names by their look, each with its server.
type Looks = HashMap<String, Vec<(String, String)>>;

impl Pins {
    /// Judges a list by the approvals there are; `None` if they cannot be read.
    pub(super) fn sort(
        &self,
        server: &str,
        tools: &[Inspected],
        approved: Option<&Approved>,
    ) -> Judgement {
        let looks = self.looks(approved);
        let mut times: HashMap<&str, usize> = HashMap::new();
        for tool in tools {
            *times.entry(&tool.name).or_default() += 1;
        }
        let mut judgement = Judgement::default();
        for tool in tools {
            let twice = times[&*tool.name] > 1;
            match change(server, tool, twice, approved) {
                None => {
                    let item = tool.item.clone();
                    item.offer(&tool.digest, &mut judgement.offered);
                }
                Some((change, mut warnings)) => {
                    warnings.extend(tool.warnings.iter().cloned());
                    // Addresses are full of numbers that differ little, and nobody types them.
                    if matches!(tool.item, Item::Tool(_) | Item::Prompt(_)) {
                        warnings.extend(alike(&looks, server, &tool.name));
                    }
                    judgement.held.push(Held {
                        tool: tool.name.clone(),
                        digest: tool.digest.clone(),
                        change,
                        warnings,
                        text: tool.sheet.clone(),
                    });
                }
            }
        }
        judgement
    }

    /// The names of all that anybody has listed or approved.
    fn looks(&self, approved: Option<&Approved>) -> Looks {
        let mut looks = Looks::new();
        let mut add = |server: &str, name: &str| {
            let known = looks.entry(look(name)).or_default();
            let named = (server.to_owned(), name.to_owned());
            if !known.contains(&named) {
                known.push(named);
            }
        };
        for (server, list) in &*self.lists() {
            list.names.iter().for_each(|name| add(server, name));
        }
        for (server, tools) in approved.into_iter().flatten() {
            tools.keys().for_each(|name| add(server, name));
        }
        looks
    }
}

/// Why something waits, and what of the approvals should be looked at; nothing if it is what was approved.
fn change(
    server: &str,
    tool: &Inspected,
    twice: bool,
    approved: Option<&Approved>,
) -> Option<(Change, Vec<String>)> {
    let Some(approved) = approved else {
        return Some((Change::Unreadable, Vec::new()));
    };
    // Which of two would be called nobody knows.
    let twice = twice.then(|| "the server lists two of this name".to_owned());
    if let Some(why) = tool.unfit.clone().or(twice) {
        return Some((Change::Unfit { why }, Vec::new()));
    }
    let pins: Option<&BTreeMap<String, Approval>> = approved.get(server);
    let Some(pin) = pins.and_then(|pins| pins.get(&tool.name)) else {
        return Some((Change::New, Vec::new()));
    };
    let (same_digest, same_text) = (pin.digest == tool.digest, pin.tool == tool.value);
    if same_digest && same_text {
        return None;
    }
    let diff = sheet::difference(&sheet::sheet(&pin.tool), &tool.sheet);
    // Whoever reviewed the file read the text, and the digest is what would count.
    let torn = (same_digest || same_text).then(|| {
        "the file of approvals has a digest that is not that of the text beside it".into()
    });
    Some((Change::Changed { diff }, torn.into_iter().collect()))
}

/// Others whose names are read as this one.
fn alike(looks: &Looks, server: &str, name: &str) -> Vec<String> {
    let known = looks.get(&look(name)).into_iter().flatten();
    let others = known.filter(|(_, other)| other != name).take(3);
    others
        .map(|(theirs, other)| {
            let other = crate::schema::shown_text(other, 64);
            if theirs == server {
                format!("its name is easily read as `{other}`, of the same server")
            } else {
                format!("its name is easily read as `{other}`, of the server `{theirs}`")
            }
        })
        .collect()
}
