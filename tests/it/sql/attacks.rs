//! Attacks: refused by the gate, and harmless where there is none.

use serde_json::Value;
use tokio_postgres::Client;
use waypost::tools::kinds::postgres::{
    Settings,
    gate::{Gate, Statement},
};

use super::{
    behind_the_gate,
    corpus::{ARGUMENTS, HOSTILE, LOAD, MEMBERS},
    for_millis,
    server::{Shop, execute},
    tool::{Tool, fault},
};

/// What nobody who asks may read: a row of `secrets`, the server's files, its roles' hashes.
const CANARIES: &[&str] = &["canary-e7a1", "root:x:0", "SCRAM-SHA-256"];

fn no_canary(name: &str, text: &str) {
    for canary in CANARIES {
        assert!(!text.contains(canary), "{name} leaked {canary}: {text}");
    }
}

/// Somebody else's session goes on.
async fn works(victim: &Client, name: &str) {
    let counted = victim.query_one("SELECT count(*) FROM orders", &[]).await;
    let count: i64 = counted
        .unwrap_or_else(|error| panic!("{name} broke another session: {error}"))
        .get(0);
    assert_eq!(count, 4, "{name}");
    let lock = "SELECT pg_try_advisory_lock(1) AND pg_advisory_unlock(1)";
    let free: bool = victim.query_one(lock, &[]).await.unwrap().get(0);
    assert!(free, "{name} holds a lock");
}

#[tokio::test]
async fn the_tool_refuses_every_hostile_statement() {
    let shop = Shop::open().await;
    let before = shop.state().await;
    let tool = Tool::of(&shop, "waypost_reader", "").await;
    for (name, sql) in HOSTILE {
        let told = tool.fault(sql).await;
        assert!(
            told.starts_with("The statement is not allowed: "),
            "{name}: {told}"
        );
        no_canary(name, &told);
    }
    assert_eq!(shop.state().await, before);
}

#[tokio::test]
async fn no_name_behind_a_dot_is_a_call() {
    let shop = Shop::open().await;
    let before = shop.state().await;
    let tool = Tool::of(&shop, "waypost_reader", "").await;
    let mut passed = Vec::new();
    for sql in MEMBERS {
        let result = tool.call(&serde_json::json!({ "sql": sql })).await;
        no_canary(sql, &result.to_string());
        if !result
            .to_string()
            .contains("The statement is not allowed: ")
        {
            passed.push((sql, result));
        }
    }
    assert!(passed.is_empty(), "{passed:#?}");
    assert_eq!(shop.state().await, before);
}

/// A function of somebody's with a name of the system's is another function.
#[tokio::test]
async fn functions_of_the_system_are_not_others_of_their_name() {
    let shop = Shop::open().await;
    for name in [
        "lower",
        "ceil",
        "floor",
        "substring",
        "log",
        "overlay",
        "max",
    ] {
        let make = format!(
            "CREATE FUNCTION \"{name}\"(customers) RETURNS text LANGUAGE sql SECURITY DEFINER AS 'SELECT token FROM secrets'"
        );
        execute(&shop.admin, &make).await.unwrap();
    }
    let tool = Tool::of(&shop, "waypost_reader", "").await;
    for sql in [
        "SELECT lower(c) FROM customers c",
        "SELECT LOWER(c) FROM customers c",
        "SELECT \"lower\"(c) FROM customers c",
        "SELECT x FROM customers c, LATERAL lower(c) x",
        "SELECT ceil(c) FROM customers c",
        "SELECT FLOOR(c) FROM customers c",
        "SELECT substring(c) FROM customers c",
        "SELECT overlay(c) FROM customers c",
        "SELECT max(c) OVER () FROM customers c",
        "SELECT log('100')",
    ] {
        let told = tool.fault(sql).await;
        no_canary(sql, &told);
        assert!(told.contains("not allowed"), "{sql}: {told}");
    }
    let lower = tool.table("SELECT pg_catalog.lower('X')").await;
    assert_eq!(lower["rows"], serde_json::json!([["x"]]));
    let named = Tool::of(&shop, "waypost_reader", "functions: [lower]").await;
    named.table("SELECT lower('X')").await;
}

#[tokio::test]
async fn behind_the_gate_every_hostile_statement_is_harmless() {
    let shop = Shop::open().await;
    let before = shop.state().await;
    let victim = shop.client("postgres").await;
    let database = behind_the_gate(&shop.url("waypost_reader"), &Settings::default());
    for (name, sql) in HOSTILE.iter().chain(LOAD) {
        let ran = database
            .run(&Statement::unjudged(sql), for_millis(400))
            .await;
        no_canary(name, &format!("{ran:?}"));
        works(&victim, name).await;
        assert_eq!(shop.state().await, before, "{name}: {ran:?}");
    }
}

#[tokio::test]
async fn load_is_stopped_in_time() {
    let shop = Shop::open().await;
    let tool = Tool::of(&shop, "waypost_reader", "statement_timeout: 300ms").await;
    let victim = shop.client("postgres").await;
    for (name, sql) in LOAD {
        let told = tool.fault(sql).await;
        let stopped = told.contains("did not finish within 300ms")
            || told.contains("temporary file size exceeds");
        assert!(stopped, "{name}: {told}");
        works(&victim, name).await;
    }
}

/// Steps that are harmless each by itself, from one caller and the next on the same connection.
#[tokio::test]
async fn nothing_of_a_statement_meets_the_next() {
    let sequences: &[&[&str]] = &[
        &["SET TRANSACTION READ WRITE", "SELECT bump()", "COMMIT"],
        &[
            "SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE",
            "SELECT bump()",
        ],
        &[
            "SET default_transaction_read_only = off",
            "COMMIT",
            "UPDATE counter SET n = 5",
        ],
        &["COMMIT", "SELECT bump()"],
        &["SET statement_timeout = 0", "SELECT pg_sleep(10)"],
        &[
            "SET LOCAL statement_timeout = 0",
            "SELECT count(*) FROM generate_series(1, 1000000000)",
        ],
        &["SELECT pg_advisory_lock(1)", "SELECT 1"],
        &["PREPARE p AS SELECT * FROM customers", "EXECUTE p"],
        &["CREATE TEMP TABLE t AS SELECT 1", "SELECT * FROM t"],
        &[
            "DECLARE c CURSOR WITH HOLD FOR SELECT 1",
            "FETCH ALL FROM c",
        ],
        &["SET search_path = pg_temp", "SELECT * FROM orders"],
    ];
    let shop = Shop::open().await;
    let before = shop.state().await;
    let victim = shop.client("postgres").await;
    let settings = Settings {
        connections: 1,
        ..Settings::default()
    };
    let database = behind_the_gate(&shop.url("waypost_reader"), &settings);
    for sequence in sequences {
        for step in *sequence {
            let ran = database
                .run(&Statement::unjudged(step), for_millis(300))
                .await;
            no_canary(step, &format!("{ran:?}"));
            assert_eq!(
                shop.state().await,
                before,
                "{sequence:?} at {step}: {ran:?}"
            );
            works(&victim, step).await;
        }
        // Whoever comes next finds a connection as new.
        let prepared = "SELECT 'leftover' FROM pg_prepared_statements WHERE from_sql UNION ALL SELECT 'leftover' FROM pg_cursors WHERE is_holdable \
                        UNION ALL SELECT 'leftover' FROM pg_class WHERE relpersistence = 't'";
        let left = database
            .run(&Statement::unjudged(prepared), for_millis(3000))
            .await
            .unwrap();
        assert!(left.rows.is_empty(), "{sequence:?} left {left:?}");
        let settings =
            "SELECT current_setting('statement_timeout') || current_setting('search_path')";
        let now = database
            .run(&Statement::unjudged(settings), for_millis(3000))
            .await
            .unwrap();
        assert_eq!(now.rows[0][0], "3s\"$user\", public", "{sequence:?}");
    }
}

#[tokio::test]
async fn hostile_arguments_are_refused() {
    let shop = Shop::open().await;
    let before = shop.state().await;
    let tool = Tool::of(&shop, "waypost_reader", "").await;
    for arguments in ARGUMENTS {
        let parsed: Value = serde_json::from_str(arguments).unwrap();
        let told = fault(&tool.call(&parsed).await);
        no_canary(arguments, &told);
    }
    assert_eq!(shop.state().await, before);
}

/// Patterns that make the server's matcher work hard read nothing more, and the time runs out.
#[tokio::test]
async fn hard_patterns_are_stopped_in_time() {
    let shop = Shop::open().await;
    let tool = Tool::of(&shop, "waypost_reader", "statement_timeout: 300ms").await;
    let alternatives = vec!["a{1,90}b{1,90}"; 300].join("|");
    let like = "%a".repeat(2000);
    for sql in [
        format!("SELECT 'x' ~ '({alternatives})' FROM generate_series(1, 100000)"),
        format!(
            "SELECT count(*) FROM generate_series(1, 2000000) g WHERE (g::text || 'aaaaaaaaaaaaaaaaaaaaaaaaaaaa') LIKE '{like}b'"
        ),
    ] {
        let result = tool.call(&serde_json::json!({ "sql": sql })).await;
        if result["isError"] == true {
            let told = fault(&result);
            assert!(
                told.contains("did not finish") || told.contains("refused"),
                "{told}"
            );
        }
    }
}

#[test]
fn what_the_gate_passes_of_the_corpus_is_load_only() {
    let gate = Gate::default();
    let passed = |(name, sql): &(&'static str, &str)| gate.check(sql).is_ok().then_some(*name);
    let passed: Vec<&str> = HOSTILE.iter().chain(LOAD).filter_map(passed).collect();
    assert_eq!(passed, ["Q37", "Q38", "Q39", "L01"]);
}

/// The second wall by itself: a superuser, and no gate.
#[tokio::test]
async fn the_transaction_only_reads_whatever_the_role_may() {
    let shop = Shop::open().await;
    let settings = Settings {
        role_check: false,
        ..Settings::default()
    };
    let before = shop.state().await;
    let database = behind_the_gate(&shop.url("postgres"), &settings);
    for sql in [
        "DELETE FROM orders",
        "SELECT bump()",
        "SELECT nextval('s1')",
        "CREATE TABLE pwn (x int)",
    ] {
        let fault = database
            .run(&Statement::unjudged(sql), for_millis(5_000))
            .await
            .unwrap_err();
        assert!(
            fault.message.contains("read-only transaction"),
            "{sql}: {fault:?}"
        );
        assert_eq!(shop.state().await, before, "{sql}");
    }
}
