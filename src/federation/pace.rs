//! So many lines of a log in a second: who floods fills no disk.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// How many lines are told in a second. The rest is left.
const TOLD: u32 = 20;

/// How much was told in this second.
#[derive(Debug)]
pub(super) struct Pace(Mutex<(Instant, u32)>);

impl Default for Pace {
    fn default() -> Self {
        Self(Mutex::new((Instant::now(), 0)))
    }
}

impl Pace {
    /// Whether one more may be told.
    pub(super) fn allows(&self) -> bool {
        let mut second = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if second.0.elapsed() >= Duration::from_secs(1) {
            *second = (Instant::now(), 0);
        }
        second.1 = second.1.saturating_add(1);
        second.1 <= TOLD
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_second_has_room_for_so_many_and_the_next_one_again() {
        let pace = Pace::default();
        let allowed = (0..TOLD * 2).filter(|_| pace.allows()).count();
        assert_eq!(allowed, TOLD as usize);
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(pace.allows());
    }
}
