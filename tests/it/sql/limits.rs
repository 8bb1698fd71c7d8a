//! Limits: rows, bytes, one large value, time, connections; and callers who leave.

use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use waypost::tools::{
    FaultClass,
    kinds::postgres::{Settings, gate::Gate},
};

use super::{
    behind_the_gate, for_millis,
    server::{Shop, execute},
    tool::{Tool, fault},
};
use crate::support::gateway::PATIENCE;

/// How many statements the role runs now.
const RUNNING: &str = "SELECT count(*)::text FROM pg_stat_activity \
    WHERE usename = 'waypost_reader' AND datname = current_database() AND state <> 'idle'";

/// How many connections the role has.
const CONNECTED: &str = "SELECT count(*)::text FROM pg_stat_activity \
    WHERE usename = 'waypost_reader' AND datname = current_database()";

/// Endless, as far as any test can wait: it counts to 4^20, and needs no room for it.
const ENDLESS: &str = "SELECT count(*) FROM orders a, orders b, orders c, orders d, orders e, orders f, orders g, \
    orders h, orders i, orders j, orders k, orders l, orders m, orders n, orders o, orders p, orders q, orders r, \
    orders s, orders t";

async fn until(shop: &Shop, question: &str, answer: &str) {
    let happens = async {
        while shop.ask(question).await != answer {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let happened = tokio::time::timeout(PATIENCE, happens).await;
    assert!(happened.is_ok(), "waited for {answer}: {question}");
}

#[tokio::test]
async fn rows_and_bytes_are_cut_and_said_so() {
    let shop = Shop::open().await;
    let tool = Tool::of(&shop, "waypost_reader", "max_rows: 10, max_bytes: 2000").await;
    let many = "SELECT g FROM generate_series(1, 1000000) g";
    let cut = tool.table(many).await;
    assert_eq!(
        (&cut["row_count"], &cut["truncated"]),
        (&json!(10), &json!(true))
    );
    let fewer = tool.call(&json!({ "sql": many, "limit": 3 })).await;
    assert_eq!(fewer["structuredContent"]["rows"], json!([[1], [2], [3]]));
    let exact = tool
        .call(&json!({ "sql": "SELECT id FROM orders", "limit": 4 }))
        .await;
    assert_eq!(exact["structuredContent"]["truncated"], false);
    let long = "SELECT translate(x, 'a', 'b') FROM generate_series(1, 10) g, (SELECT string_agg('aaaaaaaaaa', '') AS x FROM generate_series(1, 60)) AS y";
    let cut = tool.table(long).await;
    assert_eq!(
        (&cut["row_count"], &cut["truncated"]),
        (&json!(3), &json!(true))
    );
    // The connection that was cut is not used again; the next statement is answered.
    assert_eq!(tool.table("SELECT 1").await["rows"], json!([[1]]));
}

/// What would not fit the tool's result is left out as rows are, and not thrown away whole.
#[tokio::test]
async fn rows_are_cut_to_what_a_result_may_hold() {
    let shop = Shop::open().await;
    for (settings, rows) in [
        ("max_result: 262144", 100_000),
        ("max_result: 2000", 1000),
        ("max_result: 100000", 1),
    ] {
        let tool = Tool::of(
            &shop,
            "waypost_reader",
            &format!("max_rows: 100000, {settings}"),
        )
        .await;
        for sql in [
            "SELECT g, g::text || 'some words', now(), ARRAY[g, g], row(g, 'x') FROM generate_series(1, 100000) g",
            "SELECT '\"\"\"\"\\\\\\\\' FROM generate_series(1, 100000) g",
            "SELECT 1 FROM generate_series(1, 100000) g",
            "SELECT NULL, NULL, NULL FROM generate_series(1, 100000) g",
        ] {
            let cut = tool.table(sql).await;
            assert_eq!(cut["truncated"], true, "{sql}");
            let count = cut["row_count"].as_u64().unwrap();
            assert!(count > 0 && count < rows.max(100_000), "{sql}: {count}");
        }
    }
    let tool = Tool::of(&shop, "waypost_reader", "max_result: 2000").await;
    let told = tool
        .fault("SELECT string_agg('x', '') FROM generate_series(1, 3000)")
        .await;
    assert!(told.contains("A row is larger than 2000 bytes"), "{told}");
    assert_eq!(tool.table("SELECT 1").await["rows"], json!([[1]]));
}

/// One value of 100 MB: it would have been held whole, and more than once.
#[tokio::test]
async fn a_large_value_is_not_read() {
    let shop = Shop::open().await;
    execute(
        &shop.admin,
        "CREATE TABLE large AS SELECT repeat('x', 100000000) AS body; GRANT SELECT ON large TO waypost_reader",
    )
    .await
    .unwrap();
    let tool = Tool::of(&shop, "waypost_reader", "").await;
    let told = tool.fault("SELECT body FROM large").await;
    assert!(
        told.contains("A row is larger than 1048576 bytes"),
        "{told}"
    );
    let part = tool
        .table("SELECT length(body), left(body, 5) FROM large")
        .await;
    assert_eq!(part["rows"], json!([[100_000_000, "xxxxx"]]));
    until(&shop, RUNNING, "0").await;
}

#[tokio::test]
async fn a_call_may_ask_for_less_time() {
    let shop = Shop::open().await;
    let tool = Tool::of(&shop, "waypost_reader", "").await;
    let told = fault(&tool.call(&json!({ "sql": ENDLESS, "timeout": 0.05 })).await);
    assert!(told.contains("did not finish within 50ms"), "{told}");
}

#[tokio::test]
async fn a_statement_ends_when_its_caller_leaves() {
    let shop = Shop::open().await;
    let database = behind_the_gate(&shop.url("waypost_reader"), &Settings::default());
    let endless = Gate::default().check(ENDLESS).unwrap();
    let running = tokio::spawn(async move {
        let _ = database.run(&endless, for_millis(60_000)).await;
    });
    until(&shop, RUNNING, "1").await;
    running.abort();
    until(&shop, CONNECTED, "0").await;
}

#[tokio::test]
async fn a_statement_ends_when_its_client_hangs_up() {
    let shop = Shop::open().await;
    let tool = Tool::of(
        &shop,
        "waypost_reader",
        "statement_timeout: 10m, timeout: 10m",
    )
    .await;
    let request = tool.request(&json!({ "sql": ENDLESS }));
    let calling = tokio::spawn(request.send());
    until(&shop, RUNNING, "1").await;
    calling.abort();
    until(&shop, RUNNING, "0").await;
}

/// A server that holds the answer back is left: by our own clock, not by its.
#[tokio::test]
async fn a_database_that_does_not_answer_is_given_up() {
    let deaf = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = deaf.local_addr().unwrap().port();
    let url = format!("postgres://reader:secret@127.0.0.1:{port}/shop");
    let database = behind_the_gate(&url, &Settings::default());
    let statement = Gate::default().check("SELECT 1").unwrap();
    let fault = database.run(&statement, for_millis(100)).await.unwrap_err();
    assert_eq!(fault.class, FaultClass::Timeout);
}

/// A server that takes a statement and is silent: the statement is what is slow, and its slot is not another's before
/// the server has spoken.
#[tokio::test]
async fn a_slot_is_kept_until_the_server_has_ended_the_statement() {
    let shop = Shop::open().await;
    let (silence, hears) = tokio::sync::watch::channel(false);
    let proxy = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let here = proxy.local_addr().unwrap();
    let there = shop.url("waypost_reader");
    let port = there.rsplit_once(':').unwrap().1.split('/').next().unwrap();
    let url = there.replace(port, &here.port().to_string());
    let server = format!("127.0.0.1:{port}");
    tokio::spawn(async move {
        loop {
            let (near, _) = proxy.accept().await.unwrap();
            let far = tokio::net::TcpStream::connect(&server).await.unwrap();
            tokio::spawn(silenced(near, far, hears.clone()));
        }
    });
    let settings = Settings {
        connections: 1,
        ..Settings::default()
    };
    let database = behind_the_gate(&url, &settings);
    let endless = Gate::default().check(ENDLESS).unwrap();
    let short = Gate::default().check("SELECT 1").unwrap();
    let begun = format!("{RUNNING} AND query LIKE '%orders t%'");
    let (slow, ()) = tokio::join!(database.run(&endless, for_millis(1_000)), async {
        until(&shop, &begun, "1").await;
        silence.send_replace(true);
    });
    assert_eq!(slow.unwrap_err().class, FaultClass::InvalidArguments);
    // The server has ended it, and nobody here has heard.
    until(&shop, RUNNING, "0").await;
    let next = database.run(&short, for_millis(100)).await;
    assert_eq!(next.unwrap_err().class, FaultClass::Busy);
    silence.send_replace(false);
    database.run(&short, for_millis(5_000)).await.unwrap();
}

/// Passes bytes on, those of the server only while it is not silenced.
async fn silenced(
    near: tokio::net::TcpStream,
    far: tokio::net::TcpStream,
    mut silence: tokio::sync::watch::Receiver<bool>,
) {
    let (mut from_near, mut to_near) = near.into_split();
    let (mut from_far, mut to_far) = far.into_split();
    tokio::spawn(async move {
        let _ = tokio::io::copy(&mut from_near, &mut to_far).await;
    });
    let mut bytes = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = from_far.read(&mut bytes).await {
        let _ = silence.wait_for(|silent| !silent).await;
        if to_near.write_all(&bytes[..count]).await.is_err() {
            return;
        }
    }
}

/// Whatever a statement makes the server say is the statement's: no caller closes the tool to others.
#[tokio::test]
async fn wrong_guesses_open_no_circuit() {
    let shop = Shop::open().await;
    execute(
        &shop.admin,
        "CREATE FUNCTION fail(code text) RETURNS int LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION USING ERRCODE = code; END $$",
    )
    .await
    .unwrap();
    let settings = Settings::default();
    let database = behind_the_gate(&shop.url("waypost_reader"), &settings);
    let gate = Gate::new(["fail".to_owned()]);
    for (code, class) in [
        ("08001", FaultClass::InvalidArguments),
        ("08006", FaultClass::InvalidArguments),
        ("22012", FaultClass::InvalidArguments),
        ("23505", FaultClass::InvalidArguments),
        ("38000", FaultClass::InvalidArguments),
        ("40001", FaultClass::InvalidArguments),
        ("53200", FaultClass::InvalidArguments),
        ("58030", FaultClass::InvalidArguments),
        ("P0001", FaultClass::InvalidArguments),
        ("XX000", FaultClass::InvalidArguments),
        ("42501", FaultClass::Forbidden),
        ("53300", FaultClass::Unavailable),
        ("57P03", FaultClass::Unavailable),
    ] {
        let statement = gate.check(&format!("SELECT fail('{code}')")).unwrap();
        let fault = database.run(&statement, for_millis(5_000)).await;
        assert_eq!(fault.unwrap_err().class, class, "{code}");
    }
    let tool = Tool::of(&shop, "waypost_reader", "functions: [fail], timeout: 1s").await;
    for sql in ["SELECT fail('P0001')", "SELECT fail('08006')", "SELECT 1/0"] {
        for _ in 0..20 {
            let told = tool.fault(sql).await;
            assert!(told.contains("The database refused"), "{told}");
        }
    }
    // More time than the tool itself has: the statement runs out first.
    let told = tool.fault(ENDLESS).await;
    assert!(told.contains("The statement did not finish"), "{told}");
    assert_eq!(tool.table("SELECT 1").await["rows"], json!([[1]]));
}

#[tokio::test]
async fn statements_wait_for_a_connection_and_not_for_ever() {
    let shop = Shop::open().await;
    let settings = Settings {
        connections: 1,
        ..Settings::default()
    };
    let database = behind_the_gate(&shop.url("waypost_reader"), &settings);
    let endless = Gate::default().check(ENDLESS).unwrap();
    let short = Gate::default().check("SELECT 1").unwrap();
    let (first, second) = tokio::join!(database.run(&endless, for_millis(1_000)), async {
        until(&shop, RUNNING, "1").await;
        database.run(&short, for_millis(50)).await
    });
    assert_eq!(first.unwrap_err().class, FaultClass::InvalidArguments);
    assert_eq!(second.unwrap_err().class, FaultClass::Busy);
    assert_eq!(
        database.run(&short, for_millis(5_000)).await.unwrap().rows,
        [[json!(1)]]
    );
    assert_eq!(shop.ask(CONNECTED).await, "1");
}

#[tokio::test]
async fn a_connection_the_server_closed_is_replaced() {
    let shop = Shop::open().await;
    let database = behind_the_gate(&shop.url("waypost_reader"), &Settings::default());
    let statement = Gate::default().check("SELECT 1").unwrap();
    database.run(&statement, for_millis(5_000)).await.unwrap();
    let kill = "SELECT bool_or(pg_terminate_backend(pid))::text FROM pg_stat_activity \
                WHERE usename = 'waypost_reader' AND datname = current_database()";
    assert_eq!(shop.ask(kill).await, "true");
    until(&shop, CONNECTED, "0").await;
    database.run(&statement, for_millis(5_000)).await.unwrap();
}

#[tokio::test]
async fn an_unreachable_database_is_told_without_its_address() {
    let url = "postgres://reader:hunter2@127.0.0.1:1/shop";
    let tool = Tool::at(url, "").await;
    let told = tool.fault("SELECT 1").await;
    assert_eq!(told, "The database cannot be reached. Try again later");
}
