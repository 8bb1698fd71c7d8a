//! Roles: those that can do more than read are refused, and `waypost postgres-role` makes one that cannot.

use super::{
    server::{Shop, execute, role_script},
    tool::Tool,
};

#[tokio::test]
async fn roles_that_can_do_more_are_refused() {
    let shop = Shop::open().await;
    for (role, says) in [
        ("postgres", "is a superuser"),
        ("shopkeeper", "owns public.events"),
        ("clerk", "may write to public.orders"),
    ] {
        let tool = Tool::of(&shop, role, "").await;
        let told = tool.fault("SELECT 1").await;
        assert!(told.contains(says), "{role}: {told}");
        assert!(told.contains("waypost postgres-role"), "{told}");
        let unchecked = Tool::of(&shop, role, "role_check: false").await;
        unchecked.table("SELECT 1").await;
        let told = unchecked.fault("DELETE FROM orders").await;
        assert!(told.contains("not allowed"), "{told}");
    }
}

#[tokio::test]
async fn every_right_beside_reading_is_seen() {
    let shop = Shop::open().await;
    let name = shop.ask("SELECT current_database()::text").await;
    for (grant, says) in [
        ("ALTER ROLE $r CREATEROLE", "may create roles"),
        ("ALTER ROLE $r CREATEDB", "may create databases"),
        ("ALTER ROLE $r REPLICATION", "may replicate"),
        ("ALTER ROLE $r BYPASSRLS", "bypasses row security"),
        (
            "GRANT pg_read_server_files TO $r",
            "is a member of pg_read_server_files",
        ),
        (
            "GRANT INSERT ON counter TO $r",
            "may write to public.counter",
        ),
        (
            "GRANT TRUNCATE ON counter TO $r",
            "may write to public.counter",
        ),
        (
            "GRANT UPDATE (n) ON counter TO $r",
            "may write to public.counter",
        ),
        ("GRANT UPDATE ON SEQUENCE s1 TO $r", "may advance public.s1"),
        (
            "GRANT CREATE ON SCHEMA public TO $r",
            "may create in schema public",
        ),
        ("GRANT CREATE ON DATABASE $d TO $r", "may create schemas"),
        ("GRANT shopkeeper TO $r", "is a member of shopkeeper"),
        // One SET ROLE away.
        (
            "ALTER ROLE $r NOINHERIT; GRANT clerk TO $r",
            "is a member of clerk",
        ),
        (
            "ALTER ROLE $r NOINHERIT; GRANT postgres TO $r",
            "is a member of postgres",
        ),
        ("GRANT pg_monitor TO $r", "is a member of pg_monitor"),
        (
            "ALTER ROLE $r NOINHERIT; GRANT pg_read_all_data TO $r",
            "is a member of pg_read_all_data",
        ),
        (
            "GRANT clerk TO $r; ALTER ROLE $r SET role = 'clerk'",
            "is a member of clerk",
        ),
        (
            "GRANT EXECUTE ON FUNCTION pg_read_file(text) TO $r",
            "may call pg_read_file",
        ),
        (
            "GRANT EXECUTE ON FUNCTION pg_ls_dir(text) TO $r",
            "may call pg_ls_dir",
        ),
        (
            "GRANT EXECUTE ON FUNCTION pg_sleep(float8) TO $r",
            "may call pg_sleep",
        ),
        (
            "GRANT EXECUTE ON FUNCTION ts_stat(text) TO $r",
            "may call ts_stat",
        ),
        (
            "CREATE FUNCTION dblink_probe() RETURNS int LANGUAGE sql AS 'SELECT 1'",
            "may call dblink_probe",
        ),
    ] {
        let role = "probe";
        let make = format!("CREATE ROLE {role} LOGIN PASSWORD 'correct horse'; {grant}");
        execute(&shop.admin, &make.replace("$r", role).replace("$d", &name))
            .await
            .unwrap();
        let told = Tool::of(&shop, role, "").await.fault("SELECT 1").await;
        execute(
            &shop.admin,
            &format!("DROP OWNED BY {role}; DROP ROLE {role}"),
        )
        .await
        .unwrap();
        assert!(told.contains(says), "{grant}: {told}");
    }
}

/// A database in which nobody has taken the functions from everybody.
#[tokio::test]
async fn functions_with_side_effects_must_be_taken_or_kept_knowingly() {
    let shop = Shop::open().await;
    let give =
        "GRANT EXECUTE ON FUNCTION pg_notify(text, text), set_config(text, text, bool) TO PUBLIC";
    execute(&shop.admin, give).await.unwrap();
    let told = Tool::of(&shop, "waypost_reader", "")
        .await
        .fault("SELECT 1")
        .await;
    assert!(told.contains("may call pg_notify"), "{told}");
    let keeping = Tool::of(&shop, "waypost_reader", "keep_functions: true").await;
    keeping.table("SELECT 1").await;
    let script = role_script(&["--table", "orders"]);
    execute(&shop.admin, &script).await.unwrap();
    Tool::of(&shop, "waypost_reader", "")
        .await
        .table("SELECT 1")
        .await;
    // What everybody may not call is no matter of these.
    let give = "GRANT EXECUTE ON FUNCTION pg_read_file(text) TO waypost_reader";
    execute(&shop.admin, give).await.unwrap();
    let keeping = Tool::of(&shop, "waypost_reader", "keep_functions: true").await;
    let told = keeping.fault("SELECT 1").await;
    assert!(told.contains("may call pg_read_file"), "{told}");
}

#[tokio::test]
async fn the_role_reads_its_tables_and_calls_none_of_the_families() {
    let shop = Shop::open().await;
    let reader = shop.client("waypost_reader").await;
    for sql in [
        "SELECT pg_advisory_lock(1)",
        "SELECT lo_create(0)",
        "SELECT set_config('work_mem', '1GB', false)",
        "SELECT pg_notify('a', 'b')",
        "SELECT ts_stat('SELECT to_tsvector(name) FROM customers')",
        "SELECT ts_rewrite('a', 'SELECT ''a''::tsquery, ''b''::tsquery')",
        "SELECT pg_sleep(0)",
        "SELECT query_to_xml('SELECT 1', true, false, '')",
        "SELECT pg_logical_emit_message(false, 'a', 'b')",
        "SELECT * FROM secrets",
        "SELECT * FROM paid",
    ] {
        let error = reader.query(sql, &[]).await.unwrap_err();
        assert_eq!(error.code().unwrap().code(), "42501", "{sql}: {error:?}");
    }
    reader
        .query("SELECT * FROM orders, customers, events", &[])
        .await
        .unwrap();
}

#[tokio::test]
async fn the_script_is_the_same_each_time_and_can_be_run_again() {
    let shop = Shop::open().await;
    let options = ["--table", "orders", "--table", "public.customers"];
    let script = role_script(&options);
    assert_eq!(script, role_script(&options));
    execute(&shop.admin, &script).await.unwrap();
    execute(&shop.admin, &script).await.unwrap();
}

/// Whatever a name holds, it stays a name.
#[tokio::test]
async fn hostile_names_stay_names() {
    let shop = Shop::open().await;
    let before = shop.state().await;
    let names = [
        "a\"; DROP TABLE orders; --",
        "it's",
        "back\\slash",
        "new\nline; DROP TABLE orders",
        "$families$; DROP TABLE orders; --",
        "'); DROP TABLE orders; --",
        "日本",
        "%I %s",
    ];
    for name in names {
        let quoted = name.replace('"', "\"\"");
        let table = format!("CREATE TABLE \"{quoted}\" (x int)");
        execute(&shop.admin, &table).await.unwrap();
        let script = role_script(&["--role", name, "--table", name, "--keep-functions"]);
        execute(&shop.admin, &script)
            .await
            .unwrap_or_else(|error| panic!("{name}: {error:?}\n{script}"));
        let literal = name.replace('\'', "''");
        let readable = format!(
            "SELECT has_table_privilege(E'{}', '\"{}\"', 'SELECT')::text",
            literal.replace('\\', "\\\\"),
            quoted.replace('\'', "''")
        );
        assert_eq!(shop.ask(&readable).await, "true", "{name}");
        execute(
            &shop.admin,
            &format!("DROP TABLE \"{quoted}\"; DROP OWNED BY \"{quoted}\"; DROP ROLE \"{quoted}\""),
        )
        .await
        .unwrap();
    }
    assert_eq!(shop.state().await, before);
}
