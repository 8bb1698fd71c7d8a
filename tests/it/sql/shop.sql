CREATE TYPE mood AS ENUM ('happy', 'sad');
CREATE TABLE customers (id int PRIMARY KEY, name text NOT NULL, email text, joined date NOT NULL, feeling mood);
CREATE TABLE orders (
    id bigint PRIMARY KEY,
    customer_id int NOT NULL REFERENCES customers,
    amount numeric(12, 2) NOT NULL,
    status text NOT NULL,
    tags text[] NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL
);
CREATE TABLE events (id uuid PRIMARY KEY, payload jsonb NOT NULL, took interval, blob bytea);
CREATE TABLE secrets (id int, token text);
CREATE TABLE counter (n int NOT NULL);
CREATE SEQUENCE s1;
INSERT INTO customers VALUES
    (1, 'Ada', 'ada@example.com', '2024-01-15', 'happy'),
    (2, 'Grace', 'grace@example.com', '2024-02-20', 'sad'),
    (3, 'Edsger', NULL, '2024-03-01', NULL);
INSERT INTO orders VALUES
    (1, 1, 10.50, 'paid', '{new,gift}', '2024-04-01 10:00:00+00'),
    (2, 1, 99.99, 'paid', '{}', '2024-04-02 11:30:00+00'),
    (3, 2, 1000.00, 'open', '{bulk}', '2024-05-01 00:00:00+00'),
    (4, 3, 0.01, 'cancelled', '{}', '2024-05-05 05:05:05+00');
INSERT INTO events VALUES
    ('00000000-0000-0000-0000-000000000001', '{"kind": "click", "at": {"x": 1, "y": [2, 3]}}', '1 day 02:03:04', '\x00ff'),
    ('00000000-0000-0000-0000-000000000002', '{"kind": "view", "ok": true}', NULL, NULL);
INSERT INTO secrets VALUES (1, 'canary-e7a1');
INSERT INTO counter VALUES (0);
CREATE FUNCTION bump() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'UPDATE counter SET n = n + 1 RETURNING n';
-- What others made callable for everybody, and what tells too much: by a row, a number, a text, anything.
CREATE FUNCTION wipe(customers) RETURNS text LANGUAGE sql SECURITY DEFINER AS 'SELECT token FROM secrets';
CREATE FUNCTION read_secret(int) RETURNS text LANGUAGE sql SECURITY DEFINER AS 'SELECT token FROM secrets';
CREATE FUNCTION read_secret_t(text) RETURNS text LANGUAGE sql SECURITY DEFINER AS 'SELECT token FROM secrets';
CREATE FUNCTION peek(anyelement) RETURNS text LANGUAGE sql SECURITY DEFINER AS 'SELECT token FROM secrets';
CREATE FUNCTION peeks(anyarray) RETURNS text LANGUAGE sql SECURITY DEFINER AS 'SELECT token FROM secrets';
CREATE FUNCTION told(record) RETURNS text LANGUAGE plpgsql SECURITY DEFINER AS 'BEGIN RETURN (SELECT token FROM secrets); END';
CREATE FUNCTION "Peek"(anyelement) RETURNS text LANGUAGE sql SECURITY DEFINER AS 'SELECT token FROM secrets';
CREATE FUNCTION "Told me"(record) RETURNS text LANGUAGE plpgsql SECURITY DEFINER AS 'BEGIN RETURN (SELECT token FROM secrets); END';
CREATE FUNCTION mark(anyelement) RETURNS int LANGUAGE sql SECURITY DEFINER AS 'UPDATE counter SET n = n + 1 RETURNING n';
CREATE FUNCTION marks(customers) RETURNS int LANGUAGE sql SECURITY DEFINER AS 'UPDATE counter SET n = n + 1 RETURNING n';
CREATE FUNCTION guarded(text) RETURNS bool LANGUAGE plpgsql SECURITY DEFINER AS
    'BEGIN RAISE ''%'', (SELECT token FROM secrets); END';
CREATE DOMAIN trap AS text CHECK (guarded(VALUE));
CREATE VIEW paid AS SELECT * FROM orders WHERE status = 'paid';
-- A role that owns what it reads, and one that may write one column.
CREATE ROLE shopkeeper LOGIN PASSWORD 'correct horse';
ALTER TABLE events OWNER TO shopkeeper;
CREATE ROLE clerk LOGIN PASSWORD 'correct horse';
GRANT SELECT, UPDATE (status) ON orders TO clerk;
