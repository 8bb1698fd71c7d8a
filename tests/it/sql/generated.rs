//! Statements from a grammar that mixes honest and hostile pieces: what the gate passes is one statement to the
//! server, and changes nothing even for a superuser who sends it by the protocol that takes several.

use std::cell::Cell;

use proptest::{prelude::*, test_runner::TestRunner};
use tokio_postgres::SimpleQueryMessage;
use waypost::tools::kinds::postgres::{columns, gate::Gate};

use super::server::{Shop, execute, note};

/// How many statements are tried, unless WAYPOST_SQL_CASES says otherwise.
const CASES: u32 = 3_000;

/// Pieces of a statement that stand between others, whole or broken.
const PIECES: &[&str] = &[
    "SELECT",
    "1",
    "*",
    "FROM",
    "orders",
    "customers",
    "secrets",
    "WHERE",
    "amount",
    "> 1",
    "=",
    "'x'",
    "ORDER BY",
    "id",
    "LIMIT 1",
    "OFFSET 1",
    "(",
    ")",
    ",",
    ";",
    "--",
    "\n",
    "/*",
    "*/",
    "/* /* */",
    "$$",
    "$a$",
    "$a",
    "'",
    "\"",
    "''",
    "E'\\''",
    "E'\\\\'",
    "'\\'",
    "U&'\\0027'",
    "U&\"\\0070g_sleep\"",
    "B'1'",
    "X'41'",
    "N'x'",
    "WITH d AS (",
    "RECURSIVE",
    "DELETE FROM orders",
    "UPDATE counter SET n = 1",
    "INSERT INTO counter VALUES (1)",
    "RETURNING *",
    "DROP TABLE orders",
    "COMMIT",
    "ROLLBACK",
    "BEGIN",
    "SET ROLE postgres",
    "INTO pwn",
    "FOR UPDATE",
    "EXPLAIN",
    "ANALYZE",
    "bump()",
    "nextval('s1')",
    "pg_advisory_lock(7)",
    "lo_create(0)",
    "set_config('work_mem','1MB',false)",
    "pg_catalog.",
    "public.",
    "\"bump\"()",
    "BUMP ()",
    "count(*)",
    "lower('A')",
    "UNION",
    "ALL",
    "SELECT 2",
    "VALUES (1)",
    "AS t (a)",
    "LATERAL",
    "JOIN",
    "ON true",
    "CASE WHEN true THEN",
    "END",
    "CAST(1 AS text)",
    "::regclass",
    "::int",
    "[1]",
    "{",
    "}",
    "\\",
    "\u{a0}",
    "\u{3000}",
    "\u{feff}",
    "ſelect",
    "\r",
    "\t",
    "\u{b}",
    "\u{c}",
    "- -1",
    "--1",
    "|/ 4",
    "@-@",
    "!!",
    "a.b.c",
    "t.bump",
    "(orders).bump",
    "orders.bump",
    "orders.mark",
    "customers.marks",
    "c.marks",
    "c . marks",
    "d.mark",
    "o.mark",
    "v.mark",
    "public.customers.marks",
    "c.mark",
    "\"c\".\"marks\"",
    "AS marks",
    "ONLY",
    "customers",
    "bump(orders)",
    "1e5",
    "1_000",
    "0x1F",
    "1a",
    ".5",
    "5.",
    "$1",
    "?",
    "::text",
    "OPERATOR(pg_catalog.+)",
    "COLLATE \"C\"",
    "TABLESAMPLE system (1)",
    "ROWS FROM (bump())",
    "TABLE orders",
    "DO $$ BEGIN PERFORM bump(); END $$",
    "CALL bump()",
    "COPY orders TO STDOUT",
    "FETCH FIRST 1 ROWS ONLY",
    "INTERVAL '1'",
    "ARRAY[1]",
    "ROW(1)",
    "EXISTS (SELECT 1)",
    "AND",
    "OR",
    "NOT",
    "IN (1)",
    "IS NULL",
    "LIKE 'a'",
    "ESCAPE",
    "NULL",
];

/// Honest statements, in which pieces are put or words replaced.
const STEMS: &[&str] = &[
    "SELECT id FROM orders WHERE amount > 1 ORDER BY id LIMIT 2",
    "SELECT count ( * ) , status FROM orders GROUP BY status HAVING count ( * ) > 1",
    "WITH d AS ( SELECT * FROM customers ) SELECT name FROM d WHERE id IN ( 1 , 2 )",
    "SELECT c.name , c.marks , c.id FROM customers c WHERE c.id > 0",
    "SELECT d.mark , d.id FROM ( SELECT id , 1 AS mark FROM customers ) d",
    "WITH c AS ( SELECT 1 AS marks ) SELECT c.marks FROM c , LATERAL ( SELECT c.marks FROM customers c ) e",
    "WITH c AS ( SELECT 1 AS marks ) SELECT customers.marks FROM c customers",
    "SELECT c.name , o.amount FROM customers c JOIN orders o ON o.customer_id = c.id",
    "SELECT lower ( name ) || 'x' FROM customers UNION ALL SELECT 'y'",
    "SELECT * FROM ( VALUES ( 1 , 'a' ) ) AS v ( n , t )",
    "EXPLAIN SELECT 1",
];

fn statements() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(PIECES);
    let space = prop::sample::select(vec![" ", "", "\n", "/**/"]);
    let loose = prop::collection::vec((piece.clone(), space), 1..14).prop_map(|pieces| {
        pieces
            .into_iter()
            .map(|(piece, space)| format!("{piece}{space}"))
            .collect::<String>()
    });
    let stem = prop::sample::select(STEMS);
    let changes = prop::collection::vec((any::<prop::sample::Index>(), piece, any::<bool>()), 0..4);
    let grown = (stem, changes).prop_map(|(stem, changes)| {
        let mut words: Vec<&str> = stem.split(' ').collect();
        for (at, piece, replace) in changes {
            let at = at.index(words.len());
            if replace {
                words[at] = piece;
            } else {
                words.insert(at, piece);
            }
        }
        words.join(" ")
    });
    prop_oneof![1 => loose, 3 => grown]
}

#[test]
fn what_passes_is_one_statement_that_only_reads() {
    let cases = std::env::var("WAYPOST_SQL_CASES").ok();
    let cases = cases.and_then(|cases| cases.parse().ok()).unwrap_or(CASES);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let shop = runtime.block_on(Shop::open());
    // No wall but the gate: a superuser, who may write, by the protocol that takes several statements.
    runtime
        .block_on(execute(&shop.admin, "SET statement_timeout = '500ms'"))
        .unwrap();
    let before = runtime.block_on(shop.state());
    let gate = Gate::default();
    let (passed, ran) = (Cell::new(0_u32), Cell::new(0_u32));
    let mut runner = TestRunner::new(ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let held = runner.run(&statements(), |sql| {
        let Ok(statement) = gate.check(&sql) else {
            return Ok(());
        };
        let again = gate
            .check(statement.text())
            .map_err(|refused| TestCaseError::fail(refused.to_string()))?;
        prop_assert_eq!(
            again.text(),
            statement.text(),
            "written anew, it is the same"
        );
        let named = runtime.block_on(columns::check(&shop.admin, &statement));
        if !matches!(named, Ok(Ok(()))) {
            return Ok(());
        }
        passed.set(passed.get() + 1);
        if let Some(ends) = runtime.block_on(sent(&shop, statement.text())) {
            ran.set(ran.get() + 1);
            prop_assert_eq!(ends, 1, "{} statements: {}", ends, statement.text());
        }
        Ok(())
    });
    let (passed, ran) = (passed.get(), ran.get());
    note(&format!(
        "of {cases} statements the gate passed {passed}, of which the server ran {ran}"
    ));
    held.unwrap();
    // Once at the end: the catalogue is large, and whatever was changed would still be.
    assert_eq!(runtime.block_on(shop.state()), before);
    assert!(
        ran > cases / 50,
        "the grammar makes statements that run: {ran}"
    );
}

/// How many statements the server saw, if it could run what it was sent. More than one by its own parser is more than
/// one, whatever it then says of them.
#[expect(
    clippy::disallowed_methods,
    reason = "the point is the protocol that takes several statements"
)]
async fn sent(shop: &Shop, text: &str) -> Option<usize> {
    if let Err(error) = shop.admin.prepare(text).await {
        let several = format!("{error:?}").contains("multiple commands");
        return several.then_some(2);
    }
    let messages = shop.admin.simple_query(text).await.ok()?;
    let is_end =
        |message: &&SimpleQueryMessage| matches!(message, SimpleQueryMessage::CommandComplete(_));
    Some(messages.iter().filter(is_end).count())
}
