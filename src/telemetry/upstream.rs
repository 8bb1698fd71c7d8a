//! Which replica of another MCP server was asked for a call, and what the requests proved themselves with. Never a
//! token: so many digits of its digest that two are told apart, and that it is found again where it was issued or seen.

use serde::Serialize;

use super::Identity;

/// The most that are kept of one call. Retries, replicas and renewed tokens make a handful.
const MOST: usize = 32;

/// The requests of one call to one replica, with one proof.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Upstream {
    /// Its address without the query, or its program with the number of the process.
    pub replica: String,
    /// What they carried.
    pub credentials: Proof,
    /// Whose token was exchanged for theirs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_behalf_of: Option<Identity>,
    /// The first 12 hex digits of their token's BLAKE3 digest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// How many there were.
    pub requests: u32,
    /// How the last one ended: `answered`, or why not; `open` if it was called off.
    pub outcome: &'static str,
}

/// What a request to another MCP server carries to prove whose it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Proof {
    /// Nothing.
    None,
    /// The headers of the configuration.
    Headers,
    /// The gateway's own token.
    ClientCredentials,
    /// A token in exchange for the caller's.
    TokenExchange,
    /// A token by an assertion of who the caller is.
    IdJag,
}

impl Proof {
    /// Whether it speaks for the caller.
    fn is_on_behalf(self) -> bool {
        matches!(self, Self::TokenExchange | Self::IdJag)
    }
}

/// What is noted of a call's requests to its server.
#[derive(Debug, Default)]
pub(super) struct Upstreams(Vec<Upstream>);

impl Upstreams {
    /// A request is about to be sent. What is given names it, as long as there is room.
    pub(super) fn sent(
        &mut self,
        replica: &str,
        credentials: Proof,
        token: Option<String>,
    ) -> Option<usize> {
        let is_same = |it: &Upstream| {
            it.replica == replica && it.credentials == credentials && it.token == token
        };
        let at = match self.0.iter().position(is_same) {
            Some(at) => at,
            None if self.0.len() < MOST => {
                self.0.push(Upstream {
                    replica: replica.to_owned(),
                    credentials,
                    on_behalf_of: None,
                    token,
                    requests: 0,
                    outcome: "open",
                });
                self.0.len() - 1
            }
            None => return None,
        };
        let upstream = self.0.get_mut(at)?;
        upstream.requests = upstream.requests.saturating_add(1);
        upstream.outcome = "open";
        Some(at)
    }

    /// A request has ended.
    pub(super) fn ended(&mut self, at: usize, outcome: &'static str) {
        if let Some(upstream) = self.0.get_mut(at) {
            upstream.outcome = outcome;
        }
    }

    /// All of them, for a caller who came with this token.
    pub(super) fn of(&self, caller: Option<&Identity>) -> Vec<Upstream> {
        let told = self.0.iter().map(|upstream| Upstream {
            on_behalf_of: caller
                .filter(|_| upstream.credentials.is_on_behalf())
                .cloned(),
            ..upstream.clone()
        });
        told.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_alike_are_one_and_many_are_not_kept_without_end() {
        let mut upstreams = Upstreams::default();
        let token = Some("0123456789ab".to_owned());
        for outcome in ["broken", "answered"] {
            let at = upstreams.sent("a", Proof::TokenExchange, token.clone());
            upstreams.ended(at.unwrap(), outcome);
        }
        upstreams.sent("a", Proof::ClientCredentials, None).unwrap();
        let alice = Identity {
            issuer: "corp".into(),
            subject: "alice".into(),
            client: None,
        };
        let told = upstreams.of(Some(&alice));
        assert_eq!((told[0].requests, told[0].outcome), (2, "answered"));
        assert_eq!((told[1].requests, told[1].outcome), (1, "open"));
        // The gateway's own token is nobody's, whoever calls.
        assert_eq!(
            (told[0].on_behalf_of.as_ref(), &told[1].on_behalf_of),
            (Some(&alice), &None)
        );
        for number in 0..100 {
            upstreams.sent(&number.to_string(), Proof::None, None);
        }
        assert_eq!(upstreams.of(None).len(), MOST);
    }
}
