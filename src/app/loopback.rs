//! A listener on this machine for the programs of tool servers, where the public one is not for them: over standard
//! input and output there is none, and one with TLS has a name that is not this machine's.
//!
//! It opens with the first configuration in which a server may ask for completions, and only to keys that were made for
//! a call.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener},
    sync::{Arc, Mutex, PoisonError},
};

use tokio_util::sync::CancellationToken;

use super::{Memory, Wired};
use crate::{
    http::{Face, Hall, Listener, models_router, serve},
    mcp::Offer,
};

/// The listener, once there is need of it.
pub(super) struct Loopback {
    hall: Mutex<Option<Arc<Hall>>>,
    stop: CancellationToken,
}

impl Loopback {
    /// None yet. It closes with `stop`, or when this is dropped.
    pub(super) fn new(stop: &CancellationToken) -> Self {
        Self {
            hall: Mutex::default(),
            stop: stop.child_token(),
        }
    }

    /// Both faces of a configuration, with a listener for its servers where one of them needs it.
    pub(super) fn faces(&self, memory: &Memory, wired: Wired, generation: u64) -> (Face, Offer) {
        let mut hall = self.hall.lock().unwrap_or_else(PoisonError::into_inner);
        // Before the servers start: where the models are is told to a program with its start.
        let opened = (!wired.lends.is_empty() && hall.is_none()).then(|| open(memory));
        let (face, offer) = memory.faces(wired, generation);
        let for_models = Face {
            access: Arc::new(face.access.made_only()),
            ..face.clone()
        };
        match (&*hall, opened) {
            (Some(hall), _) => hall.put(for_models),
            (None, Some(Ok(socket))) => *hall = Some(self.serve(socket, for_models, memory)),
            (None, Some(Err(error))) => {
                tracing::error!(%error, "tool servers have no way to the models: no listener for them can be bound on 127.0.0.1");
            }
            (None, None) => {}
        }
        (face, offer)
    }

    fn serve(&self, socket: tokio::net::TcpListener, face: Face, memory: &Memory) -> Arc<Hall> {
        let settings = face.settings.clone();
        let hall = Arc::new(Hall::new(face, memory.ledger.clone()));
        let listener = Listener { socket, tls: None };
        let paths = models_router(hall.clone());
        let stop = self.stop.clone();
        tokio::spawn(serve(listener, paths, hall.clone(), settings, stop));
        hall
    }
}

impl Drop for Loopback {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Binds a free port, and tells where it is.
fn open(memory: &Memory) -> io::Result<tokio::net::TcpListener> {
    let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    socket.set_nonblocking(true)?;
    let socket = tokio::net::TcpListener::from_std(socket)?;
    memory.models_at(&base_url(socket.local_addr()?));
    Ok(socket)
}

/// Where the models are for programs on this machine, behind a listener that is bound here.
pub(super) fn base_url(mut bound: SocketAddr) -> String {
    if bound.ip().is_unspecified() {
        bound.set_ip(match bound.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    format!("http://{bound}/v1")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        access::{Serving, Terms},
        config::{File, parse},
        telemetry::Serves,
    };

    fn file(model: &str) -> File {
        let yaml = format!(
            "
providers: {{ s: {{ dialect: simulated, models: {{ m: {{}} }} }} }}
routes: {{ cheap: {{ targets: [s/m] }} }}
access: {{ keys: [{{ name: k, key: wp-0123456789abcdef }}] }}
tools: {{ crm: {{ kind: mcp, url: 'http://127.0.0.1:9/mcp', allow_private: [127.0.0.1]{model} }} }}
"
        );
        parse("waypost.yaml", &yaml).unwrap().value
    }

    #[tokio::test]
    async fn it_opens_once_a_server_may_ask_and_to_made_keys_alone() {
        let without = file("");
        let memory = Memory::new(&without, Box::new(io::sink()));
        let stop = CancellationToken::new();
        let loopback = Loopback::new(&stop);
        let mut generation = 0;
        let mut faces = |file: &File| {
            generation += 1;
            let wired = crate::app::wire(file, &|_| None).unwrap();
            loopback.faces(&memory, wired, generation).0
        };
        let base = || memory.tools.slots().base();
        faces(&without);
        assert_eq!(base(), None);
        let face = faces(&file(", model: {}"));
        let opened = base().unwrap();
        // It stays where it is.
        faces(&file(", model: { route: cheap }"));
        assert_eq!(base(), Some(opened.clone()));

        let key = "wp-0123456789abcdef";
        let caller = face.access.identify(Some(key)).unwrap();
        let serves = Serves {
            server: "crm".into(),
            tool: "crm.search".into(),
            request: "req_1".to_owned(),
            notes: Arc::default(),
        };
        let serving = Serving::open(serves, Terms::default());
        let made = face.access.mint().make(caller.lend(&serving));
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        for (key, status) in [("", 401), (key, 401), (made.key.reveal(), 200)] {
            let request = client.get(format!("{opened}/models")).bearer_auth(key);
            assert_eq!(request.send().await.unwrap().status(), status, "{key}");
        }
        let mcp = opened.replace("/v1", "/mcp");
        let request = client.post(mcp).bearer_auth(made.key.reveal());
        assert_eq!(request.send().await.unwrap().status(), 404);
    }

    #[test]
    fn the_address_is_one_that_programs_here_can_reach() {
        for (bound, url) in [
            ("127.0.0.1:80", "http://127.0.0.1:80/v1"),
            ("0.0.0.0:8080", "http://127.0.0.1:8080/v1"),
            ("[::]:8080", "http://[::1]:8080/v1"),
            ("192.0.2.1:8080", "http://192.0.2.1:8080/v1"),
        ] {
            assert_eq!(base_url(bound.parse().unwrap()), url);
        }
    }
}
