//! Approving what was shown, and taking it back.

use std::collections::{BTreeMap, HashSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Approved, Change, Held, Inspected, Pins, inspected};
use crate::store::{Approval, By, NotKept};

/// Something as somebody saw it who approves it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seen {
    /// The server's name for it, with its kind before it if it is no tool: `prompt NAME`, `resource URI`,
    /// `template URI`.
    pub tool: String,
    /// The digest that was shown.
    pub digest: String,
}

/// Why nothing was approved, or taken back.
#[derive(Debug, thiserror::Error)]
pub enum NotApproved {
    /// The server has no such thing.
    #[error("the server `{server}` lists no `{tool}`")]
    Unknown {
        /// The server's name.
        server: String,
        /// What was to be approved.
        tool: String,
    },
    /// It is another than was shown.
    #[error("`{tool}` of `{server}` has changed since it was shown; look at it again")]
    Changed {
        /// The server's name.
        server: String,
        /// The tool's name.
        tool: String,
    },
    /// No approval helps.
    #[error("`{tool}` of `{server}` cannot be approved: {why}")]
    Unfit {
        /// The server's name.
        server: String,
        /// The tool's name.
        tool: String,
        /// What is wrong with it.
        why: String,
    },
    /// Nothing is there to be taken back.
    #[error("no `{tool}` of `{server}` is approved")]
    NotPinned {
        /// The server's name.
        server: String,
        /// What was to be taken back.
        tool: String,
    },
    /// The approvals cannot be read or written.
    #[error(transparent)]
    NotKept(#[from] NotKept),
}

impl Pins {
    /// What of a server's last list waits, by the approvals as they are now.
    pub fn held(&self, server: &str) -> Vec<Held> {
        let tools = self.last(server);
        self.sort(server, &tools, self.read().as_ref()).held
    }

    /// Approves tools of a server's last list, all of them or none: each must still be what was seen. Gives their names.
    pub fn approve(&self, server: &str, seen: &[Seen], by: By) -> Result<Vec<String>, NotApproved> {
        // Before anything is judged: without approvals to add to, there is nothing to say of the tools.
        let approved = self.approvals.read()?;
        let tools = self.last(server);
        let held = self.sort(server, &tools, Some(&approved)).held;
        let mut chosen = Vec::new();
        for Seen { tool, digest } in seen {
            let (server, tool) = (server.to_owned(), tool.clone());
            let mut same_name = tools.iter().filter(|listed| listed.name == tool);
            let Some(listed) = same_name.next() else {
                return Err(NotApproved::Unknown { server, tool });
            };
            if listed.digest != *digest {
                return Err(NotApproved::Changed { server, tool });
            }
            let why = held.iter().find_map(|held| match &held.change {
                Change::Unfit { why } if held.tool == tool => Some(why.clone()),
                _ => None,
            });
            if let Some(why) = why {
                return Err(NotApproved::Unfit { server, tool, why });
            }
            chosen.push(listed);
        }
        self.approvals.change(|approved| {
            pin(approved, server, &chosen, by);
            Ok::<_, NotKept>(())
        })?;
        let names = chosen.iter().map(|chosen| chosen.name.clone());
        let names: Vec<String> = names.collect();
        tracing::info!(server, tools = ?names, "something of another server was approved");
        Ok(names)
    }

    /// Approves everything of a server that waits and may be approved, if all of it was seen: these are the digests that
    /// were shown.
    pub fn approve_all(
        &self,
        server: &str,
        digests: &[String],
        by: By,
    ) -> Result<Vec<String>, NotApproved> {
        self.approvals.read()?;
        let held = self.held(server).into_iter();
        let fit = held.filter(|held| !matches!(held.change, Change::Unfit { .. }));
        let seen: Vec<Seen> = fit
            .map(|Held { tool, digest, .. }| {
                if digests.contains(&digest) {
                    return Ok(Seen { tool, digest });
                }
                let server = server.to_owned();
                Err(NotApproved::Changed { server, tool })
            })
            .collect::<Result<_, _>>()?;
        self.approve(server, &seen, by)
    }

    /// Takes back the approvals of these tools of a server, or of all when none is named. Gives their names. The server
    /// stays known, so that nothing of it is approved at first sight again.
    pub fn revoke(&self, server: &str, tools: &[String]) -> Result<Vec<String>, NotApproved> {
        let names: Vec<String> = self.approvals.change(|approved| {
            let mut nothing = BTreeMap::new();
            let pins = approved.get_mut(server).unwrap_or(&mut nothing);
            if tools.is_empty() {
                return Ok(std::mem::take(pins).into_keys().collect());
            }
            for tool in tools {
                if pins.remove(tool).is_none() {
                    let (server, tool) = (server.to_owned(), tool.clone());
                    return Err(NotApproved::NotPinned { server, tool });
                }
            }
            Ok(tools.to_vec())
        })?;
        tracing::info!(server, tools = ?names, "approvals of another server were taken back");
        Ok(names)
    }

    /// Approves at first sight those with these digests, unless another process has seen the server meanwhile. Gives the
    /// approvals as they are then.
    pub(super) fn first_use(
        &self,
        server: &str,
        tools: &[Inspected],
        harmless: &HashSet<String>,
    ) -> Result<Approved, NotKept> {
        self.approvals.change(|approved| {
            if !approved.contains_key(server) {
                let tools = tools.iter();
                let chosen = tools.filter(|tool| harmless.contains(&tool.digest));
                pin(approved, server, &chosen.collect::<Vec<_>>(), By::FirstUse);
            }
            Ok(approved.clone())
        })
    }

    fn last(&self, server: &str) -> Vec<Inspected> {
        let listing = self.lists().get(server).map(|list| list.listing.clone());
        inspected(server, &listing.unwrap_or_default())
    }
}

fn pin(approved: &mut Approved, server: &str, tools: &[&Inspected], by: By) {
    let pins = approved.entry(server.to_owned()).or_default();
    for tool in tools {
        let approval = Approval {
            digest: tool.digest.clone(),
            // Seconds say enough, and read well.
            at: Timestamp::from_second(Timestamp::now().as_second()).unwrap_or_default(),
            by,
            tool: tool.value.clone(),
        };
        pins.insert(tool.name.clone(), approval);
    }
}
