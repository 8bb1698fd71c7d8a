//! The lists of attacks on whoever fetches what others name, and the servers of this machine that must see none of it.

mod answers;
mod redirects;
mod spellings;

use std::{
    collections::VecDeque,
    io,
    net::{IpAddr, SocketAddr},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use futures_util::future::BoxFuture;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    task::JoinHandle,
};

use super::*;

/// Names as a test has them: answers by turns, of which the last stays.
#[derive(Debug, Default)]
struct Stub {
    answers: Mutex<VecDeque<Vec<IpAddr>>>,
    asked: AtomicUsize,
}

impl Stub {
    fn new(turns: &[&[&str]]) -> Arc<Self> {
        let turn = |turn: &&[&str]| turn.iter().map(|ip| ip.parse().unwrap()).collect();
        Arc::new(Self {
            answers: Mutex::new(turns.iter().map(turn).collect()),
            asked: AtomicUsize::new(0),
        })
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

impl Names for Stub {
    fn addresses(&self, _: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let mut answers = self.answers.lock().unwrap();
        let now = match answers.len() {
            0 => Err(io::Error::other("no such name")),
            1 => Ok(answers[0].clone()),
            _ => Ok(answers.pop_front().unwrap()),
        };
        Box::pin(std::future::ready(now))
    }
}

/// A server that gives each connection one answer, and keeps what it was asked.
struct Server {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    /// Answers with these bytes and closes; without any, it accepts and says nothing.
    async fn at(address: &str, answer: impl Into<Vec<u8>>) -> Self {
        let answer: Vec<u8> = answer.into();
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let heard = asked.clone();
        let task = tokio::spawn(async move {
            let mut silent = Vec::new();
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let at = {
                    let mut heard = heard.lock().unwrap();
                    heard.push(String::new());
                    heard.len() - 1
                };
                let mut bytes = [0; 4096];
                let read = stream.read(&mut bytes).await.unwrap_or(0);
                heard.lock().unwrap()[at] = String::from_utf8_lossy(&bytes[..read]).into_owned();
                if answer.is_empty() {
                    silent.push(stream);
                } else {
                    let _ = stream.write_all(&answer).await;
                    let _ = stream.shutdown().await;
                }
            }
        });
        Self {
            address,
            asked,
            task,
        }
    }

    /// Answers `ok` with this body.
    async fn saying(address: &str, body: &str) -> Self {
        Self::at(address, ok(body)).await
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

fn ok(body: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
}

fn sends_to(status: u16, location: &str) -> String {
    format!(
        "HTTP/1.1 {status} X\r\nlocation: {location}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    )
}

fn allow(entries: &[&str]) -> Allow {
    let entries: Vec<String> = entries.iter().map(|entry| (*entry).to_owned()).collect();
    Allow::read(&entries).unwrap()
}

/// Leave to reach these servers, and nothing else inside.
fn only(servers: &[&Server]) -> Allow {
    let entries: Vec<String> = servers.iter().map(|it| it.address.to_string()).collect();
    Allow::read(&entries).unwrap()
}

fn get<'a>(url: &str, allow: &'a Allow) -> Request<'a> {
    Request {
        method: Method::GET,
        url: Url::parse(url).unwrap(),
        headers: HeaderMap::new(),
        secrets: &[],
        body: None,
        max_bytes: 1_000,
        deadline: Instant::now() + Duration::from_secs(20),
        allow,
    }
}

fn text(answer: &Answer) -> &str {
    std::str::from_utf8(&answer.body).unwrap()
}

/// That this was refused before anything was connected to.
#[track_caller]
fn assert_refused(result: Result<Answer, Refused>, what: &str) {
    assert!(
        matches!(result, Err(Refused::Address(_))),
        "{what}: {result:?}"
    );
}
