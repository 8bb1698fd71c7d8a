//! Which of a provider's keys may be used for a target, in rotation, and for how long the others may not.
//!
//! What a provider says of a key in general (it is wrong, its money is used up) puts the key aside for every
//! target of the provider: a [`Lane`] is shared by them. What it says of a key and a model puts aside the key's
//! [`Seat`] at this target. An overload is nobody's key's fault and puts the whole target aside. Waits asked
//! for by a provider are clamped here, whoever has read them.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use serde::Serialize;
use tokio::time::Instant;

use super::{Change, Opening, allowance::Standing, chance};
use crate::{
    facts::{Allowance, Circuit, millis},
    outcome::ErrorClass,
};

/// The longest wait believed.
const LONGEST: Duration = Duration::from_secs(600);

/// A refused key is tried again after this: it may have been renewed or given rights at the provider's console.
const REFUSED: Duration = Duration::from_secs(300);

/// A key without money left is tried again after this at the earliest.
const SPENT: Duration = Duration::from_secs(600);

/// The first wait after a 429 that says no time; doubled with each one that follows.
const FIRST_WAIT: Duration = Duration::from_secs(1);

/// The longest of these waits.
const LAST_WAIT: Duration = Duration::from_secs(60);

/// Waits asked for are stretched by up to this share, so that not all gateways come back at once.
const STRETCH: f64 = 0.1;

/// Which draw of a permit's chance stretches a wait.
const STRETCHED: u64 = 2;

/// One key at its provider, for all targets there.
#[derive(Debug, Default)]
pub(super) struct Lane {
    aside: Mutex<Option<Aside>>,
}

/// The keys of one target. A provider without keys has one seat without a label.
#[derive(Debug)]
pub(super) struct Seats {
    seats: Vec<Seat>,
    next: AtomicUsize,
    overloaded: Mutex<Option<Aside>>,
}

/// One key at one target.
#[derive(Debug)]
pub(super) struct Seat {
    label: Option<Arc<str>>,
    lane: Arc<Lane>,
    here: Mutex<Here>,
}

#[derive(Debug, Default)]
struct Here {
    aside: Option<Aside>,
    /// 429s without a time, one after another.
    streak: u32,
    standing: Option<Standing>,
}

/// Put aside.
#[derive(Clone, Copy, Debug)]
struct Aside {
    since: Instant,
    until: Instant,
    because: ErrorClass,
}

/// A key's state at a target, for operators.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct KeyState {
    /// What logs call the credential; none where the provider takes no key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credential: Option<Arc<str>>,
    /// The circuit of the target with this key.
    pub circuit: Circuit,
    /// Its last opening, if it ever opened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub opening: Option<Opening>,
    /// For how much longer it is put aside.
    #[serde(
        rename = "aside_ms",
        with = "millis::maybe",
        skip_serializing_if = "Option::is_none"
    )]
    pub aside: Option<Duration>,
    /// What the provider had answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub because: Option<ErrorClass>,
    /// What is left of the provider's rate limit, as a share from 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub headroom: Option<f64>,
}

/// A call's end, as far as it concerns the key it was made with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ended {
    /// When the call was let through: what was known later was not known to it.
    pub(super) began: Instant,
    pub(super) chance: u64,
    pub(super) now: Instant,
}

impl Aside {
    fn remaining(self, now: Instant) -> Duration {
        self.until.saturating_duration_since(now)
    }
}

impl Seat {
    pub(super) fn new(label: Option<Arc<str>>, lane: Arc<Lane>) -> Self {
        Self {
            label,
            lane,
            here: Mutex::default(),
        }
    }

    /// The longer of the two reasons to be aside.
    fn aside(&self, now: Instant) -> Option<Aside> {
        let everywhere = *lock(&self.lane.aside);
        let here = lock(&self.here).aside;
        [everywhere, here]
            .into_iter()
            .flatten()
            .filter(|aside| aside.until > now)
            .max_by_key(|aside| aside.until)
    }
}

impl Seats {
    pub(super) fn new(seats: Vec<Seat>) -> Self {
        Self {
            seats,
            next: AtomicUsize::new(0),
            overloaded: Mutex::new(None),
        }
    }

    /// How many there are; at least one.
    pub(super) fn count(&self) -> usize {
        self.seats.len()
    }

    /// The usable seats, each call beginning with another one; or for how much longer there is none.
    pub(super) fn usable(&self, now: Instant) -> Result<impl Iterator<Item = usize>, Duration> {
        if let Some(remaining) = self.cooldown(now) {
            return Err(remaining);
        }
        let count = self.seats.len();
        let first = match count {
            1 => 0,
            _ => self.next.fetch_add(1, Ordering::Relaxed) % count,
        };
        let turns = (0..count).map(move |step| (first + step) % count);
        Ok(turns.filter(move |&place| self.is_usable(place, now)))
    }

    /// Whether the key at `place` is not put aside.
    pub(super) fn is_usable(&self, place: usize, now: Instant) -> bool {
        self.seats[place].aside(now).is_none()
    }

    /// For how much longer no seat is usable; `None` when one is.
    pub(super) fn cooldown(&self, now: Instant) -> Option<Duration> {
        self.aside(now).map(|(remaining, _)| remaining)
    }

    /// The same with what the provider had said.
    pub(super) fn aside(&self, now: Instant) -> Option<(Duration, ErrorClass)> {
        let overloaded = lock(&self.overloaded).filter(|aside| aside.until > now);
        let mut soonest: Option<Aside> = None;
        for seat in &self.seats {
            let Some(aside) = seat.aside(now) else {
                soonest = None;
                break;
            };
            if soonest.is_none_or(|soonest| aside.until < soonest.until) {
                soonest = Some(aside);
            }
        }
        let longest = soonest
            .into_iter()
            .chain(overloaded)
            .max_by_key(|aside| aside.until);
        longest.map(|aside| (aside.remaining(now), aside.because))
    }

    /// The seats that are aside because the key was refused, and not for a wait the provider asked for.
    pub(super) fn refused(&self, now: Instant) -> impl Iterator<Item = usize> {
        let refused = move |seat: &Seat| {
            let aside = seat.aside(now);
            aside.is_some_and(|aside| aside.because.is_refusal())
        };
        (0..self.seats.len()).filter(move |&place| refused(&self.seats[place]))
    }

    /// The most that is left of the provider's rate limit at any usable key, 0 to 1.
    pub(super) fn headroom(&self, now: Instant) -> Option<f64> {
        self.seats
            .iter()
            .filter(|seat| self.seats.len() == 1 || seat.aside(now).is_none())
            .filter_map(|seat| lock(&seat.here).standing?.share(now))
            .max_by(f64::total_cmp)
    }

    /// The place of the credential in the card's list, if the provider takes keys.
    pub(super) fn credential(&self, place: usize) -> Option<usize> {
        self.seats[place].label.as_ref().map(|_| place)
    }

    /// The call with the key at `place` went well.
    pub(super) fn worked(&self, place: usize, ended: Ended) -> Option<Change> {
        let seat = &self.seats[place];
        let before = |aside: &mut Aside| aside.since <= ended.began && aside.until <= ended.now;
        let everywhere = lock(&seat.lane.aside).take_if(before);
        let mut here = lock(&seat.here);
        let back = here.aside.take_if(before);
        if here.aside.is_none() {
            here.streak = 0;
        }
        everywhere.or(back).map(|_| Change::Back {
            credential: seat.label.clone(),
        })
    }

    /// The call with the key at `place` failed.
    pub(super) fn failed(
        &self,
        place: usize,
        class: ErrorClass,
        retry_after: Option<Duration>,
        ended: Ended,
    ) -> Option<Change> {
        // No time and a time that is over say equally little.
        let asked = retry_after.filter(|wait| !wait.is_zero());
        let stretched = |wait: Duration| {
            let stretch = 1.0 + STRETCH * chance::unit(ended.chance, STRETCHED);
            wait.min(LONGEST).mul_f64(stretch).min(LONGEST)
        };
        let seat = &self.seats[place];
        let put = |slot: &mut Option<Aside>, wait, wholly| {
            put_aside(slot, class, wait, ended.now).then(|| Change::PutAside {
                credential: seat.label.clone(),
                because: class,
                wait,
                wholly,
            })
        };
        match class {
            ErrorClass::Auth => put(&mut lock(&seat.lane.aside), REFUSED, true),
            ErrorClass::Quota => put(&mut lock(&seat.lane.aside), SPENT, true),
            ErrorClass::Permission | ErrorClass::NotFound => {
                put(&mut lock(&seat.here).aside, REFUSED, false)
            }
            ErrorClass::RateLimit => {
                let here = &mut *lock(&seat.here);
                let wait = asked.map_or_else(|| here.next_wait(ended), stretched);
                put(&mut here.aside, wait, false)
            }
            ErrorClass::Overloaded => put(&mut lock(&self.overloaded), stretched(asked?), false),
            _ => None,
        }
    }

    /// What the provider said is left at the key at `place`. Nothing left puts it aside until the reset.
    pub(super) fn note(&self, place: usize, allowance: Allowance, now: Instant) -> Option<Change> {
        let seat = &self.seats[place];
        let here = &mut *lock(&seat.here);
        let standing = Standing::new(allowance, now);
        here.standing = Some(standing);
        let wait = standing.exhausted()?;
        let because = ErrorClass::RateLimit;
        put_aside(&mut here.aside, because, wait, now).then(|| Change::PutAside {
            credential: seat.label.clone(),
            because,
            wait,
            wholly: false,
        })
    }

    /// Every key with its circuit and that one's last opening, which are those of its place.
    pub(super) fn snapshot(
        &self,
        circuit: impl Fn(usize) -> (Circuit, Option<Opening>),
        now: Instant,
    ) -> Vec<KeyState> {
        let overloaded = lock(&self.overloaded).filter(|aside| aside.until > now);
        let state = |(place, seat): (usize, &Seat)| {
            let aside = seat.aside(now).or(overloaded);
            let (circuit, opening) = circuit(place);
            KeyState {
                credential: seat.label.clone(),
                circuit,
                opening,
                aside: aside.map(|aside| aside.remaining(now)),
                because: aside.map(|aside| aside.because),
                headroom: lock(&seat.here)
                    .standing
                    .and_then(|standing| standing.share(now)),
            }
        };
        self.seats.iter().enumerate().map(state).collect()
    }
}

impl Here {
    /// One second, doubled with each 429 that was asked for after the one before: those that were under way
    /// together are one event.
    fn next_wait(&mut self, ended: Ended) -> Duration {
        let news = self.aside.is_none_or(|aside| ended.began >= aside.since);
        if news || self.streak == 0 {
            self.streak = self.streak.saturating_add(1);
        }
        let doubled = 1_u32.checked_shl(self.streak - 1).unwrap_or(u32::MAX);
        FIRST_WAIT.saturating_mul(doubled).min(LAST_WAIT)
    }
}

/// Puts aside for `wait`, never for less than before. Whether it was not aside already.
fn put_aside(slot: &mut Option<Aside>, because: ErrorClass, wait: Duration, now: Instant) -> bool {
    let until = now + wait;
    let already = slot.is_some_and(|aside| aside.until > now);
    if slot.is_none_or(|aside| aside.until < until) {
        *slot = Some(Aside {
            since: now,
            until,
            because,
        });
    }
    !already
}

/// Nothing panics while one of these locks is held.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[path = "credential_tests.rs"]
mod tests;
