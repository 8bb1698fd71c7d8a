use http::{Method, Request};
use http_body_util::Full;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use super::*;
use crate::upstream::line::Outbound;

const ANSWER: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
const MINUTE: Duration = Duration::from_secs(60);

/// A provider on a port of its own, and the way to it.
async fn provider(rest: Duration) -> (TcpListener, Arc<Origin>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("http://{}", listener.local_addr().unwrap());
    let connector = Connector::Plain(HttpConnector::new());
    let origin = Origin::new(uri.parse().unwrap(), connector, rest);
    (listener, Arc::new(origin))
}

fn ask() -> Outbound {
    let mut request = Request::new(Full::new(Bytes::from_static(b"{}")));
    *request.method_mut() = Method::POST;
    request
}

/// Reads one request and sends `answer`.
async fn answer(stream: &mut TcpStream, answer: &str) {
    let mut read = Vec::new();
    while !read.ends_with(b"{}") {
        assert!(stream.read_buf(&mut read).await.unwrap() > 0);
    }
    stream.write_all(answer.as_bytes()).await.unwrap();
}

async fn whole(response: Response<Inbound>) -> String {
    let mut body = response.into_body();
    let mut all = String::new();
    while let Some(data) = body.data().await {
        all.push_str(std::str::from_utf8(&data.unwrap()).unwrap());
    }
    all
}

/// Whether the other end has closed.
async fn closed(mut stream: TcpStream) -> bool {
    matches!(stream.read(&mut [0; 64]).await, Ok(0) | Err(_))
}

#[tokio::test]
async fn a_line_that_rests_is_used_again() {
    let (listener, origin) = provider(MINUTE).await;
    let served = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        answer(&mut stream, ANSWER).await;
        // Its body comes in pieces of its own.
        let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        answer(&mut stream, chunked).await;
        for piece in ["3\r\npie\r\n", "2\r\nce\r\n", "0\r\n\r\n"] {
            tokio::task::yield_now().await;
            stream.write_all(piece.as_bytes()).await.unwrap();
        }
        answer(&mut stream, ANSWER).await;
    });
    for expected in ["ok", "piece", "ok"] {
        assert_eq!(whole(origin.send(ask()).await.unwrap()).await, expected);
    }
    served.await.unwrap();
}

#[tokio::test]
async fn a_line_the_provider_closed_gives_its_request_to_another() {
    let (listener, origin) = provider(MINUTE).await;
    let served = tokio::spawn(async move {
        for _ in 0..2 {
            let (mut stream, _) = listener.accept().await.unwrap();
            answer(&mut stream, ANSWER).await;
        }
    });
    assert_eq!(whole(origin.send(ask()).await.unwrap()).await, "ok");
    assert_eq!(whole(origin.send(ask()).await.unwrap()).await, "ok");
    served.await.unwrap();
}

#[tokio::test]
async fn a_fresh_line_that_breaks_is_not_tried_again() {
    let (listener, origin) = provider(MINUTE).await;
    let served = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        answer(&mut stream, "HTTP/1.1 200").await;
        drop(stream);
        listener
    });
    let broken = origin.send(ask()).await.unwrap_err();
    assert!(matches!(broken, Broken::Cut), "{broken:?}");
    drop(served.await.unwrap());
    let broken = origin.send(ask()).await.unwrap_err();
    assert!(matches!(broken, Broken::Unreachable(_)), "{broken:?}");
}

#[tokio::test]
async fn a_body_left_before_its_end_closes_its_line() {
    let (listener, origin) = provider(MINUTE).await;
    let served = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        answer(
            &mut stream,
            "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nonly",
        )
        .await;
        closed(stream).await
    });
    let mut body = origin.send(ask()).await.unwrap().into_body();
    assert_eq!(body.data().await.unwrap().unwrap(), "only");
    drop(body);
    assert!(served.await.unwrap());
}

#[tokio::test]
async fn a_line_that_rested_too_long_is_closed() {
    let (listener, origin) = provider(Duration::ZERO).await;
    let served = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        answer(&mut stream, ANSWER).await;
        closed(stream).await
    });
    assert_eq!(whole(origin.send(ask()).await.unwrap()).await, "ok");
    assert!(!origin.sweep());
    assert!(served.await.unwrap());
}
