//! Limits a target must keep to be asked: on its predicted time, its worst price, its share of valid answers.
//!
//! A limit is never broken in silence. What a route lists under `relax` is given up, one limit after the other,
//! only when no target keeps them all; who is asked then has the reason `relaxed`. A target whose times are not
//! known breaks no limit on time: it stands behind those that are known to keep it, and is explored.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Candidate, Dollars, Question};
use crate::{facts::Estimate, outcome::Reason, span::Span};

/// Fewer measurements than this say nothing about the slowest of twenty: such an estimate breaks no limit.
const ENOUGH: f64 = 3.0;

/// Limits for every target of a route, fallbacks included.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Within {
    /// The time to the first token that nineteen of twenty requests keep, as measured of late.
    pub first_token: Option<Span>,
    /// The time to the end of the answer that nineteen of twenty requests keep, as measured of late.
    pub total: Option<Span>,
    /// The price of the request at worst, in US dollars.
    pub max_price: Option<Dollars>,
    /// The least share of valid answers, 0 to 1.
    pub validity: Option<f64>,
    /// The limits given up, one after the other, when no target keeps them all; none when empty.
    pub relax: Vec<Limit>,
}

/// The name of a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// `first_token`.
    FirstToken,
    /// `total`.
    Total,
    /// `max_price`.
    MaxPrice,
    /// `validity`.
    Validity,
}

impl Within {
    pub(super) const NONE: Self = Self {
        first_token: None,
        total: None,
        max_price: None,
        validity: None,
        relax: Vec::new(),
    };

    /// Whether there is no limit.
    pub fn is_empty(&self) -> bool {
        let Self {
            first_token,
            total,
            max_price,
            validity,
            relax: _,
        } = self;
        first_token.is_none() && total.is_none() && max_price.is_none() && validity.is_none()
    }

    /// Whether the times of targets matter.
    pub(super) fn needs_times(&self) -> bool {
        self.first_token.is_some() || self.total.is_some()
    }

    /// These limits and those of `other`, the stricter of each. A limit that both set is given up only where both
    /// allow it.
    pub(super) fn and<'a>(&'a self, other: &'a Self) -> Cow<'a, Self> {
        if other.is_empty() {
            return Cow::Borrowed(self);
        }
        if self.is_empty() {
            return Cow::Borrowed(other);
        }
        let both = self.relax.iter().chain(&other.relax);
        let mut relax: Vec<Limit> = Vec::new();
        for &limit in both.filter(|limit| self.lets_go(**limit) && other.lets_go(**limit)) {
            if !relax.contains(&limit) {
                relax.push(limit);
            }
        }
        Cow::Owned(Self {
            first_token: lower(self.first_token, other.first_token),
            total: lower(self.total, other.total),
            max_price: lower(self.max_price, other.max_price),
            validity: match (self.validity, other.validity) {
                (Some(mine), Some(theirs)) => Some(mine.max(theirs)),
                (mine, theirs) => mine.or(theirs),
            },
            relax,
        })
    }

    /// Whether nothing here is in the way of giving up a limit: it is not set, or listed.
    fn lets_go(&self, limit: Limit) -> bool {
        let is_set = match limit {
            Limit::FirstToken => self.first_token.is_some(),
            Limit::Total => self.total.is_some(),
            Limit::MaxPrice => self.max_price.is_some(),
            Limit::Validity => self.validity.is_some(),
        };
        !is_set || self.relax.contains(&limit)
    }

    /// Why this candidate would break a limit of those that count, by `counts`.
    pub(super) fn broken(
        &self,
        candidate: &Candidate,
        question: &Question<'_>,
        counts: impl Fn(Limit) -> bool,
    ) -> Option<Reason> {
        if self.is_empty() {
            return None;
        }
        let facts = &candidate.facts;
        if let Some(limit) = self.max_price
            && counts(Limit::MaxPrice)
            && let Some(reason) = candidate.dearer_than(limit, question)
        {
            return Some(reason);
        }
        let slow = |limit: Option<Span>, estimate: Option<Estimate>| match (limit, estimate) {
            (Some(limit), Some(estimate)) => known(&estimate) && estimate.p95 > limit.get(),
            _ => false,
        };
        // Who has not been asked for long, or was quick just now, may have recovered; see `strategy::explore`.
        if !candidate.is_in_doubt()
            && (counts(Limit::FirstToken) && slow(self.first_token, facts.first_token)
                || counts(Limit::Total) && slow(self.total, facts.total))
        {
            return Some(Reason::TooSlow);
        }
        let floor = self.validity.filter(|_| counts(Limit::Validity));
        floor
            .is_some_and(|floor| facts.validity < floor)
            .then_some(Reason::TooOftenInvalid)
    }

    /// Whether the candidate is known to keep the limits on time: it was measured, enough and of late.
    pub(super) fn proven(&self, candidate: &Candidate) -> bool {
        let known = |limit: Option<Span>, estimate: Option<Estimate>| {
            limit.is_none() || estimate.as_ref().is_some_and(known)
        };
        let facts = &candidate.facts;
        !candidate.is_in_doubt()
            && known(self.first_token, facts.first_token)
            && known(self.total, facts.total)
    }
}

fn known(estimate: &Estimate) -> bool {
    estimate.samples >= ENOUGH
}

fn lower<T: Ord>(mine: Option<T>, theirs: Option<T>) -> Option<T> {
    match (mine, theirs) {
        (Some(mine), Some(theirs)) => Some(mine.min(theirs)),
        (mine, theirs) => mine.or(theirs),
    }
}
