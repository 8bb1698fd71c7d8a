//! The limits of holders of tokens. Nobody lists them, so each is made when its holder comes, and forgotten when the
//! holder has not come for so long that it is full again.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::Limits;

/// After so long without a request a limit is forgotten. Both kinds of limits are full again after one minute; ten leave
/// room for the debt of a large request.
const FORGOTTEN: Duration = Duration::from_secs(10 * 60);

/// How many limits are kept: some 20 MiB. Beyond it those give way whose holders have not come for longest.
const MOST: usize = 50_000;

/// How much of them gives way at once, so that it is not looked for with each new one.
const RELIEF: usize = MOST / 16;

/// The limits of holders of tokens, kept over reloads.
#[derive(Debug, Default)]
pub struct Holders(Mutex<HashMap<Key, Kept>>);

/// A holder and their allowance: another allowance is another limit.
type Key = (Arc<str>, Allowance);

/// How much each holder may use in a minute: requests and tokens.
pub type Allowance = (Option<u32>, Option<u64>);

#[derive(Debug)]
struct Kept {
    limits: Arc<Limits>,
    used: Instant,
}

impl Holders {
    /// The limits of the holder of this name.
    pub(super) fn of(&self, name: &str, allowance: Allowance, now: Instant) -> Arc<Limits> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (Arc::from(name), allowance);
        if !kept.contains_key(&key) && kept.len() >= MOST {
            relieve(&mut kept, now);
        }
        let kept = kept.entry(key).or_insert_with(|| Kept {
            limits: Arc::new(Limits::new(allowance.0, allowance.1, now)),
            used: now,
        });
        kept.used = now;
        kept.limits.clone()
    }

    /// Forgets the limits that are full again.
    pub fn forget_unused(&self, now: Instant) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        forget(&mut kept, now);
    }
}

fn forget(kept: &mut HashMap<Key, Kept>, now: Instant) {
    kept.retain(|_, kept| now.saturating_duration_since(kept.used) < FORGOTTEN);
}

/// Makes room.
fn relieve(kept: &mut HashMap<Key, Kept>, now: Instant) {
    forget(kept, now);
    let above = (kept.len() + RELIEF).saturating_sub(MOST);
    if above == 0 {
        return;
    }
    let mut uses: Vec<Instant> = kept.values().map(|kept| kept.used).collect();
    let (_, last, _) = uses.select_nth_unstable(above - 1);
    let last = *last;
    kept.retain(|_, kept| kept.used > last);
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: Allowance = (Some(1), None);

    fn admits(limits: &Limits) -> bool {
        limits
            .admit(0, Instant::now())
            .map(|hold| hold.settle(0))
            .is_ok()
    }

    #[tokio::test(start_paused = true)]
    async fn each_holder_has_a_limit_that_is_kept_while_it_is_not_full() {
        let holders = Holders::default();
        let of = |name| holders.of(name, ONE, Instant::now());
        assert!(admits(&of("corp/ann")) && !admits(&of("corp/ann")));
        assert!(admits(&of("corp/bob")), "another's is another");
        holders.forget_unused(Instant::now());
        assert!(!admits(&of("corp/ann")), "forgotten too early");
        tokio::time::advance(FORGOTTEN).await;
        holders.forget_unused(Instant::now());
        assert!(holders.0.lock().unwrap().is_empty());
    }

    #[test]
    fn holders_without_number_take_no_room_without_end() {
        let holders = Holders::default();
        let start = Instant::now();
        for number in 0..MOST + 10 {
            let now = start + Duration::from_micros(number as u64);
            holders.of(&format!("corp/{number}"), ONE, now);
        }
        let kept = holders.0.lock().unwrap();
        assert!(
            kept.len() <= MOST && kept.len() > MOST / 2,
            "{}",
            kept.len()
        );
        let last: Arc<str> = format!("corp/{}", MOST + 9).into();
        assert!(kept.contains_key(&(last, ONE)));
    }
}
