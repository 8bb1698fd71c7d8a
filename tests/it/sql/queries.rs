//! Honest questions, with the right answers.

use serde_json::{Value, json};

use super::{server::Shop, tool::Tool};

/// Statements as models write them, and the rows they give.
fn honest() -> Vec<(&'static str, Value)> {
    vec![
        ("SELECT 1", json!([[1]])),
        ("select count(*) from orders;", json!([[4]])),
        (
            "SELECT id, amount FROM orders WHERE amount > 50 ORDER BY amount DESC",
            json!([[3, "1000.00"], [2, "99.99"]]),
        ),
        (
            "SELECT name FROM customers WHERE email IS NULL",
            json!([["Edsger"]]),
        ),
        (
            "SELECT c.name, sum(o.amount) AS total FROM customers c JOIN orders o ON o.customer_id = c.id GROUP BY c.name ORDER BY total DESC LIMIT 2",
            json!([["Grace", "1000.00"], ["Ada", "110.49"]]),
        ),
        (
            "SELECT status, count(*) FILTER (WHERE amount > 1) FROM orders GROUP BY 1 ORDER BY 1",
            json!([["cancelled", 0], ["open", 1], ["paid", 2]]),
        ),
        (
            "SELECT DISTINCT status FROM orders ORDER BY status",
            json!([["cancelled"], ["open"], ["paid"]]),
        ),
        (
            "SELECT DISTINCT ON (customer_id) id FROM orders ORDER BY customer_id, created_at DESC",
            json!([[2], [3], [4]]),
        ),
        (
            "SELECT date_trunc('month', created_at AT TIME ZONE 'UTC')::date AS month, count(*) FROM orders GROUP BY month ORDER BY month",
            json!([["2024-04-01", 2], ["2024-05-01", 2]]),
        ),
        (
            "SELECT extract(year FROM created_at)::int FROM orders LIMIT 1",
            json!([[2024]]),
        ),
        (
            "WITH big AS (SELECT * FROM orders WHERE amount > 10) SELECT count(*) FROM big",
            json!([[3]]),
        ),
        (
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5) SELECT sum(i) FROM n",
            json!([[15]]),
        ),
        (
            "SELECT id, rank() OVER (PARTITION BY customer_id ORDER BY amount DESC) FROM orders ORDER BY id",
            json!([[1, 2], [2, 1], [3, 1], [4, 1]]),
        ),
        (
            "SELECT id, sum(amount) OVER w FROM orders WINDOW w AS (ORDER BY id ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) ORDER BY id LIMIT 2",
            json!([[1, "10.50"], [2, "110.49"]]),
        ),
        (
            "SELECT CASE WHEN amount > 100 THEN 'big' ELSE 'small' END AS size, count(*) FROM orders GROUP BY size ORDER BY size",
            json!([["big", 1], ["small", 3]]),
        ),
        (
            "SELECT coalesce(email, '-') FROM customers ORDER BY id",
            json!([["ada@example.com"], ["grace@example.com"], ["-"]]),
        ),
        (
            "SELECT name FROM customers WHERE name ILIKE 'a%' OR name LIKE '%r'",
            json!([["Ada"], ["Edsger"]]),
        ),
        (
            "SELECT name FROM customers WHERE id IN (SELECT customer_id FROM orders WHERE status = 'open')",
            json!([["Grace"]]),
        ),
        (
            "SELECT name FROM customers c WHERE EXISTS (SELECT 1 FROM orders o WHERE o.customer_id = c.id AND o.amount > 500)",
            json!([["Grace"]]),
        ),
        (
            "SELECT (SELECT max(amount) FROM orders), (SELECT min(amount) FROM orders)",
            json!([["1000.00", "0.01"]]),
        ),
        (
            "SELECT id FROM orders WHERE id BETWEEN 2 AND 3 ORDER BY 1",
            json!([[2], [3]]),
        ),
        (
            "SELECT tags FROM orders WHERE 'gift' = ANY (tags)",
            json!([[["new", "gift"]]]),
        ),
        (
            "SELECT unnest(tags) AS tag FROM orders ORDER BY tag",
            json!([["bulk"], ["gift"], ["new"]]),
        ),
        (
            "SELECT array_agg(id ORDER BY id) FROM orders",
            json!([[[1, 2, 3, 4]]]),
        ),
        ("SELECT tags[1] FROM orders WHERE id = 1", json!([["new"]])),
        (
            "SELECT payload->>'kind', payload->'at'->'y'->0 FROM events ORDER BY id",
            json!([["click", 2], ["view", null]]),
        ),
        (
            "SELECT payload FROM events WHERE payload @> '{\"ok\": true}'",
            json!([[{"kind": "view", "ok": true}]]),
        ),
        (
            "SELECT k.key FROM events e CROSS JOIN LATERAL jsonb_each(e.payload) AS k(key, value) WHERE e.id = '00000000-0000-0000-0000-000000000002' ORDER BY 1",
            json!([["kind"], ["ok"]]),
        ),
        (
            "SELECT took, blob FROM events ORDER BY id",
            json!([["1 day 02:03:04", "\\x00ff"], [null, null]]),
        ),
        (
            "SELECT string_agg(name, ', ' ORDER BY name DESC) FROM customers",
            json!([["Grace, Edsger, Ada"]]),
        ),
        (
            "SELECT upper(left(name, 2)) || '…' FROM customers WHERE id = 1 -- the first",
            json!([["AD…"]]),
        ),
        (
            "SELECT feeling, count(*) FROM customers GROUP BY feeling ORDER BY feeling NULLS LAST",
            json!([["happy", 1], ["sad", 1], [null, 1]]),
        ),
        (
            "SELECT id FROM orders UNION SELECT id + 10 FROM customers ORDER BY 1 OFFSET 5",
            json!([[12], [13]]),
        ),
        (
            "SELECT id FROM customers EXCEPT SELECT customer_id FROM orders WHERE amount > 50 ORDER BY 1",
            json!([[3]]),
        ),
        (
            "SELECT status, customer_id, count(*) FROM orders GROUP BY ROLLUP (status, customer_id) HAVING count(*) > 1 ORDER BY 1, 2",
            json!([["paid", 1, 2], ["paid", null, 2], [null, null, 4]]),
        ),
        (
            "SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY amount) FROM orders",
            json!([[55.245]]),
        ),
        (
            "SELECT d::date FROM generate_series('2024-01-01'::timestamp, '2024-01-03', interval '1 day') AS d",
            json!([["2024-01-01"], ["2024-01-02"], ["2024-01-03"]]),
        ),
        (
            "SELECT joined + interval '1 month' > '2024-03-01', joined FROM customers ORDER BY id LIMIT 1",
            json!([[false, "2024-01-15"]]),
        ),
        (
            "SELECT * FROM (VALUES (1, 'a'), (2, 'b')) AS v (n, t) ORDER BY n DESC",
            json!([[2, "b"], [1, "a"]]),
        ),
        (
            "SELECT a.id AS id, b.id AS id FROM orders a LEFT JOIN orders b ON b.id = a.id + 3 ORDER BY 1 LIMIT 2",
            json!([[1, 4], [2, null]]),
        ),
        (
            "SELECT 9007199254740993, 1.5::float8, 'NaN'::float8, true, NULL",
            json!([["9007199254740993", 1.5, "NaN", true, null]]),
        ),
        (
            "SELECT 'it''s', E'tab\\there', $$a;b$$, \"name\" FROM public.customers WHERE id = 1",
            json!([["it's", "tab\there", "a;b", "Ada"]]),
        ),
        (
            "SELECT substring(name FROM 1 FOR 2), position('a' IN name), trim(both 'A' FROM name) FROM customers WHERE id = 1",
            json!([["Ad", 3, "da"]]),
        ),
        ("SELECT /* how /* deep */ ? */ - -1", json!([[1]])),
        ("SELECT row(1, 'x')", json!([[{"f1": 1, "f2": "x"}]])),
        // No amount is rounded, wherever it stands.
        (
            "SELECT ARRAY[12345678901234567.89, 10.50], row(12345678901234567.89, 1), jsonb_build_object('a', 12345678901234567.89), '[1e400, 0.1]'::json, ARRAY[9007199254740993]",
            json!([[["12345678901234567.89", 10.5], {"f1": "12345678901234567.89", "f2": 1}, {"a": "12345678901234567.89"}, ["1e400", 0.1], ["9007199254740993"]]]),
        ),
        // Names behind dots that are columns for certain, or nothing else.
        (
            "SELECT d.month, d.count FROM (SELECT date_trunc('month', o.created_at)::date AS month, count(*) FROM orders o GROUP BY 1) d ORDER BY d.month",
            json!([["2024-04-01", 2], ["2024-05-01", 2]]),
        ),
        (
            "WITH a AS (SELECT * FROM customers), b AS (SELECT a.*, o.amount FROM a JOIN orders o ON o.customer_id = a.id) SELECT b.name, max(b.amount) FROM b GROUP BY b.name ORDER BY b.name LIMIT 1",
            json!([["Ada", "99.99"]]),
        ),
        (
            "WITH customers AS (SELECT c.id, c.name AS label FROM customers c) SELECT customers.label FROM customers WHERE customers.id = 2",
            json!([["Grace"]]),
        ),
        (
            "SELECT k.key, k.value, g.g, n.column1, t.ordinality FROM jsonb_each('{\"a\": 1}') k, generate_series(1, 1) g, (VALUES (5)) n, unnest(ARRAY['x']) WITH ORDINALITY t",
            json!([["a", 1, 1, 5, 1]]),
        ),
        (
            "SELECT public.customers.name, orders.tags[1] FROM public.customers JOIN orders ON orders.customer_id = customers.id ORDER BY orders.id LIMIT 1",
            json!([["Ada", "new"]]),
        ),
        (
            "SELECT x.name, x.date FROM (SELECT c.name, c.joined AS date FROM customers c) x ORDER BY x.date LIMIT 1",
            json!([["Ada", "2024-01-15"]]),
        ),
        (
            "SELECT r.n FROM (WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT r.n + 1 FROM r WHERE r.n < 3) SELECT r.n FROM r) r ORDER BY r.n DESC LIMIT 1",
            json!([[3]]),
        ),
        (
            "SELECT j.name FROM (customers c JOIN orders o ON o.customer_id = c.id) AS j ORDER BY j.amount LIMIT 1",
            json!([["Edsger"]]),
        ),
        (
            "SELECT to_char(amount, 'FM999,990.00'), round(amount), ceil(amount) FROM orders WHERE id = 2",
            json!([["99.99", "100", "100"]]),
        ),
    ]
}

#[tokio::test]
async fn honest_questions_are_answered() {
    let shop = Shop::open().await;
    let tool = Tool::of(&shop, "waypost_reader", "").await;
    for (sql, rows) in honest() {
        let table = tool.table(sql).await;
        assert_eq!(table["rows"], rows, "{sql}");
        assert_eq!(table["row_count"], rows.as_array().unwrap().len(), "{sql}");
        assert_eq!(table["truncated"], false, "{sql}");
    }
}

#[tokio::test]
async fn columns_have_names_and_types() {
    let shop = Shop::open().await;
    let tool = Tool::of(&shop, "waypost_reader", "").await;
    let table = tool
        .table("SELECT id, amount AS \"The sum\", tags, now() FROM orders WHERE false")
        .await;
    let expected = json!([
        { "name": "id", "type": "int8" },
        { "name": "The sum", "type": "numeric" },
        { "name": "tags", "type": "text[]" },
        { "name": "now", "type": "timestamptz" },
    ]);
    assert_eq!(table["columns"], expected);
}

#[tokio::test]
async fn plans_are_shown() {
    let shop = Shop::open().await;
    let tool = Tool::of(&shop, "waypost_reader", "").await;
    let plan = tool
        .table("EXPLAIN SELECT * FROM orders WHERE id = 1")
        .await;
    assert!(plan["rows"].to_string().contains("on orders"), "{plan}");
}

#[tokio::test]
async fn mistakes_are_told_in_the_servers_words() {
    let shop = Shop::open().await;
    let tool = Tool::of(&shop, "waypost_reader", "").await;
    for (sql, says) in [
        (
            "SELECT customer FROM orders",
            "column \"customer\" does not exist",
        ),
        ("SELECT order_id FROM orders o", "does not exist"),
        ("SELECT 1/0", "division by zero"),
        (
            "SELECT token FROM secrets",
            "permission denied for table secrets",
        ),
        ("SELECT 'x'::int", "invalid input syntax"),
        ("SELECT * FROM orders WHERE", "cannot be read as PostgreSQL"),
    ] {
        let told = tool.fault(sql).await;
        assert!(told.contains(says), "{sql}: {told}");
    }
}
