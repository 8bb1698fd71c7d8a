//! Answers that are too large, too slow, packed or cut.

use super::*;

async fn ask(answer: impl Into<Vec<u8>>) -> Result<Answer, Refused> {
    let server = Server::at("127.0.0.1:0", answer).await;
    let allow = only(&[&server]);
    Guarded::new(Stub::new(&[]))
        .send(get(&server.url("/"), &allow))
        .await
}

#[tokio::test]
async fn a_body_is_read_up_to_its_limit() {
    assert_eq!(
        text(&ask(ok(&"x".repeat(1_000))).await.unwrap()).len(),
        1_000
    );
    let more = ok(&"x".repeat(1_001));
    assert_eq!(ask(more).await.unwrap_err(), Refused::TooLarge(1_000));
    // Ten gigabytes are promised: refused before they come.
    let promised = "HTTP/1.1 200 OK\r\ncontent-length: 10000000000\r\n\r\nx";
    assert_eq!(ask(promised).await.unwrap_err(), Refused::TooLarge(1_000));
    // Nothing is promised.
    let endless = format!("HTTP/1.1 200 OK\r\n\r\n{}", "x".repeat(100_000));
    assert_eq!(ask(endless).await.unwrap_err(), Refused::TooLarge(1_000));
    let chunk = format!("258\r\n{}\r\n", "x".repeat(600));
    let chunked =
        format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{chunk}{chunk}0\r\n\r\n");
    assert_eq!(ask(chunked).await.unwrap_err(), Refused::TooLarge(1_000));
}

#[tokio::test]
async fn packed_cut_and_senseless_answers_are_told_apart_from_none() {
    for encoding in ["gzip", "br", "deflate", "zstd", "gzip, gzip"] {
        let packed = format!(
            "HTTP/1.1 200 OK\r\ncontent-encoding: {encoding}\r\ncontent-length: 1\r\n\r\nx"
        );
        assert_eq!(ask(packed).await.unwrap_err(), Refused::Encoded);
    }
    let cut = "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nx";
    assert_eq!(ask(cut).await.unwrap_err(), Refused::Broken);
    assert_eq!(
        ask("SSH-2.0-OpenSSH_9.6\r\n").await.unwrap_err(),
        Refused::Broken
    );
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "a: b\r\n".repeat(10_000));
    assert_eq!(ask(many).await.unwrap_err(), Refused::Broken);
}

#[tokio::test(start_paused = true)]
async fn the_deadline_holds_for_silence_and_for_one_byte_at_a_time() {
    assert_eq!(ask("").await.unwrap_err(), Refused::Timeout);

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let drip = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut asked = [0; 4096];
        let _ = stream.read(&mut asked).await.unwrap();
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
        // Ends when nobody reads any more.
        while stream.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    });
    let allow = allow(&[&address.to_string()]);
    let url = format!("http://{address}/");
    let begun = Instant::now();
    let sent = Guarded::new(Stub::new(&[])).send(get(&url, &allow)).await;
    assert_eq!(sent.unwrap_err(), Refused::Timeout);
    assert_eq!(begun.elapsed().as_secs(), 20);
    // The connection is closed with the request.
    drip.await.unwrap();
}

#[tokio::test]
async fn a_request_that_is_dropped_closes_its_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let allow = allow(&[&address.to_string()]);
    let url = format!("http://{address}/");
    let guarded = Guarded::new(Stub::new(&[]));
    let sending = guarded.send(get(&url, &allow));
    let accepting = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut bytes = [0; 4096];
        let _ = stream.read(&mut bytes).await.unwrap();
        stream
    };
    let mut stream = tokio::select! {
        sent = sending => panic!("{sent:?}"),
        stream = accepting => stream,
    };
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await.unwrap();
    assert!(rest.is_empty());
}

#[test]
fn the_media_type_is_told_without_its_parameters() {
    let media_type = |told: Option<&str>| {
        let mut headers = HeaderMap::new();
        if let Some(told) = told {
            headers.insert(header::CONTENT_TYPE, told.parse().unwrap());
        }
        let (status, body) = (StatusCode::OK, Bytes::new());
        Answer {
            status,
            headers,
            body,
        }
        .media_type()
    };
    assert_eq!(
        media_type(Some("Application/JSON ; charset=utf-8")),
        "application/json"
    );
    assert_eq!(media_type(Some(";")), "");
    assert_eq!(media_type(None), "");
}
