//! Sessions of MCP clients, as rows.

use rusqlite::{Connection, Row, named_params};

/// The name of a session here: a digest of its id.
pub(super) type Digest = [u8; 32];

/// A session of an MCP client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// The digest of its id.
    pub digest: [u8; 32],
    /// The name of the key it belongs to.
    pub owner: String,
    /// What the client said of itself: the parameters of `initialize`, as JSON.
    pub handshake: String,
    /// The least severe log messages it wants.
    pub log_level: Option<String>,
    /// The resources it subscribed to.
    pub subscribed: Vec<String>,
    /// When it was used last, in seconds since 1970.
    pub used: i64,
}

/// Every session there is.
pub(super) fn all(connection: &Connection) -> rusqlite::Result<Vec<Session>> {
    let mut statement = connection
        .prepare("SELECT digest, owner, handshake, log_level, subscribed, used FROM mcp_session")?;
    let rows = statement.query_map([], read)?;
    rows.collect()
}

fn read(row: &Row<'_>) -> rusqlite::Result<Session> {
    let subscribed: String = row.get("subscribed")?;
    Ok(Session {
        digest: row.get("digest")?,
        owner: row.get("owner")?,
        handshake: row.get("handshake")?,
        log_level: row.get("log_level")?,
        // Written below, so it is a list of strings; by hand it may be anything, which is none.
        subscribed: serde_json::from_str(&subscribed).unwrap_or_default(),
        used: row.get("used")?,
    })
}

/// Adds a session.
pub(super) fn insert(connection: &Connection, session: &Session) -> rusqlite::Result<()> {
    let sql = "INSERT OR REPLACE INTO mcp_session \
        (digest, owner, handshake, log_level, subscribed, used) \
        VALUES (:digest, :owner, :handshake, :log_level, :subscribed, :used)";
    connection.execute(
        sql,
        named_params! {
            ":digest": session.digest,
            ":owner": session.owner,
            ":handshake": session.handshake,
            ":log_level": session.log_level,
            ":subscribed": subscribed(session),
            ":used": session.used,
        },
    )?;
    Ok(())
}

/// Changes a session that is there. One that was forgotten meanwhile stays forgotten.
pub(super) fn update(connection: &Connection, session: &Session) -> rusqlite::Result<()> {
    let sql = "UPDATE mcp_session SET log_level = :log_level, subscribed = :subscribed, used = :used \
        WHERE digest = :digest";
    connection.execute(
        sql,
        named_params! {
            ":digest": session.digest,
            ":log_level": session.log_level,
            ":subscribed": subscribed(session),
            ":used": session.used,
        },
    )?;
    Ok(())
}

/// Removes a session.
pub(super) fn delete(connection: &Connection, digest: &Digest) -> rusqlite::Result<()> {
    let sql = "DELETE FROM mcp_session WHERE digest = :digest";
    connection.execute(sql, named_params! {":digest": digest})?;
    Ok(())
}

fn subscribed(session: &Session) -> String {
    // A list of strings always serialises.
    serde_json::to_string(&session.subscribed).unwrap_or_default()
}
