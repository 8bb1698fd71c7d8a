//! The waker of a connection that has no task of its own.
//!
//! It rings for whoever waits for the connection at the moment. What rings while that one is at it is its own
//! doing, and would only wake it once more for nothing: it is noted instead.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    task::{Context, Wake},
};

use futures_util::task::AtomicWaker;

/// The waker of one connection.
#[derive(Debug, Default)]
pub(super) struct Bell {
    /// There is something for the connection to do.
    rung: AtomicBool,
    /// Somebody is at it.
    attended: AtomicBool,
    waiting: AtomicWaker,
}

impl Bell {
    /// A bell that has rung: a connection has something to do at its start.
    pub(super) fn rung() -> Arc<Self> {
        let bell = Self::default();
        bell.rung.store(true, SeqCst);
        Arc::new(bell)
    }

    /// The task is at it; until it leaves, rings are only noted.
    pub(super) fn attend(&self, task: &Context<'_>) {
        self.waiting.register(task.waker());
        self.attended.store(true, SeqCst);
    }

    /// Whether it has rung since last asked.
    pub(super) fn take(&self) -> bool {
        self.rung.swap(false, SeqCst)
    }

    /// From now on rings wake the task. Tells whether there is a ring it has not taken.
    pub(super) fn leave(&self) -> bool {
        self.attended.store(false, SeqCst);
        self.rung.load(SeqCst)
    }

    /// Nobody waits any more.
    pub(super) fn forget(&self) {
        drop(self.waiting.take());
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    // The order counts: a ring is noted first, so that who leaves finds it, or it finds that they have left.
    fn wake_by_ref(self: &Arc<Self>) {
        self.rung.store(true, SeqCst);
        if !self.attended.load(SeqCst) {
            self.waiting.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::AtomicUsize,
        task::{Context, Wake, Waker},
    };

    use super::*;

    #[derive(Default)]
    struct Task(AtomicUsize);

    impl Wake for Task {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, SeqCst);
        }
    }

    #[test]
    fn rings_wake_who_waits_and_are_only_noted_for_who_attends() {
        let task = Arc::new(Task::default());
        let waker = Waker::from(task.clone());
        let context = Context::from_waker(&waker);
        let bell = Bell::rung();
        let ring = Waker::from(bell.clone());

        bell.attend(&context);
        assert!(bell.take() && !bell.take());
        ring.wake_by_ref();
        assert!(bell.leave(), "the ring is noted");
        assert_eq!(task.0.load(SeqCst), 0);

        ring.wake_by_ref();
        assert_eq!(task.0.load(SeqCst), 1);

        bell.attend(&context);
        bell.leave();
        bell.forget();
        ring.wake_by_ref();
        assert_eq!(task.0.load(SeqCst), 1, "nobody waits");
        assert!(bell.take());
    }
}
