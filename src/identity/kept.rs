//! What was found out about tokens, for a while.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// The digest of a whole token. A part of one is never a key: tokens of one issuer begin alike.
pub(super) type Digest = [u8; blake3::OUT_LEN];

/// What is known of tokens, by their digests: bounded in number and in time.
///
/// Two halves instead of an order of use: when the young half is full, or a minute old, it becomes the old one, and what
/// was in the old one is gone. Neither putting nor finding ever walks through what is kept, whoever sends the tokens.
#[derive(Debug)]
pub(super) struct Kept<T> {
    half: usize,
    halves: Mutex<Halves<T>>,
}

#[derive(Debug)]
struct Halves<T> {
    young: HashMap<Digest, Entry<T>>,
    old: HashMap<Digest, Entry<T>>,
    turned: Instant,
}

/// How long a half is young: as long as anything is kept at most.
const TURN: Duration = Duration::from_secs(60);

#[derive(Debug)]
struct Entry<T> {
    value: T,
    until: Instant,
}

impl<T: Clone> Kept<T> {
    /// Nothing yet, and never more than `most`.
    pub(super) fn new(most: usize) -> Self {
        let halves = Halves {
            young: HashMap::new(),
            old: HashMap::new(),
            turned: Instant::now(),
        };
        Self {
            half: most.div_ceil(2),
            halves: Mutex::new(halves),
        }
    }

    /// What is known of a token now.
    pub(super) fn get(&self, token: &Digest) -> Option<T> {
        let mut halves = self.halves.lock().unwrap_or_else(PoisonError::into_inner);
        halves.turn_in_time();
        let entry = halves.young.get(token).or_else(|| halves.old.get(token))?;
        (Instant::now() < entry.until).then(|| entry.value.clone())
    }

    /// Keeps what is known of a token.
    pub(super) fn put(&self, token: Digest, value: T, time: Duration) {
        let until = Instant::now() + time;
        let mut halves = self.halves.lock().unwrap_or_else(PoisonError::into_inner);
        halves.turn_in_time();
        if halves.young.len() >= self.half && !halves.young.contains_key(&token) {
            halves.turn();
        }
        halves.young.insert(token, Entry { value, until });
    }
}

impl<T> Halves<T> {
    fn turn(&mut self) {
        self.old = std::mem::take(&mut self.young);
        self.turned = Instant::now();
    }

    /// Lets go of what is over: it holds whole tokens.
    fn turn_in_time(&mut self) {
        let age = self.turned.elapsed();
        if age >= 2 * TURN {
            self.turn();
        }
        if age >= TURN {
            self.turn();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(number: usize) -> Digest {
        *blake3::hash(&number.to_le_bytes()).as_bytes()
    }

    #[tokio::test(start_paused = true)]
    async fn it_forgets_in_time() {
        let kept = Kept::new(10);
        kept.put(digest(1), "one", Duration::from_secs(10));
        tokio::time::advance(Duration::from_secs(9)).await;
        assert_eq!(kept.get(&digest(1)), Some("one"));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(kept.get(&digest(1)), None);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_over_is_let_go_of_with_the_next_look() {
        let kept = Kept::new(10);
        let held = std::sync::Arc::new(());
        kept.put(digest(1), held.clone(), Duration::from_secs(60));
        tokio::time::advance(TURN).await;
        kept.get(&digest(2));
        tokio::time::advance(TURN).await;
        kept.get(&digest(2));
        assert_eq!(std::sync::Arc::strong_count(&held), 1);
        kept.put(digest(1), held.clone(), Duration::from_secs(60));
        tokio::time::advance(3 * TURN).await;
        kept.get(&digest(2));
        assert_eq!(std::sync::Arc::strong_count(&held), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_bounded_and_keeps_the_latest() {
        let kept = Kept::new(100);
        for number in 0..10_000 {
            kept.put(digest(number), number, Duration::from_secs(60));
        }
        let found = (0..10_000).filter(|number| kept.get(&digest(*number)).is_some());
        let found: Vec<usize> = found.collect();
        assert!((50..=100).contains(&found.len()), "{}", found.len());
        assert!(found.iter().all(|number| *number >= 9_900), "{found:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn the_last_word_counts() {
        let kept = Kept::new(2);
        kept.put(digest(1), "old", Duration::from_secs(60));
        kept.put(digest(2), "other", Duration::from_secs(60));
        kept.put(digest(1), "new", Duration::from_secs(60));
        assert_eq!(kept.get(&digest(1)), Some("new"));
    }
}
