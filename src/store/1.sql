-- Sessions of MCP clients (revision 2025-11-25).
CREATE TABLE mcp_session (
    digest BLOB PRIMARY KEY NOT NULL, -- BLAKE3 of the session's id
    owner TEXT NOT NULL,              -- the name of the key it belongs to
    handshake TEXT NOT NULL,          -- the parameters of `initialize`, JSON
    log_level TEXT,                   -- the least severe log messages its client wants
    subscribed TEXT NOT NULL,         -- the resources it subscribed to, a JSON list
    used INTEGER NOT NULL             -- when it was used last, in seconds since 1970
) STRICT, WITHOUT ROWID;
