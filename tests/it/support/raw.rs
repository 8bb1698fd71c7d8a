//! A TCP connection that says exactly the bytes it is told to, for what no HTTP client would send.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use super::gateway::{Gateway, PATIENCE};

/// The connection.
pub(crate) struct Raw {
    stream: TcpStream,
    read: Vec<u8>,
}

impl Raw {
    /// A connection to the gateway's public listener.
    pub(crate) async fn open(gateway: &Gateway) -> Self {
        let address = gateway.url.strip_prefix("http://").unwrap();
        Self {
            stream: TcpStream::connect(address).await.unwrap(),
            read: Vec::new(),
        }
    }

    /// Sends bytes. That the other side is gone already is no failure here: the reader will see it.
    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.stream.write_all(bytes.as_ref()).await;
    }

    /// Reads until `mark` has come, and gives everything up to its end.
    pub(crate) async fn until(&mut self, mark: &str) -> String {
        loop {
            let text = String::from_utf8_lossy(&self.read).into_owned();
            if let Some(at) = text.find(mark) {
                let end = at + mark.len();
                self.read = text.as_bytes()[end..].to_vec();
                return text[..end].to_owned();
            }
            assert!(
                self.more().await,
                "the connection ended before {mark:?}: {text:?}"
            );
        }
    }

    /// Says that nothing more will be said, and gives what must live for the connection to stay open.
    pub(crate) async fn half_close(mut self) -> Self {
        self.stream.shutdown().await.unwrap();
        self
    }

    /// Resets the connection.
    pub(crate) fn reset(self) {
        self.stream.set_zero_linger().unwrap();
    }

    /// Reads until the connection is closed.
    pub(crate) async fn closed(&mut self) -> String {
        while self.more().await {}
        String::from_utf8_lossy(&std::mem::take(&mut self.read)).into_owned()
    }

    /// Whether more came; a reset is an end.
    async fn more(&mut self) -> bool {
        let mut bytes = [0; 4096];
        let read = timeout(PATIENCE, self.stream.read(&mut bytes)).await;
        let count = read.expect("bytes or an end in time").unwrap_or(0);
        self.read.extend_from_slice(&bytes[..count]);
        count > 0
    }
}

/// A request for health.
pub(crate) const HEALTH: &str = "GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n";
