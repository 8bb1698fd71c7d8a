//! A web service of this machine that says what a test has it say, and keeps what it was asked.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// The service. Gone when dropped.
pub(crate) struct Web {
    /// Where it is.
    pub(crate) address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl Drop for Web {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Web {
    /// A service on this address that answers each request, which it is given whole, with what `says` gives.
    pub(crate) async fn start(
        address: &str,
        says: impl Fn(&str) -> String + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let (heard, says) = (asked.clone(), Arc::new(says));
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(serve(stream, heard.clone(), says.clone()));
            }
        });
        Self {
            address,
            asked,
            task,
        }
    }

    /// The requests so far. One that never became a whole request is an empty text.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    /// The last request.
    pub(crate) fn last(&self) -> String {
        self.asked().pop().unwrap_or_default()
    }
}

async fn serve(
    mut stream: TcpStream,
    heard: Arc<Mutex<Vec<String>>>,
    says: Arc<impl Fn(&str) -> String>,
) {
    let at = {
        let mut heard = heard.lock().unwrap();
        heard.push(String::new());
        heard.len() - 1
    };
    let mut bytes = Vec::new();
    while whole(&bytes).is_none() {
        match stream.read_buf(&mut bytes).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
    }
    let request = whole(&bytes).unwrap_or_default();
    heard.lock().unwrap()[at].clone_from(&request);
    let answer = says(&request);
    if answer.is_empty() {
        // Silence, until the other side has enough.
        let _ = stream.read_buf(&mut bytes).await;
    }
    let _ = stream.write_all(answer.as_bytes()).await;
    let _ = stream.shutdown().await;
}

/// The request, once its head and its body are there.
fn whole(bytes: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(bytes);
    let (head, body) = text.split_once("\r\n\r\n")?;
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    let length = length.map_or(0, |length| length.parse().unwrap());
    (body.len() >= length).then(|| text.to_string())
}

/// An answer.
pub(crate) fn says(status: u16, media_type: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status} X\r\ncontent-type: {media_type}\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )
}

/// An answer of JSON.
pub(crate) fn json(status: u16, body: &str) -> String {
    says(status, "application/json", "", body)
}
