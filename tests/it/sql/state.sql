SELECT concat_ws(E'\n',
    (SELECT string_agg(o::text, ';' ORDER BY id) FROM orders o),
    (SELECT string_agg(c::text, ';' ORDER BY id) FROM customers c),
    (SELECT string_agg(e::text, ';' ORDER BY id) FROM events e),
    (SELECT string_agg(s::text, ';' ORDER BY id) FROM secrets s),
    (SELECT 'counter ' || n FROM counter),
    (SELECT 'sequence ' || last_value || is_called FROM s1),
    (SELECT string_agg(oid || relname || coalesce(relacl::text, ''), ';' ORDER BY oid) FROM pg_class
        WHERE relnamespace NOT IN (SELECT oid FROM pg_namespace WHERE nspname LIKE 'pg\_%')),
    (SELECT count(*)::text || max(oid) FROM pg_proc),
    (SELECT string_agg(pg_authid::text, ';' ORDER BY oid) FROM pg_authid
        WHERE rolname IN ('postgres', 'waypost_reader', 'clerk', 'shopkeeper')),
    (SELECT count(*)::text FROM pg_largeobject_metadata),
    (SELECT count(*)::text FROM pg_locks WHERE locktype = 'advisory'
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())),
    (SELECT string_agg(name, ';' ORDER BY name) FROM pg_ls_dir('.') AS name WHERE name NOT LIKE 'pg\_%'),
    (SELECT string_agg(setting, ';' ORDER BY name) FROM pg_settings WHERE name IN ('default_transaction_read_only', 'statement_timeout'))
)
