//! How much a caller may use: requests per minute and tokens per minute.
//!
//! Requests are counted by governor. Tokens cannot be: how many a request costs is known only at its end, so
//! an estimate is reserved before the call and settled against the usage after it ([`tokens`]). A refused
//! request costs nothing. Limiters live in memory by caller and quota, so a reload with an unchanged quota
//! keeps what was used.

mod holders;
mod per_caller;
pub mod tokens;

pub use holders::{Allowance, Holders};
pub use per_caller::PerCaller;

use std::{
    collections::HashMap,
    num::NonZeroU32,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use governor::{
    Quota, RateLimiter,
    clock::Clock,
    middleware::NoOpMiddleware,
    state::{InMemoryState, NotKeyed},
};
use tokens::Bucket;
use tokio::time::Instant;

/// The limits of one caller and what is left of them.
#[derive(Debug)]
pub struct Limits {
    requests: Option<(NonZeroU32, Requests)>,
    tokens: Option<Arc<Bucket>>,
}

type Requests = RateLimiter<NotKeyed, InMemoryState, TokioClock, NoOpMiddleware<Duration>>;

/// Which limit refused, and when to come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.sentence())]
pub struct Refused {
    /// `requests` or `tokens`.
    pub limit: &'static str,
    /// The limit itself, per minute.
    pub per_minute: u64,
    /// When the same request would pass; `None` when it never can.
    pub retry_after: Option<Duration>,
}

impl Refused {
    fn sentence(&self) -> String {
        let Self {
            limit, per_minute, ..
        } = self;
        match self.retry_after {
            Some(_) => format!("Rate limit reached: you have {per_minute} {limit} per minute."),
            None => format!(
                "This request is larger than the limit of {per_minute} {limit} per minute that you have."
            ),
        }
    }
}

/// Leave to go on, with tokens reserved. Settled once; dropping it keeps the reservation as spent.
#[derive(Debug)]
#[must_use]
pub struct Hold {
    tokens: Option<Arc<Bucket>>,
    reserved: u64,
}

impl Hold {
    /// A hold on nothing.
    pub fn none() -> Self {
        Self {
            tokens: None,
            reserved: 0,
        }
    }

    /// Replaces the reservation by what was used.
    pub fn settle(self, used: u64) {
        if let Some(bucket) = &self.tokens {
            bucket.settle(self.reserved, used);
        }
    }
}

impl Limits {
    /// Full limits.
    pub fn new(rpm: Option<u32>, tpm: Option<u64>, now: Instant) -> Self {
        let requests = rpm.and_then(NonZeroU32::new).map(|rpm| {
            let clock = TokioClock { start: now };
            (
                rpm,
                RateLimiter::direct_with_clock(Quota::per_minute(rpm), clock),
            )
        });
        Self {
            requests,
            tokens: tpm.map(|tpm| Arc::new(Bucket::new(tpm, now))),
        }
    }

    /// The same limits for what belongs to a request that was counted: its tokens count, and no further request.
    pub fn within_a_request(&self) -> Self {
        Self {
            requests: None,
            tokens: self.tokens.clone(),
        }
    }

    /// Lets one request pass that will cost about `tokens`, or says when to come back.
    pub fn admit(&self, tokens: u64, now: Instant) -> Result<Hold, Refused> {
        // Tokens first: governor cannot give a request back.
        if let Some(bucket) = &self.tokens {
            bucket.reserve(tokens, now).map_err(|retry_after| Refused {
                limit: "tokens",
                per_minute: bucket.per_minute(),
                retry_after,
            })?;
        }
        let hold = Hold {
            tokens: self.tokens.clone(),
            reserved: tokens,
        };
        let Some((rpm, requests)) = &self.requests else {
            return Ok(hold);
        };
        match requests.check() {
            Ok(()) => Ok(hold),
            Err(not_until) => {
                hold.settle(0);
                Err(Refused {
                    limit: "requests",
                    per_minute: rpm.get().into(),
                    retry_after: Some(not_until.wait_time_from(requests.clock().now())),
                })
            }
        }
    }
}

/// The limits of all callers, kept over reloads.
#[derive(Debug, Default)]
pub struct Registry {
    limits: Mutex<HashMap<Key, Arc<Limits>>>,
}

/// A caller and its quota: another quota is another limiter.
type Key = (Arc<str>, Option<u32>, Option<u64>);

impl Registry {
    /// The limits of the caller `name` under this quota.
    pub fn limits(
        &self,
        name: &Arc<str>,
        rpm: Option<u32>,
        tpm: Option<u64>,
        now: Instant,
    ) -> Arc<Limits> {
        let mut limits = self.limits.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = || Arc::new(Limits::new(rpm, tpm, now));
        limits
            .entry((name.clone(), rpm, tpm))
            .or_insert_with(fresh)
            .clone()
    }

    /// Forgets every limiter that nobody holds any more.
    pub fn forget_unused(&self) {
        let mut limits = self.limits.lock().unwrap_or_else(PoisonError::into_inner);
        limits.retain(|_, limits| Arc::strong_count(limits) > 1);
    }
}

/// Governor's clock on Tokio's time, which tests can pause.
#[derive(Clone, Debug)]
struct TokioClock {
    start: Instant,
}

impl Clock for TokioClock {
    /// Time since the limiter was made.
    type Instant = Duration;

    fn now(&self) -> Duration {
        Instant::now().saturating_duration_since(self.start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn requests_pass_up_to_the_quota_and_again_after_the_stated_time() {
        let limits = Limits::new(Some(60), None, Instant::now());
        for _ in 0..60 {
            limits.admit(1, Instant::now()).unwrap().settle(1);
        }
        let refused = limits.admit(1, Instant::now()).unwrap_err();
        assert_eq!((refused.limit, refused.per_minute), ("requests", 60));
        let wait = refused.retry_after.unwrap();
        assert_eq!(wait, Duration::from_secs(1));
        tokio::time::advance(wait).await;
        limits.admit(1, Instant::now()).unwrap().settle(1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_refused_request_gives_its_tokens_back() {
        let limits = Limits::new(Some(1), Some(100), Instant::now());
        limits.admit(10, Instant::now()).unwrap().settle(10);
        for _ in 0..20 {
            assert_eq!(
                limits.admit(90, Instant::now()).unwrap_err().limit,
                "requests"
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_unchanged_quota_keeps_its_limiter() {
        let registry = Registry::default();
        let name: Arc<str> = "ci".into();
        let first = registry.limits(&name, Some(1), None, Instant::now());
        first.admit(1, Instant::now()).unwrap().settle(1);
        let again = registry.limits(&name, Some(1), None, Instant::now());
        assert!(again.admit(1, Instant::now()).is_err());
        let changed = registry.limits(&name, Some(2), None, Instant::now());
        assert!(changed.admit(1, Instant::now()).is_ok());
        drop((first, again));
        registry.forget_unused();
        let fresh = registry.limits(&name, Some(1), None, Instant::now());
        assert!(fresh.admit(1, Instant::now()).is_ok());
    }
}
