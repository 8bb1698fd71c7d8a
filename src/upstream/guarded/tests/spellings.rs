//! Addresses of the inside, in every spelling, and names that lead there.

use super::*;

/// The servers nobody may reach: on loopback, in both families.
async fn farm() -> Vec<Server> {
    let mut farm = vec![Server::saying("127.0.0.1:0", "inside").await];
    // A container may have no IPv6.
    if TcpListener::bind("[::1]:0").await.is_ok() {
        farm.push(Server::saying("[::1]:0", "inside").await);
    }
    farm
}

/// Sends a request to each URL with a gateway's default rights; none may be looked up or connected to.
async fn all_refused(urls: &[String]) {
    let names = Stub::new(&[&["127.0.0.1"]]);
    let guarded = Guarded::new(names.clone());
    let nothing = Allow::default();
    for url in urls {
        // What is no URL at all goes nowhere.
        if Url::parse(url).is_ok() {
            assert_refused(guarded.send(get(url, &nothing)).await, url);
        }
    }
    assert_eq!(names.asked(), 0);
}

/// The hosts in both schemes, on the ports of the web and of the farm.
fn everywhere(hosts: &[&str], farm: &[Server]) -> Vec<String> {
    let ports = [80, 443, 8080].into_iter();
    let ports: Vec<u16> = ports
        .chain(farm.iter().map(|it| it.address.port()))
        .collect();
    let urls = hosts.iter().flat_map(|host| {
        ports.iter().flat_map(move |port| {
            ["http", "https"].map(|scheme| format!("{scheme}://{host}:{port}/"))
        })
    });
    urls.collect()
}

#[tokio::test]
async fn addresses_of_the_inside_are_refused_in_every_spelling() {
    let farm = farm().await;
    let hosts = [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "0x7f.1",
        "017700000001",
        "0x7f.0x0.0x0.0x1",
        "0",
        "127.0.0.1.",
        "①②⑦.⓪.⓪.①",
        "127。0。0。1",
        "127.0.\t0.1",
        "127.0.0.1%2e",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "[fe80::1%25lo]",
        "[fe80::1]",
        "[fd00:ec2::254]",
        "[fc00::1]",
        "[::ffff:7f00:1]",
        "[0:0:0:0:0:0:0:1]",
        "169.254.169.254",
        "100.100.100.200",
        "192.0.0.192",
        "168.63.129.16",
        "100.64.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "0.0.0.0",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "198.18.0.1",
        "240.0.0.1",
        "0xa9fea9fe",
        "2852039166",
        "169.254.43518",
    ];
    let mut urls = everywhere(&hosts, &farm);
    for server in &farm {
        let port = server.address.port();
        urls.push(format!("http:127.0.0.1:{port}"));
        urls.push(format!("http:///127.0.0.1:{port}"));
        urls.push(format!("https:\\\\127.0.0.1:{port}\\"));
        urls.push(format!("http://127.0.0.1:{port}@127.0.0.1:{port}/"));
    }
    urls.push("http://0.0.0.0:6379/".to_owned());
    all_refused(&urls).await;
    for server in &farm {
        assert_eq!(server.asked().len(), 0);
    }
}

#[tokio::test]
async fn other_schemes_users_and_ports_are_refused_before_the_name_is_looked_up() {
    let urls = [
        "gopher://127.0.0.1/",
        "file:///etc/passwd",
        "ftp://a.example/",
        "dict://a.example:11211/stat",
        "ldap://a.example/",
        "unix:/run/docker.sock",
        "data:text/plain,x",
        "javascript:alert(1)",
        "jar:http://a.example!/x",
        "ws://a.example/",
        "http://a.example/",
        "http://good@127.0.0.1/",
        "https://good@a.example/",
        "https://good:word@a.example/",
        "https://127.0.0.1:80@a.example/",
        "https://:word@a.example/",
        "https://a.example:0/",
        "https://a.example:22/",
        "https://a.example:25/",
        "https://a.example:6379/",
        "https://a.example:5432/",
        "https://a.example:65536/",
        "https://a.example:2375/",
    ];
    all_refused(&urls.map(str::to_owned)).await;
}

#[test]
fn parts_that_only_look_like_a_host_are_none() {
    // One parser reads, judges and connects: what it takes for the host is the host.
    for (text, host) in [
        ("https://good.example\\@127.0.0.1/", "good.example"),
        ("https://good.example#@127.0.0.1/", "good.example"),
        ("https://good.example?@127.0.0.1/", "good.example"),
        ("https://good.example/@127.0.0.1/", "good.example"),
        ("https://GOOD.example:443/", "good.example"),
        ("https://b\u{fc}cher.example/", "xn--bcher-kva.example"),
    ] {
        let url = Url::parse(text).unwrap();
        assert_eq!(url.host_str(), Some(host), "{text}");
        assert_eq!(judge(&url, &Allow::default()), Ok(()), "{text}");
    }
}

#[tokio::test]
async fn a_name_that_leads_inside_is_refused_and_nothing_is_connected() {
    let farm = farm().await;
    let port = farm[0].address.port();
    // On a port that is allowed, so that only the address can be the reason.
    let urls = [
        "localtest.example",
        "127-0-0-1.nip.example",
        "metadata.google.internal",
        "localhost",
    ]
    .map(|host| Url::parse(&format!("https://{host}:{port}/")).unwrap());
    for inside in [
        "127.0.0.1",
        "::1",
        "10.0.0.1",
        "169.254.169.254",
        "100.64.0.1",
        "fd00:ec2::254",
        "0.0.0.0",
        "::ffff:127.0.0.1",
        "64:ff9b::7f00:1",
    ] {
        let names = Stub::new(&[&[inside]]);
        let guarded = Guarded::new(names.clone());
        for url in &urls {
            let allow = Allow::default().with_port_of(url);
            assert_refused(guarded.send(get(url.as_str(), &allow)).await, inside);
        }
        assert_eq!(names.asked(), urls.len());
    }
    assert_eq!(farm[0].asked().len(), 0);
}

#[tokio::test]
async fn one_address_inside_among_public_ones_is_enough_to_refuse() {
    for mixed in [
        ["1.1.1.1", "127.0.0.1"],
        ["::1", "1.1.1.1"],
        ["2606:4700::1111", "10.0.0.1"],
    ] {
        let guarded = Guarded::new(Stub::new(&[&mixed]));
        let nothing = Allow::default();
        let sent = guarded.send(get("https://a.example/", &nothing)).await;
        assert_refused(sent, &mixed.join(" and "));
    }
}

#[tokio::test]
async fn the_address_that_was_judged_is_the_one_that_is_connected_to() {
    let inside = Server::saying("127.0.0.1:0", "inside").await;
    let port = inside.address.port();
    // Stands for the public internet: the only address that may be reached.
    let outside = Server::saying(&format!("127.0.0.2:{port}"), "outside").await;
    // A name with a lifetime of nothing, whose second answer is another.
    let names = Stub::new(&[&["127.0.0.2"], &["127.0.0.1"]]);
    let guarded = Guarded::new(names.clone());
    let rebinding = Url::parse(&format!("https://rebinding.example:{port}/")).unwrap();
    let allow = allow(&["127.0.0.2/32"]).with_port_of(&rebinding);

    // TLS meets a server without any: connected, and failed.
    let first = guarded.send(get(rebinding.as_str(), &allow)).await;
    assert_eq!(first.unwrap_err(), Refused::Unreachable);
    assert_eq!(names.asked(), 1, "judged and connected by one answer");
    assert_eq!(outside.asked().len(), 1);

    assert_refused(
        guarded.send(get(rebinding.as_str(), &allow)).await,
        "rebound",
    );
    assert_eq!(inside.asked().len(), 0);
}

#[tokio::test]
async fn what_the_operator_lists_is_reached() {
    let inside = Server::saying("127.0.0.1:0", "inside").await;
    let port = inside.address.port();
    let guarded = Guarded::new(Stub::new(&[&["127.0.0.1"]]));
    let by_name = allow(&[&format!("db.internal:{port}")]);
    let url = format!("http://db.internal:{port}/");
    assert_eq!(
        text(&guarded.send(get(&url, &by_name)).await.unwrap()),
        "inside"
    );
    let by_address = only(&[&inside]);
    let answer = guarded.send(get(&inside.url("/"), &by_address)).await;
    assert_eq!(text(&answer.unwrap()), "inside");
    // Connections made with that leave are not there for those without it.
    let nothing = Allow::default();
    assert_refused(guarded.send(get(&url, &nothing)).await, "without leave");
    assert_refused(
        guarded.send(get(&inside.url("/"), &nothing)).await,
        "without leave",
    );
}

#[tokio::test]
async fn leave_for_one_tool_is_none_for_another() {
    let inside = Server::saying("127.0.0.1:0", "inside").await;
    let host = format!("db.internal:{}", inside.address.port());
    // Linux takes it for loopback; a name alone never leads there.
    let guarded = Guarded::new(Stub::new(&[&["0.0.0.0"]]));
    let (with, without) = (allow(&[&host, "0.0.0.0"]), allow(&[&host]));
    let url = format!("http://{host}/");
    let answer = guarded.send(get(&url, &with)).await.unwrap();
    assert_eq!(text(&answer), "inside");
    assert_refused(guarded.send(get(&url, &without)).await, "without leave");
    assert_eq!(inside.asked().len(), 1);
}

#[tokio::test]
async fn refused_open_closed_and_unknown_are_told_alike() {
    let open = Server::saying("127.0.0.1:0", "inside").await;
    let closed = {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap()
    };
    let nothing = Allow::default();
    let guarded = Guarded::new(Stub::new(&[&["127.0.0.1"]]));
    let nameless = Guarded::new(Stub::new(&[]));
    let listed = allow(&[&closed.to_string()]);
    let mut told = Vec::new();
    for result in [
        guarded.send(get(&open.url("/"), &nothing)).await,
        guarded
            .send(get(&format!("http://{closed}/"), &nothing))
            .await,
        guarded
            .send(get(&format!("http://{closed}/"), &listed))
            .await,
        guarded.send(get("https://inside.example/", &nothing)).await,
        nameless
            .send(get("https://unknown.example/", &nothing))
            .await,
    ] {
        told.push(result.unwrap_err().to_string());
    }
    assert!(
        told.iter()
            .all(|text| text == "The service could not be reached"),
        "{told:?}"
    );
    assert_eq!(open.asked().len(), 0);
}
