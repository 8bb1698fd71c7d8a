//! Answers that send a request elsewhere.

use super::*;

fn bound(server: &Server) -> Bound {
    let url = Url::parse(&server.url("/")).unwrap();
    let secret = crate::secret::Secret::new("sk-canary");
    Bound::new(&url, header::AUTHORIZATION, "Bearer ", &secret).unwrap()
}

fn guarded() -> Guarded {
    Guarded::new(Stub::new(&[]))
}

#[tokio::test]
async fn a_redirect_inside_is_refused_like_a_first_request() {
    let inside = Server::saying("127.0.0.2:0", "inside").await;
    let port = inside.address.port();
    for status in [301, 302, 303, 307, 308] {
        for location in [
            inside.url("/"),
            format!("http://127.0.0.3:{port}/"),
            format!("//127.0.0.2:{port}/"),
            "http://169.254.169.254/latest/meta-data/".to_owned(),
            "file:///etc/passwd".to_owned(),
            "gopher://127.0.0.2/".to_owned(),
            "http://user@127.0.0.1/".to_owned(),
            "https://127.0.0.1:22/".to_owned(),
        ] {
            let door = Server::at("127.0.0.1:0", sends_to(status, &location)).await;
            let allow = only(&[&door]);
            assert_refused(guarded().send(get(&door.url("/"), &allow)).await, &location);
            assert_eq!(door.asked().len(), 1);
        }
    }
    assert_eq!(inside.asked().len(), 0);
}

#[tokio::test]
async fn a_redirect_to_a_listed_place_is_followed_without_secrets() {
    let there = Server::saying("127.0.0.2:0", "there").await;
    let door = Server::at("127.0.0.1:0", sends_to(302, &there.url("/x?y=1"))).await;
    let (allow, secrets) = (only(&[&door, &there]), [bound(&door)]);
    let mut request = get(&door.url("/"), &allow);
    request.secrets = &secrets;
    for (name, value) in [
        ("x-user", "ada"),
        ("cookie", "c=1"),
        ("accept", "text/plain"),
        ("host", "forged"),
    ] {
        request.headers.insert(name, value.parse().unwrap());
    }
    assert_eq!(text(&guarded().send(request).await.unwrap()), "there");
    let first = &door.asked()[0];
    assert!(
        first.contains("authorization: Bearer sk-canary") && first.contains("x-user: ada"),
        "{first}"
    );
    assert!(
        first.contains(&format!("host: {}", door.address)) && !first.contains("forged"),
        "{first}"
    );
    let second = &there.asked()[0];
    assert!(
        second.starts_with("GET /x?y=1 HTTP/1.1\r\n") && second.contains("accept: text/plain"),
        "{second}"
    );
    for gone in ["canary", "x-user", "cookie", "referer"] {
        assert!(!second.contains(gone), "{gone} in {second}");
    }
}

#[tokio::test]
async fn secrets_do_not_come_back_with_a_redirect_back() {
    let home = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    let away = Server::at(
        "127.0.0.2:0",
        sends_to(302, &format!("http://{home}/other")),
    )
    .await;
    let home = Server::at(&home.to_string(), sends_to(302, &away.url("/"))).await;
    let (allow, secrets) = (only(&[&home, &away]), [bound(&home)]);
    let mut request = get(&home.url("/"), &allow);
    request.secrets = &secrets;
    // The two send it to and fro until there were enough.
    assert_eq!(
        guarded().send(request).await.unwrap_err(),
        Refused::Redirect
    );
    let with_secret = |asked: Vec<String>| asked.iter().filter(|it| it.contains("canary")).count();
    assert_eq!(with_secret(home.asked()), 1);
    assert_eq!(with_secret(away.asked()), 0);
}

#[tokio::test]
async fn redirects_end() {
    let door = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    let door = Server::at(
        &door.to_string(),
        sends_to(302, &format!("http://{door}/again")),
    )
    .await;
    let allow = only(&[&door]);
    let sent = guarded().send(get(&door.url("/"), &allow)).await;
    assert_eq!(sent.unwrap_err(), Refused::Redirect);
    assert_eq!(door.asked().len(), 1 + MAX_REDIRECTS);
}

#[tokio::test]
async fn a_request_that_writes_is_never_sent_on() {
    let there = Server::saying("127.0.0.2:0", "there").await;
    for (method, body) in [
        (Method::POST, Some("{}")),
        (Method::PUT, None),
        (Method::DELETE, None),
        (Method::PATCH, None),
        (Method::GET, Some("{}")),
    ] {
        let door = Server::at("127.0.0.1:0", sends_to(307, &there.url("/"))).await;
        let allow = only(&[&door, &there]);
        let mut request = get(&door.url("/"), &allow);
        request.method = method;
        request.body = body.map(Bytes::from);
        assert_eq!(guarded().send(request).await.unwrap().status, 307);
    }
    assert_eq!(there.asked().len(), 0);
}

#[test]
fn nothing_leads_from_https_to_http_and_bad_places_are_none() {
    let nothing = allow(&["a.example"]);
    let request = get("https://a.example/x", &nothing);
    let next = |from: &str, location: &[u8]| {
        let answer = http::Response::builder().status(302);
        let answer = answer.header("location", location).body("").unwrap();
        request.next(&Url::parse(from).unwrap(), &answer.into())
    };
    let safe = "https://a.example/x";
    for to in [
        "http://a.example/x",
        "http://b.example/",
        "ftp://a.example/",
    ] {
        assert!(
            matches!(next(safe, to.as_bytes()), Err(Refused::Address(_))),
            "{to}"
        );
    }
    let fine = next(safe, b"../y").unwrap().unwrap();
    assert_eq!(fine.as_str(), "https://a.example/y");
    assert!(next("http://a.example/", b"https://a.example/").is_ok_and(|next| next.is_some()));
    for none in [
        &b"https://["[..],
        b"https://a.example:99999/",
        b"\xff",
        b"https://",
    ] {
        assert_eq!(next(safe, none).unwrap_err(), Refused::Redirect);
    }
}
