//! Requests under way, and how a server hears that nobody waits for one any more.

use std::time::Duration;

use rmcp::{
    RoleClient,
    model::{CancelledNotification, CancelledNotificationParam, RequestId},
    service::Peer,
};
use tokio::time::timeout;

use super::asking::Running;

/// How long a server may take to hear that a request is called off.
const CALLED_OFF: Duration = Duration::from_secs(5);

/// A request that is under way: called off when dropped before it is over.
pub(super) struct Underway<'a> {
    peer: &'a Peer<RoleClient>,
    running: &'a Running,
    id: RequestId,
    is_over: bool,
}

impl<'a> Underway<'a> {
    /// A request that was sent.
    pub(super) fn new(peer: &'a Peer<RoleClient>, running: &'a Running, id: RequestId) -> Self {
        Self {
            peer,
            running,
            id,
            is_over: false,
        }
    }

    /// Its answer is there.
    pub(super) fn is_over(&mut self) {
        self.is_over = true;
    }
}

impl Drop for Underway<'_> {
    fn drop(&mut self) {
        self.running.end(&self.id);
        if self.is_over {
            return;
        }
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        let peer = self.peer.clone();
        let reason = "nobody waits for the answer any more".to_owned();
        let params = CancelledNotificationParam::new(Some(self.id.clone()), Some(reason));
        // Nobody waits for this task: it ends by itself.
        runtime.spawn(async move {
            let calling_off = peer.send_notification(CancelledNotification::new(params).into());
            let _ = timeout(CALLED_OFF, calling_off).await;
        });
    }
}
