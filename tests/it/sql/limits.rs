//! Limits: rows, bytes, one large value, time, connections; and callers who leave.

use std::time::Duration;

use serde_json::json;
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
