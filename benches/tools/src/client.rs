//! Just enough of an MCP client to stay cheap beside what is measured.

use std::io;

use bytes::BytesMut;
use serde_json::{Value, json};
use tokio::{io::AsyncWriteExt, net::TcpStream};

use crate::http1::{self, BodyKind};

/// Which server, and as whom.
#[derive(Clone, clap::Args)]
pub(crate) struct Server {
    /// Its address
    #[arg(long)]
    address: String,
    /// The key that is sent to it
    #[arg(long, default_value = "")]
    key: String,
    /// Its process, for CPU time and memory
    #[arg(long)]
    pub(crate) pid: u32,
    /// What results call it
    #[arg(long)]
    pub(crate) name: String,
}

/// One connection.
pub(crate) struct Connection {
    socket: TcpStream,
    buffer: BytesMut,
    body: BytesMut,
    head: String,
}

/// The headers of a call by the revision without sessions.
pub(crate) const STATELESS: &str =
    "mcp-protocol-version: 2026-07-28\r\nmcp-method: tools/call\r\nmcp-name: echo\r\n";

impl Server {
    pub(crate) async fn connect(&self) -> io::Result<Connection> {
        let socket = TcpStream::connect(&self.address).await?;
        socket.set_nodelay(true)?;
        let head = format!(
            "host: {}\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\naccept: application/json, text/event-stream\r\n",
            self.address, self.key
        );
        Ok(Connection {
            socket,
            buffer: BytesMut::new(),
            body: BytesMut::new(),
            head,
        })
    }

    /// A session of the revision that has them: the header that names it.
    pub(crate) async fn session(&self, connection: &mut Connection) -> io::Result<String> {
        let client = json!({ "name": "bench", "version": "0" });
        let params =
            json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client });
        let hello = json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params });
        connection.send("POST", "", &hello.to_string()).await?;
        let id = connection.session_id().await?;
        connection.answer().await?;
        let session = format!("mcp-session-id: {id}\r\nmcp-protocol-version: 2025-11-25\r\n");
        let ready = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
        connection.send("POST", &session, ready).await?;
        connection.answer().await?;
        Ok(session)
    }
}

/// A call of a tool.
pub(crate) fn call(id: u64, tool: &str, arguments: &Value, stateless: bool) -> String {
    let mut params = json!({ "name": tool, "arguments": arguments });
    if stateless {
        params["_meta"] = json!({
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
            "io.modelcontextprotocol/clientInfo": { "name": "bench", "version": "0" },
        });
    }
    json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params }).to_string()
}

impl Connection {
    pub(crate) async fn send(&mut self, method: &str, headers: &str, body: &str) -> io::Result<()> {
        let (head, length) = (&self.head, body.len());
        let request = format!(
            "{method} /mcp HTTP/1.1\r\n{head}{headers}content-length: {length}\r\n\r\n{body}"
        );
        self.socket.write_all(request.as_bytes()).await
    }

    /// The session's id, out of the head that comes next; the head stays to be read.
    async fn session_id(&mut self) -> io::Result<String> {
        const NAME: &[u8] = b"\r\nmcp-session-id: ";
        while memchr::memmem::find(&self.buffer, b"\r\n\r\n").is_none() {
            http1::more(&mut self.socket, &mut self.buffer).await?;
        }
        let at = memchr::memmem::find(&self.buffer, NAME);
        let Some(at) = at else {
            let told = String::from_utf8_lossy(&self.buffer);
            return Err(http1::invalid(&format!("there is no session: {told}")));
        };
        let id = &self.buffer[at + NAME.len()..];
        let end = memchr::memchr(b'\r', id).unwrap_or(id.len());
        Ok(String::from_utf8_lossy(&id[..end]).into_owned())
    }

    /// Reads an answer to its end.
    pub(crate) async fn answer(&mut self) -> io::Result<(u16, &[u8])> {
        let head = http1::read_head(&mut self.socket, &mut self.buffer).await?;
        let kind = match head.kind {
            // Accepted: there is no body, whatever the head leaves out.
            BodyKind::UntilClose if head.status == 202 => BodyKind::None,
            _ if head.close => return Err(http1::invalid("the server closes its connections")),
            kind => kind,
        };
        self.body.clear();
        http1::read_body(&mut self.socket, &mut self.buffer, kind, &mut self.body).await?;
        Ok((head.status, &self.body))
    }

    /// Reads the head of an answer that stays open.
    pub(crate) async fn opened(&mut self) -> io::Result<()> {
        let head = http1::read_head(&mut self.socket, &mut self.buffer).await?;
        match head.status {
            200 => Ok(()),
            status => Err(http1::invalid(&format!(
                "a stream was answered with {status}"
            ))),
        }
    }
}
