//! Where the configuration comes from, what of it waits for a restart, and why nothing is served.

use std::io;

use super::{Wired, load};
use crate::{
    config::{File, Source, report},
    mcp::Unwelcome,
    store,
};

/// Why nothing is served.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    /// The configuration is bad. The text is the whole report.
    #[error("{0}")]
    Config(String),
    /// There is no configuration and no key in the environment.
    #[error(
        "no configuration found: no --config, no $WAYPOST_CONFIG, no ./waypost.yaml, and no provider's key in the environment (like OPENAI_API_KEY).\nTo look around without any key: waypost demo"
    )]
    Nothing,
    /// The file cannot be read.
    #[error("{0}: {1}")]
    Unreadable(String, io::Error),
    /// A reload would leave no provider.
    #[error("{0} names no provider any more; to serve none, restart")]
    Emptied(String),
    /// A listener cannot be bound.
    #[error("cannot listen on {0}: {1}")]
    Bind(String, io::Error),
    /// The one client of standard input and output is not let in.
    #[error("WAYPOST_API_KEY: {0}")]
    Unwelcome(#[from] Unwelcome),
    /// It was let in, and is no longer.
    #[error("WAYPOST_API_KEY is no longer a key of the configuration")]
    Withdrawn,
    /// It does not speak the protocol.
    #[error(
        "standard input does not begin as MCP does, with `initialize` or a request of the 2026-07-28 revision"
    )]
    Unbegun,
    /// What must survive a restart cannot be kept.
    #[error(transparent)]
    Store(#[from] store::Failed),
    /// Signals cannot be heard.
    #[error("cannot hear signals: {0}")]
    Signals(io::Error),
}

/// A configuration's source, and how it is read.
pub(super) struct Papers {
    pub(super) source: Source,
    pub(super) overrides: (Option<String>, Option<String>),
    pub(super) colour: bool,
}

impl Papers {
    /// Reads and wires; `amend` sees what was written, overrides included, before it is judged.
    pub(super) fn read(&self, amend: impl FnOnce(&mut File)) -> Result<(File, Wired), Failed> {
        let environment = |name: &str| std::env::var(name).ok();
        let unreadable = |error| Failed::Unreadable(self.source.name(), error);
        let read = self.source.read(environment).map_err(unreadable)?;
        if self.source == Source::Environment && read.is_empty() {
            return Err(Failed::Nothing);
        }
        let adjust = |file: &mut File| {
            let (listen, admin_listen) = &self.overrides;
            file.server.listen = listen.clone().unwrap_or_else(|| file.server.listen.clone());
            file.server.admin_listen = admin_listen
                .clone()
                .unwrap_or_else(|| file.server.admin_listen.clone());
            amend(file);
        };
        let good = load(&read, adjust, &environment).map_err(|diagnostics| {
            Failed::Config(report::render(&diagnostics, &read.text, self.colour))
        })?;
        for warning in &good.warnings {
            tracing::warn!("{warning}");
        }
        Ok((good.file, good.wired))
    }
}

/// Says which changes wait for a restart.
pub(super) fn needs_restart(first: &File, now: &File) {
    let changed = [
        ("server.listen", first.server.listen != now.server.listen),
        (
            "server.admin_listen",
            first.server.admin_listen != now.server.admin_listen,
        ),
        ("server.tls", first.server.tls != now.server.tls),
        (
            "server.header_timeout",
            first.server.header_timeout != now.server.header_timeout,
        ),
        (
            "server.max_connections",
            first.server.max_connections != now.server.max_connections,
        ),
        ("server.drain", first.server.drain != now.server.drain),
        ("mcp.pins", first.mcp.pins != now.mcp.pins),
        ("store", first.store != now.store),
        ("upstream", first.upstream != now.upstream),
        ("telemetry", first.telemetry != now.telemetry),
    ];
    for (key, _) in changed.iter().filter(|(_, changed)| *changed) {
        tracing::warn!(key, "this change needs a restart");
    }
}
