use super::*;

fn passes(sql: &str) -> String {
    match Gate::default().check(sql) {
        Ok(statement) => statement.text,
        Err(refused) => panic!("{sql}: {refused}"),
    }
}

fn refused(sql: &str) -> String {
    match Gate::default().check(sql) {
        Ok(statement) => panic!("passed: {}", statement.text),
        Err(refused) => refused.to_string(),
    }
}

#[test]
fn what_is_sent_is_written_anew() {
    for (sql, sent) in [
        ("SELECT 1 -- )\n;", "SELECT 1"),
        ("select/*x/*y*/z*/a from t", "select a from t"),
        ("SELECT - -1", "SELECT - - 1"),
        ("SELECT E'a\\'b', $x$it's$x$", "SELECT 'a''b' , 'it''s'"),
        ("SELECT \"A\"\"b\" FROM t", "SELECT \"A\"\"b\" FROM t"),
    ] {
        assert_eq!(passes(sql), sent);
    }
}

#[test]
fn refusals_name_what_and_what_instead() {
    for (sql, says) in [
        ("", "is empty"),
        ("SELECT 1; SELECT 2", "more than one"),
        ("DELETE FROM orders", "Send one SELECT"),
        ("SELECT 1 INTO x", "leave INTO out"),
        (
            "SELECT pg_sleep(1)",
            "`pg_sleep` belongs to the database system",
        ),
        ("SELECT repeat('a', 9)", "`repeat` is not among"),
        ("SELECT * FROM orders FOR UPDATE", "leave FOR UPDATE"),
        (
            "WITH d AS (DELETE FROM o RETURNING *) SELECT 1",
            "would change data",
        ),
        ("EXPLAIN ANALYZE SELECT 1", "without ANALYZE"),
        ("SELECT 'x'::regclass", "`regclass` belongs"),
        ("SELECT user", "\"user\""),
        ("SELECT $1", "no parameters"),
        ("SELECT ſ FROM t", "double quotes"),
        ("TABLE orders", "cannot be read"),
        ("SELECT (o).x FROM orders o", "name the columns"),
        ("SELECT 'x'::mood", "cannot be cast to `mood`"),
    ] {
        let refused = refused(sql);
        assert!(refused.contains(says), "{sql}: {refused}");
    }
}

#[test]
fn calls_are_seen_in_every_place() {
    for sql in [
        "SELECT 1 FROM t ORDER BY evil()",
        "SELECT 1 FROM t LIMIT evil()",
        "SELECT 1 FROM t OFFSET evil()",
        "SELECT 1 FROM t FETCH FIRST (evil()) ROWS ONLY",
        "SELECT count(*) FILTER (WHERE evil()) FROM t",
        "SELECT sum(x) OVER (PARTITION BY evil()) FROM t",
        "SELECT sum(x) OVER w FROM t WINDOW w AS (ORDER BY evil())",
        "SELECT sum(x) OVER (ROWS BETWEEN evil() PRECEDING AND CURRENT ROW) FROM t",
        "SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY evil()) FROM t",
        "SELECT string_agg(x, ',' ORDER BY evil()) FROM t",
        "SELECT DISTINCT ON (evil()) x FROM t",
        "SELECT 1 FROM t GROUP BY GROUPING SETS ((evil()))",
        "SELECT 1 FROM t HAVING evil()",
        "SELECT 1 FROM a JOIN b ON evil()",
        "SELECT * FROM evil()",
        "SELECT * FROM LATERAL evil() AS x",
        "SELECT * FROM ROWS FROM (evil())",
        "SELECT * FROM unnest(evil())",
        "SELECT ARRAY[evil()]",
        "SELECT ARRAY(SELECT evil())",
        "SELECT (ARRAY[1])[evil()]",
        "SELECT x[1:evil()] FROM t",
        "SELECT CASE evil() WHEN 1 THEN 2 END",
        "SELECT CASE WHEN true THEN evil() END",
        "SELECT CAST(evil() AS text)",
        "SELECT EXTRACT(year FROM evil())",
        "SELECT SUBSTRING('a' FROM evil())",
        "SELECT TRIM(BOTH evil() FROM 'a')",
        "SELECT POSITION(evil() IN 'a')",
        "SELECT OVERLAY('a' PLACING evil() FROM 1)",
        "SELECT INTERVAL '1' + evil()",
        "VALUES (evil())",
        "WITH a AS (SELECT evil()) SELECT 1",
        "SELECT 1 UNION SELECT evil()",
        "SELECT make_interval(days => evil())",
        "SELECT \"evil\"()",
        "SELECT public.lower('x')",
        "SELECT a.b.lower('x')",
        "SELECT evil.lower('x')",
        "WITH evil(a) AS (SELECT 1) SELECT evil('x')",
        "SELECT 1 AS evil, evil('x')",
        "SELECT x LIKE 'a' ESCAPE evil() FROM t",
        "SELECT x AT TIME ZONE evil() FROM t",
        "SELECT x = ANY (evil()) FROM t",
        "SELECT ROW(evil())",
        "SELECT \"row\"(1)",
        "SELECT \"array\"(SELECT 1)",
        "SELECT (1, evil())",
        "SELECT * FROM t TABLESAMPLE evil(10)",
        "SELECT * FROM XMLTABLE('x' PASSING evil() COLUMNS a int)",
        "SELECT * FROM (VALUES (evil())) AS v(x)",
        "EXPLAIN SELECT evil()",
    ] {
        refused(sql);
    }
}

#[test]
fn nesting_and_length_are_bounded() {
    let deep = format!("SELECT {}1{}", "(".repeat(900), ")".repeat(900));
    assert!(refused(&deep).contains("nests deeper"));
    let chain = format!("SELECT 1{}", "+1".repeat(8_000));
    assert!(refused(&chain).contains("too many parts"));
    let nots = format!("SELECT {} true", "NOT ".repeat(4_000));
    refused(&nots);
    let unions = format!("SELECT 1{}", " UNION SELECT 1".repeat(1_000));
    let _ = Gate::default().check(&unions);
    let long = format!("SELECT '{}'", "x".repeat(MAX_STATEMENT));
    assert!(refused(&long).contains("bytes"));
    let list = vec!["1"; 5_000].join(",");
    passes(&format!("SELECT 1 WHERE 1 IN ({list})"));
}

#[test]
fn operators_functions_can_be_added() {
    let gate = Gate::new(["score".to_owned(), "gis.st_area".to_owned()]);
    for sql in ["SELECT score(1)", "SELECT Gis.ST_Area(g) FROM t"] {
        gate.check(sql).unwrap();
    }
    for sql in [
        "SELECT st_area(1)",
        "SELECT other.score(1)",
        "SELECT \"Score\"(1)",
    ] {
        gate.check(sql).unwrap_err();
    }
}

#[test]
fn nothing_makes_much_of_little_in_one_step() {
    for sql in [
        "SELECT replace(x, 'a', 'ab') FROM t",
        "SELECT replace(x, '', 'b') FROM t",
        "SELECT replace(x, 'a', 'é') FROM t",
        "SELECT replace(x, 'a', x) FROM t",
        "SELECT replace(x, y, '') FROM t",
        "SELECT pg_catalog.replace(x, 'a', 'bb') FROM t",
        "SELECT \"replace\"(x, 'a', 'bb') FROM t",
        "SELECT REPLACE(x, 'a', ('b' || 'b')) FROM t",
        "SELECT y FROM t, replace(x, 'a', 'bb') y",
        "SELECT y FROM t, LATERAL replace(x, 'a', 'bb') y",
        "SELECT regexp_replace(x, 'a', 'b') FROM t",
        "SELECT regexp_replace(x, '', '\\&\\&', 'g') FROM t",
        "SELECT array_to_string(x, y) FROM t",
        "SELECT array_to_string(x, 'aaaaaaaaaaaaaaaaa') FROM t",
        "SELECT array_replace(x, 'a', 'b') FROM t",
        "SELECT 'a'::char(10001)",
        "SELECT 'a'::character(10000000)",
        "SELECT 'a'::bpchar(10000000)",
        "SELECT 'a'::bpchar(10000000)[]",
        "SELECT CAST('1' AS bit(83886080))",
        "SELECT bit(83886080) '1'",
        "SELECT char(10000000) 'a'",
        "SELECT lpad('a', 100000000), rpad('a', 100000000)",
        "SELECT format('%100000000s', 'a')",
    ] {
        refused(sql);
    }
    for sql in [
        "SELECT replace(replace(x, ',', ''), '-', '_') FROM t",
        "SELECT regexp_replace(x, '[^0-9]', '', 'g') FROM t",
        "SELECT array_to_string(tags, ', ') FROM t",
        "SELECT 'a'::char(10), 'b'::varchar(100000), '1'::bit(8)",
    ] {
        passes(sql);
    }
}

#[test]
fn names_and_dots_are_read_as_the_database_does() {
    for sql in [
        "SELECT x.y FROM ONLY x",
        "SELECT 1 FROM only x",
        "SELECT 1 FROM x AS end",
        "SELECT a.b.c.d FROM t",
        "SELECT (a).b FROM t a",
        "SELECT a[1].b FROM t",
        "SELECT a.b[1].c FROM t",
        "SELECT (ROW(1)).f1",
        "SELECT mood 'x'",
        "SELECT a.mood 'x' FROM t a",
    ] {
        refused(sql);
    }
    for sql in [
        "SELECT a.b[1], a.b[1][2], s.a.b[1:2] FROM s.a",
        "SELECT a.* FROM t a",
        "SELECT count(a.*) FROM t a",
    ] {
        passes(sql);
    }
}
