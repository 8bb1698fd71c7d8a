//! How much log messages matter: eight words of the protocol, four of ours.

#![expect(
    deprecated,
    reason = "log messages are deprecated in 2026-07-28, and part of both revisions"
)]

use rmcp::model::LoggingLevel;

/// How much a log message matters, as in RFC 5424.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// For whoever debugs the tool.
    Debug,
    /// Ordinary.
    Info,
    /// Worth a look.
    Warning,
    /// Something failed.
    Error,
}

/// Our word in the protocol's.
impl From<Level> for LoggingLevel {
    fn from(level: Level) -> Self {
        match level {
            Level::Debug => Self::Debug,
            Level::Info => Self::Info,
            Level::Warning => Self::Warning,
            Level::Error => Self::Error,
        }
    }
}

/// The least of our words that is at least as severe: nobody hears more than asked for, and what is said at a level is
/// heard by those who asked for that level. Nothing of ours is worse than an error, so who wants only what is worse
/// still hears of those.
impl From<LoggingLevel> for Level {
    fn from(level: LoggingLevel) -> Self {
        match level {
            LoggingLevel::Debug => Self::Debug,
            LoggingLevel::Info => Self::Info,
            LoggingLevel::Notice | LoggingLevel::Warning => Self::Warning,
            LoggingLevel::Error
            | LoggingLevel::Critical
            | LoggingLevel::Alert
            | LoggingLevel::Emergency => Self::Error,
        }
    }
}
