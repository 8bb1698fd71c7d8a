//! Servers that prove themselves with a key of their own: each may exchange the tickets of its calls, and no other's.

use std::{collections::HashMap, sync::Arc};

use super::{Digest, KeySettings, digest};
use crate::{problem::Problem, secret::Secret};

/// The servers that have a key of their own.
#[derive(Debug, Default)]
pub struct Clients(HashMap<Digest, Arc<str>>);

impl Clients {
    /// These servers, by name, with their keys. Paths of problems start at the server's name.
    pub fn new(keys: Vec<(Arc<str>, Secret)>) -> Result<Self, Vec<Problem>> {
        let mut known: HashMap<Digest, Arc<str>> = HashMap::with_capacity(keys.len());
        let mut problems = Vec::new();
        for (server, secret) in keys {
            let path = [server.as_ref(), "model", "client_key"].map(str::to_owned);
            if let Some(problem) = KeySettings::too_short(&secret) {
                problems.push(problem.under(path));
            } else if let Some(other) = known.insert(digest(secret.reveal()), server) {
                let message =
                    format!("`{other}` has the same key: neither could be told from the other");
                problems.push(Problem::new(path, message).expected("a key for each server"));
            }
        }
        if problems.is_empty() {
            Ok(Self(known))
        } else {
            Err(problems)
        }
    }

    /// The server whose key this is.
    pub fn identify(&self, key: &str) -> Option<&Arc<str>> {
        // By its digest, of which no time that it takes tells anything.
        self.0.get(&digest(key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_server_has_a_key_of_its_own() {
        let key = |server: &str, key: &str| (server.into(), Secret::new(key));
        let clients = Clients::new(vec![
            key("crm", "wp-0123456789abcdef"),
            key("mail", "wp-fedcba9876543210"),
        ]);
        let clients = clients.unwrap();
        assert_eq!(&**clients.identify("wp-0123456789abcdef").unwrap(), "crm");
        assert_eq!(clients.identify("wp-0123456789abcde"), None);
        let problems = Clients::new(vec![
            key("a", "short"),
            key("b", "wp-0123456789abcdef"),
            key("c", "wp-0123456789abcdef"),
        ]);
        let texts: Vec<_> = problems
            .unwrap_err()
            .iter()
            .map(Problem::to_string)
            .collect();
        assert_eq!(
            texts,
            [
                "a.model.client_key: the key is only 5 characters long; expected at least 16, and random",
                "c.model.client_key: `b` has the same key: neither could be told from the other; expected a key for each server",
            ]
        );
    }
}
