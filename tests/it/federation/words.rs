//! What a server does wrong is said at once, and why: in `waypost servers`, in the log, and to who asked.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex, atomic::Ordering},
    time::Duration,
};

use axum::http::StatusCode;
use futures_util::future::BoxFuture;
use serde_json::json;
use tracing_subscriber::fmt::MakeWriter;
use waypost::{
    federation::{Failed, OwnTokens, Server},
    secret::Secret,
};

use super::{
    Ask, Caller, empty,
    fake::{Era, Fake},
    fleet, specs, specs_with,
    stdio::{scripted, shell},
    until,
};

/// What the gateway writes into its log on this thread.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// Listens until the guard is dropped.
    fn begin() -> (Self, tracing::subscriber::DefaultGuard) {
        let log = Self::default();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::DEBUG)
            .with_ansi(false)
            .with_writer(log.clone())
            .finish();
        (log, tracing::subscriber::set_default(subscriber))
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Log {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(piece);
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

fn reason(server: &Server) -> String {
    let reason = server.standing().replicas.remove(0).reason;
    reason.unwrap_or_default()
}

/// Waits until the server's standing says so.
async fn until_it_says(server: &Server, words: &str) {
    let last = Mutex::new(String::new());
    let says = || {
        let reason = reason(server);
        let says = reason.contains(words);
        if !reason.is_empty() {
            *last.lock().unwrap() = reason;
        }
        says
    };
    tokio::select! {
        () = until(words, says) => {}
        () = tokio::time::sleep(super::PATIENCE - Duration::from_secs(1)) => {
            panic!("it says: {}", last.lock().unwrap());
        }
    }
}

#[tokio::test]
async fn a_program_that_cannot_start_is_told_of_with_its_last_words() {
    for (script, words) in [
        ("exit 1", "its program ended with code 1"),
        (
            "echo 'No module named' >&2; echo mcp_server_files >&2; exit 7",
            "its program ended with code 7; its last words: No module named mcp_server_files",
        ),
        (
            "echo Welcome; exit 7",
            "code 7; its standard output has what is no message: Welcome",
        ),
        ("kill -9 $$", "its program was ended by signal 9"),
    ] {
        let (_fleet, server, _folder) = scripted(script, "");
        until_it_says(&server, words).await;
        assert!(!reason(&server).contains("rmcp"), "{}", reason(&server));
    }
}

#[tokio::test]
async fn a_program_that_says_something_else_is_told_of_with_it() {
    let (log, _guard) = Log::begin();
    let (_fleet, server, _folder) = scripted(
        "echo 'Server ready'; echo listening >&2; while read -r line; do :; done",
        "\"connect_timeout\": \"1s\"",
    );
    let words = "it was not ready within 1s; its standard output has what is no message: Server ready; its last words: listening";
    until_it_says(&server, words).await;
    let told = "the standard output has a line that is no message: Server ready";
    assert!(log.text().contains(told), "{}", log.text());
}

#[tokio::test]
async fn the_log_has_the_last_words_of_a_program_that_ended_in_the_middle() {
    let (log, _guard) = Log::begin();
    let (_fleet, server, _folder) = shell("");
    let caller = Caller::default();
    let ask = Ask::new(&server, &caller);
    ask.text("complain", json!({})).await.unwrap_err();
    ask.text("pid", json!({})).await.unwrap();
    let words = "its connection broke: it was closed; its program ended with code 5; its last words: out of cheese";
    assert!(log.text().contains(words), "{}", log.text());
}

#[tokio::test]
async fn no_secret_of_a_program_is_repeated() {
    let (log, _guard) = Log::begin();
    let secret = "hunter2-hunter2";
    let script = "printf 'bad key hunter2-' >&2; printf 'hunter2, %s\\n' \"$KEY\" >&2; echo \"$KEY\"; exit 7";
    let entry = format!(
        "  s: {{ kind: mcp, command: [sh, -c, '{}'], env: {{ KEY: env:TOKEN }} }}\n",
        script.replace('\'', "''")
    );
    let fleet = empty();
    fleet.settle(specs_with(&entry, secret).unwrap());
    let server = fleet.server("s").unwrap();
    until_it_says(
        &server,
        "code 7; its standard output has what is no message: …; its last words: bad key …, …",
    )
    .await;
    until("it is in the log", || log.text().contains("complains")).await;
    assert!(!log.text().contains(secret), "{}", log.text());
}

/// No token is ever to be had.
#[derive(Debug)]
struct Tokenless;

impl OwnTokens for Tokenless {
    fn token<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Option<Secret>, String>> {
        Box::pin(std::future::ready(Err("nobody signs it".to_owned())))
    }
}

#[tokio::test]
async fn a_server_elsewhere_that_is_not_reached_is_told_of_in_our_words() {
    let closed = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    let (_fleet, server) = fleet(&format!("url: 'http://{closed}/mcp'"));
    until_it_says(&server, &format!("{closed}: Connection refused")).await;
    assert!(!reason(&server).contains("rmcp"), "{}", reason(&server));

    let fake = Fake::start(Era::Old).await;
    fake.refuse(&[""], StatusCode::UNAUTHORIZED);
    let (_fleet, server) = fleet(&format!("url: '{}'", fake.url));
    let sign_in = "it answered with status 401: it wants a sign-in";
    until_it_says(&server, sign_in).await;
    assert!(reason(&server).ends_with(sign_in), "{}", reason(&server));

    let fleet = empty().with_tokens(Arc::new(Tokenless));
    fleet.settle(specs(&format!("  s: {{ kind: mcp, url: '{}' }}\n", fake.url)).unwrap());
    let server = fleet.server("s").unwrap();
    let none = "; the gateway has no token of its own for it: nobody signs it";
    until_it_says(&server, &format!("{sign_in}{none}")).await;
}

#[tokio::test]
async fn a_refusal_is_the_answer_whatever_its_status_and_its_number() {
    let breaker =
        r#""breaker": { "consecutive": 2, "min_calls": 1000, "open_for": "1h", "open_max": "1h" }"#;
    for era in [Era::Old, Era::New] {
        let fake = Fake::start(era).await;
        let (_fleet, server) = fleet(&format!("url: '{}', {breaker}", fake.url));
        let caller = Caller::default();
        let ask = Ask::new(&server, &caller);
        for tool in ["refuse_null", "refuse_named", "refuse_500", "refuse_plain"] {
            for _ in 0..3 {
                let failed = ask.text(tool, json!({})).await.unwrap_err();
                let expected = Failed::Error {
                    code: -32000,
                    message: "Server not initialized".to_owned(),
                    data: None,
                };
                assert_eq!(failed, expected, "{tool}");
            }
        }
        ask.text("who", json!({})).await.unwrap();
    }
}

#[tokio::test]
async fn an_answer_that_is_none_is_told_of_at_once() {
    for era in [Era::Old, Era::New] {
        for tool in [
            "accepted", "emptied", "anothers", "nested", "bytes", "prompt",
        ] {
            let fake = Fake::start(era).await;
            let (_fleet, server) = fleet(&format!("url: '{}'", fake.url));
            let caller = Caller::default();
            let failed = Ask::new(&server, &caller).text(tool, json!({})).await;
            assert!(
                matches!(failed, Err(Failed::Unfit { .. })),
                "{tool}: {failed:?}"
            );
            assert_eq!(fake.book.dropped.load(Ordering::SeqCst), 0);
        }
    }
}

#[tokio::test]
async fn a_line_that_cannot_be_read_is_the_answer_of_whom_it_was_meant_for() {
    let (log, _guard) = Log::begin();
    let (_fleet, server, _folder) = shell("");
    let (caller, other) = (Caller::default(), Caller::default());
    let ask = Ask::new(&server, &caller);
    for tool in ["nested", "bytes", "half", "numberless"] {
        let failed = ask.text(tool, json!({})).await;
        assert!(
            matches!(failed, Err(Failed::Unfit { .. })),
            "{tool}: {failed:?}"
        );
        assert!(log.text().contains("a line that is no message: {"));
    }
    let hanging = Ask {
        within: Duration::from_secs(2),
        ..Ask::new(&server, &other)
    };
    let asking = async {
        until("the other one runs", || {
            server.standing().replicas[0].running == 1
        })
        .await;
        ask.text("nested", json!({})).await
    };
    let (late, unfit) = tokio::join!(hanging.text("hang", json!({})), asking);
    assert!(matches!(late, Err(Failed::Late { .. })), "{late:?}");
    assert!(matches!(unfit, Err(Failed::Unfit { .. })), "{unfit:?}");
}

#[tokio::test]
async fn the_log_says_why_a_request_was_not_answered() {
    let (log, _guard) = Log::begin();
    let fake = Fake::start(Era::New).await;
    let (_fleet, server) = fleet(&format!("url: '{}'", fake.url));
    let caller = Caller::default();
    let ask = Ask::new(&server, &caller);
    for (tool, level, outcome, words) in [
        ("refuse_null", "INFO", "error", "Server not initialized"),
        ("sign_in", "INFO", "unauthorized", "wants a sign-in"),
        ("busy", "WARN", "away", "cannot be reached"),
        ("accepted", "WARN", "unfit", "it answered with status 202"),
    ] {
        ask.text(tool, json!({})).await.unwrap_err();
        let text = log.text();
        let line = text.lines().find(|line| line.contains(words));
        let line = line.unwrap_or_else(|| panic!("{tool}: {text}"));
        for part in [
            level,
            "server=\"s\"",
            &format!("replica=\"{}\"", fake.url),
            &format!("outcome=\"{outcome}\""),
        ] {
            assert!(line.contains(part), "{part}: {line}");
        }
    }
}

#[tokio::test]
async fn a_wait_that_a_server_asks_for_is_at_most_ten_minutes() {
    let fake = Fake::start(Era::New).await;
    let (_fleet, server) = fleet(&format!("url: '{}'", fake.url));
    let caller = Caller::default();
    let failed = Ask::new(&server, &caller).text("ages", json!({})).await;
    let Err(Failed::Limited { retry_after, .. }) = failed else {
        panic!("{failed:?}");
    };
    assert_eq!(retry_after, Some(Duration::from_secs(600)));
}
