//! A provider on the bare wire, for what no HTTP server would do: it says the bytes of a script and no others,
//! breaks its connection where the script says so, and writes down everything it saw.

mod oracle;
mod play;
pub(crate) mod script;

use std::{collections::VecDeque, sync::Arc};

use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    task::JoinHandle,
};

use oracle::Oracle;
pub(crate) use oracle::{Fate, Seen};
pub(crate) use script::{Script, Step};

/// How it receives connections.
#[derive(Clone)]
pub(crate) enum Stance {
    /// It serves these scripts, one for each request; a further request gets the last again.
    Serves(Vec<Script>),
    /// Nobody listens on its port.
    Refuses,
    /// It takes no more connections: the queue of its listener is full, so they are never made.
    Full,
    /// Connections are made and never looked at.
    Deaf,
    /// It takes connections and resets them unread.
    Rude,
}

/// The provider.
pub(crate) struct Faulty {
    /// Its address, without a path.
    pub(crate) url: String,
    oracle: Arc<Oracle>,
    task: Option<JoinHandle<()>>,
    /// What keeps its port from others while nobody listens, and its queue full.
    _held: (Option<TcpSocket>, Option<TcpListener>, Vec<TcpStream>),
}

impl Faulty {
    /// A provider that serves one script to everybody.
    pub(crate) async fn serving(script: Script) -> Self {
        Self::start(Stance::Serves(vec![script])).await
    }

    /// A provider of this stance.
    pub(crate) async fn start(stance: Stance) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = socket.local_addr().unwrap();
        let oracle = Arc::new(Oracle::default());
        let (mut task, mut held) = (None, (None, None, Vec::new()));
        match stance {
            // Bound and not listening: the kernel refuses, and gives the port to nobody else.
            Stance::Refuses => held.0 = Some(socket),
            Stance::Deaf => held.1 = Some(socket.listen(64).unwrap()),
            Stance::Full => {
                held.1 = Some(socket.listen(0).unwrap());
                held.2.push(TcpStream::connect(address).await.unwrap());
            }
            Stance::Rude => {
                let listener = socket.listen(64).unwrap();
                task = Some(tokio::spawn(async move {
                    loop {
                        let (stream, _) = listener.accept().await.unwrap();
                        stream.set_zero_linger().unwrap();
                    }
                }));
            }
            Stance::Serves(scripts) => {
                let listener = socket.listen(64).unwrap();
                oracle.give(VecDeque::from(scripts));
                task = Some(tokio::spawn(play::serve(listener, oracle.clone())));
            }
        }
        Self {
            url: format!("http://{address}"),
            oracle,
            task,
            _held: held,
        }
    }

    /// What it saw so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.oracle.seen()
    }

    /// Waits until what it saw is as `done` says.
    pub(crate) async fn until(&self, what: &str, done: impl Fn(&[Seen]) -> bool) -> Vec<Seen> {
        self.oracle.until(what, done).await
    }
}

impl Drop for Faulty {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}
