//! A client of `/mcp` over WebSocket, with a token.

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Error, Message, client::IntoClientRequest},
};

use super::stage::Stage;
use crate::support::gateway::PATIENCE;

pub(super) type Socket = WebSocketStream<TcpStream>;

/// Asks for a WebSocket; the status and challenge if there is none.
pub(super) async fn connect(stage: &Stage, token: Option<&str>) -> Result<Socket, (u16, String)> {
    let address = stage.url.strip_prefix("http://").unwrap();
    let mut request = format!("ws://{address}/mcp").into_client_request().unwrap();
    let headers = request.headers_mut();
    headers.insert("sec-websocket-protocol", "mcp".parse().unwrap());
    if let Some(token) = token {
        headers.insert("authorization", format!("Bearer {token}").parse().unwrap());
    }
    let stream = TcpStream::connect(address).await.unwrap();
    match timeout(PATIENCE, client_async(request, stream))
        .await
        .unwrap()
    {
        Ok((socket, _)) => Ok(socket),
        Err(Error::Http(response)) => {
            let challenge = response.headers().get("www-authenticate");
            let challenge = challenge.map_or("", |value| value.to_str().unwrap());
            Err((response.status().as_u16(), challenge.to_owned()))
        }
        Err(error) => panic!("{error}"),
    }
}

pub(super) async fn ask(socket: &mut Socket, message: &Value) -> Value {
    socket
        .send(Message::Text(message.to_string().into()))
        .await
        .unwrap();
    loop {
        match timeout(PATIENCE, socket.next()).await.unwrap() {
            Some(Ok(Message::Text(text))) => return serde_json::from_str(&text).unwrap(),
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
            other => panic!("{other:?}"),
        }
    }
}

/// The code a connection of a token's holder is closed with.
pub(super) async fn closed(socket: &mut Socket) -> u16 {
    loop {
        match timeout(PATIENCE, socket.next()).await.unwrap() {
            Some(Ok(Message::Close(Some(frame)))) => {
                assert!(!frame.reason.contains("key"), "{}", frame.reason);
                return frame.code.into();
            }
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
            other => panic!("{other:?}"),
        }
    }
}

pub(super) fn message(method: &str, mut params: Value) -> Value {
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
}

pub(super) fn call(tool: &str) -> Value {
    message("tools/call", json!({"name": tool, "arguments": {}}))
}
