//! What a connection shows of itself: that a list is another, that it is over, and why.

use std::sync::{
    Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use rmcp::model::ServerNotification;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::{announced::Announced, cut::Cut};

/// What a connection shows of itself.
#[derive(Debug, Default)]
pub(super) struct Signs {
    /// Another list is there.
    pub(super) changed: Notify,
    /// Which lists were said to be others.
    announced: Mutex<Announced>,
    /// Whether it was held against its replica that the connection broke.
    held_against: AtomicBool,
    /// Why the gateway had no token of its own to make it with.
    tokenless: Mutex<Option<String>>,
    /// The first reason why it is over.
    over: Mutex<Option<Over>>,
    /// The connection is over, or of no more use.
    pub(super) gone: CancellationToken,
}

/// Why a connection is over.
#[derive(Clone, Debug, thiserror::Error)]
pub(super) enum Over {
    /// The other end closed it.
    #[error("it was closed")]
    Closed,
    /// Nothing gets through any more.
    #[error("{0}")]
    Cut(Cut),
    /// It was given up: more came than is borne.
    #[error("it floods the connection")]
    Flooded,
    /// It was given up: nothing came that was waited for.
    #[error("it did not list anything in time")]
    Hangs,
    /// It was given up with its circuit, which opened.
    #[error("its circuit has opened")]
    Failing,
}

impl Over {
    /// Whether the other end closed it: a program does so when it ends.
    pub(super) fn is_closed(&self) -> bool {
        matches!(self, Self::Closed | Self::Cut(Cut::Closed))
    }
}

impl Signs {
    /// Takes note of a notification that a list is another: whether it was one.
    pub(super) fn note(&self, notification: &ServerNotification) -> bool {
        use ServerNotification as Is;
        let mut announced = lock(&self.announced);
        match notification {
            Is::ToolListChangedNotification(_) => announced.tools = true,
            Is::PromptListChangedNotification(_) => announced.prompts = true,
            Is::ResourceListChangedNotification(_) => announced.resources = true,
            _ => return false,
        }
        true
    }

    /// Takes note that the session is over, which is nobody's failure: servers end them when they like.
    pub(super) fn expired(&self) {
        self.held_against.store(true, Ordering::Release);
        self.end(Over::Cut(Cut::Expired));
    }

    /// The connection is over for this reason, unless it was before.
    pub(super) fn end(&self, why: Over) {
        lock(&self.over).get_or_insert(why);
        self.gone.cancel();
    }

    /// Why it is over, where that is known.
    pub(super) fn over(&self) -> Option<Over> {
        lock(&self.over).clone()
    }

    /// Takes note of why there was no token for it, or that there was one.
    pub(super) fn lacked_token(&self, why: Option<String>) {
        *lock(&self.tokenless) = why;
    }

    /// Why there was no token for it.
    pub(super) fn tokenless(&self) -> Option<String> {
        lock(&self.tokenless).clone()
    }

    /// Whether it was held against the replica already that the connection broke; from now on it was.
    pub(super) fn were_held_against(&self) -> bool {
        self.held_against.swap(true, Ordering::AcqRel)
    }

    /// What was announced since this was asked last.
    pub(super) fn take_announced(&self) -> Announced {
        std::mem::take(&mut lock(&self.announced))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
