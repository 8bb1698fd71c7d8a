//! One plan in the making: the pools in their order, each candidate with what became of it so far.

use std::{borrow::Cow, collections::BTreeSet};

use super::{
    Candidate, Detail, Gather, Limit, NoPlan, Question, Route, Router, Strategy, Verdict, Weights,
    Within, filter,
    head::Head,
    no_plan::is_limit,
    pools::{Place, Pool, View},
    router::Fallback,
    standing,
};
use crate::outcome::{ErrorClass, Reason};

/// The lists of a route's `fallback_on`, planned.
type On = Vec<(ErrorClass, Vec<Verdict>)>;

/// One plan in the making.
pub(super) struct Planner<'a> {
    router: &'a Router,
    question: &'a Question<'a>,
    gather: Gather<'a>,
    /// The route that was named: its limits and tags hold for its fallbacks, too.
    head: Option<&'a Route>,
    within: Cow<'a, Within>,
    /// The limits given up so far.
    given_up: Vec<Limit>,
    visited: Vec<&'a str>,
    verdicts: Vec<Verdict>,
    pools: Vec<Pool<'a>>,
}

impl<'a> Planner<'a> {
    pub(super) fn new(
        router: &'a Router,
        question: &'a Question<'a>,
        gather: Gather<'a>,
        head: Option<&'a Route>,
    ) -> Self {
        let hinted = &question.hints.within;
        let room = head.map_or(1, |route| route.pool.len() + route.fallback.len());
        Self {
            router,
            question,
            gather,
            head,
            within: head.map_or(Cow::Borrowed(hinted), |route| route.within.and(hinted)),
            given_up: Vec::new(),
            visited: Vec::new(),
            verdicts: Vec::with_capacity(room),
            pools: Vec::new(),
        }
    }

    /// The pool of what the caller named.
    pub(super) fn head(&mut self, head: &Head<'a>) {
        match head {
            Head::Route(route) => self.pool(route, Place::Own),
            Head::Target(candidate) => self.single(candidate, Place::Direct),
        }
    }

    /// The models the caller lists, each with its own fallbacks.
    pub(super) fn callers_models(&mut self) -> Result<(), NoPlan> {
        let (router, question) = (self.router, self.question);
        for name in &question.hints.models {
            match router.route(name) {
                Some(route) if question.rights.allows_route(name) => {
                    if !self.visited.contains(&&*route.name) {
                        self.pool(route, Place::Caller);
                        self.fallbacks(route);
                    }
                }
                Some(_) => return Err(NoPlan::Forbidden(name.clone())),
                None => self.single(&router.direct(name, question)?, Place::Caller),
            }
        }
        Ok(())
    }

    /// A route's fallbacks; routes among them with theirs, each once.
    pub(super) fn fallbacks(&mut self, route: &'a Route) {
        if self.question.hints.allow_fallbacks {
            self.list(&route.fallback, Place::Fallback);
        }
    }

    fn list(&mut self, list: &'a [Fallback], place: Place) {
        let router = self.router;
        for entry in list {
            match entry {
                Fallback::Target(candidate) => self.single(candidate, place),
                Fallback::Route(name) if !self.visited.contains(&&**name) => {
                    if let Some(next) = router.route(name) {
                        self.pool(next, place);
                        self.list(&next.fallback, place);
                    }
                }
                Fallback::Route(_) => {}
            }
        }
    }

    /// The pool of a route.
    fn pool(&mut self, route: &'a Route, place: Place) {
        self.visited.push(&route.name);
        let hinted = match place {
            Place::Own | Place::Caller => self.question.hints.strategy(),
            Place::Direct | Place::Fallback | Place::On => None,
        };
        let is_head = place == Place::Own;
        let pool = Pool {
            begin: self.verdicts.len(),
            end: self.verdicts.len() + route.pool.len(),
            strategy: hinted.unwrap_or(route.strategy),
            explore: route.explore,
            weights: route.weights,
            within: (!is_head && !route.within.is_empty()).then_some(&route.within),
            place,
        };
        let tags = (!is_head).then_some(&route.tags);
        for candidate in &route.pool {
            self.consider(candidate, &pool, tags);
        }
        self.pools.push(pool);
    }

    /// A pool of one target that stands in no route's pool.
    fn single(&mut self, candidate: &Candidate, place: Place) {
        let pool = Pool {
            begin: self.verdicts.len(),
            end: self.verdicts.len() + 1,
            strategy: Strategy::Priority,
            explore: 0.0,
            weights: Weights::default(),
            within: None,
            place,
        };
        self.consider(candidate, &pool, None);
        self.pools.push(pool);
    }

    /// Takes in one candidate: dropped at once, or with its facts.
    fn consider(
        &mut self,
        candidate: &Candidate,
        pool: &Pool<'_>,
        tags: Option<&BTreeSet<String>>,
    ) {
        let mut verdict = Verdict::keep(candidate.clone());
        verdict.fallback = matches!(pool.place, Place::Fallback | Place::On);
        let heads = self.head.map(|route| &route.tags);
        let wanted = heads.into_iter().chain(tags);
        // Who is named alone is asked all the same, and says best what it cannot do.
        let direct = pool.place == Place::Direct;
        verdict.adapted = !direct && filter::is_adapted(candidate, self.question.needs);
        let reason = filter::reason(candidate, self.question, wanted)
            .filter(|reason| !direct || *reason != Reason::LacksAbility);
        if let Some(reason) = reason {
            verdict.drop(reason);
        } else if self.has(candidate) {
            verdict.drop(Reason::Duplicate);
        } else {
            let times = pool.strategy.needs_times()
                || self.within.needs_times()
                || pool.within.is_some_and(Within::needs_times);
            let detail = if times { Detail::Times } else { Detail::Gate };
            verdict.candidate.facts = (self.gather)(candidate, detail);
        }
        self.verdicts.push(verdict);
    }

    /// Whether the same target is in the plan already.
    fn has(&self, candidate: &Candidate) -> bool {
        let same =
            |other: &Candidate| other.digest == candidate.digest && other.name == candidate.name;
        self.verdicts
            .iter()
            .any(|verdict| verdict.kept && same(&verdict.candidate))
    }

    /// The verdicts in their final order, and those of `fallback_on`.
    pub(super) fn finish(mut self) -> Result<(Vec<Verdict>, On), NoPlan> {
        let seed = self.question.seed;
        self.judge();
        while !self.any() && self.relax() {}
        if !self.any() {
            standing::last_resort(&mut self.verdicts, seed);
        }
        self.line_up();
        let on = self.on();
        if self.any() {
            return Ok((self.verdicts, on));
        }
        let refused = NoPlan::of(self.verdicts, self.question.needs);
        // Whoever is named for just this failure need not wait for it to happen.
        let class = refused.class();
        let listed = on.iter().find(|(listed, _)| Some(*listed) == class);
        match listed {
            Some((_, named)) if named.iter().any(|verdict| verdict.kept) => {
                let mut verdicts = named.clone();
                verdicts.extend_from_slice(refused.verdicts());
                Ok((verdicts, on))
            }
            _ => Err(refused),
        }
    }

    fn any(&self) -> bool {
        self.verdicts.iter().any(|verdict| verdict.kept)
    }

    /// Drops who breaks a limit, then who is not well.
    fn judge(&mut self) {
        for at in 0..self.pools.len() {
            let pool = &self.pools[at];
            for place in pool.begin..pool.end {
                if self.verdicts[place].kept {
                    self.gate(place, at);
                }
            }
            let pool = &self.pools[at];
            standing::eject(&mut self.verdicts[pool.begin..pool.end], self.question.seed);
        }
    }

    /// Drops one verdict that breaks a limit or is put aside.
    fn gate(&mut self, place: usize, pool: usize) {
        let verdict = &self.verdicts[place];
        // A limit is given up only where whoever set it says so: a fallback's own is its own.
        let broken = |within: &Within| {
            let counts = |limit| !(self.given_up.contains(&limit) && within.relax.contains(&limit));
            within.broken(&verdict.candidate, self.question, counts)
        };
        let reason = broken(&self.within).or_else(|| self.pools[pool].within.and_then(broken));
        let verdict = &mut self.verdicts[place];
        match reason {
            Some(reason) => verdict.drop(reason),
            None => standing::put_aside(verdict),
        }
    }

    /// Gives up the next limit that may be, and judges again who broke one. Whether there was such a limit.
    fn relax(&mut self) -> bool {
        let Some(next) = self.within.relax.get(self.given_up.len()) else {
            return false;
        };
        self.given_up.push(*next);
        for verdict in &mut self.verdicts {
            let priced_out = || filter::too_dear(&verdict.candidate, self.question).is_some();
            verdict.kept = is_limit(verdict.reason) && !priced_out();
        }
        self.judge();
        true
    }

    /// Orders each pool, kept ones first, and says why.
    fn line_up(&mut self) {
        let view = View {
            question: self.question,
            within: &self.within,
            relaxed: !self.given_up.is_empty(),
        };
        for pool in &self.pools {
            let verdicts = &mut self.verdicts[pool.begin..pool.end];
            if verdicts.iter().any(|verdict| !verdict.kept) {
                verdicts.sort_by_key(|verdict| !verdict.kept);
            }
            let kept = verdicts.partition_point(|verdict| verdict.kept);
            pool.line_up(&mut verdicts[..kept], &view);
        }
        standing::worse_last(&mut self.verdicts);
    }

    /// Plans the lists of `fallback_on`.
    fn on(&self) -> On {
        let Some(head) = self.head else {
            return Vec::new();
        };
        let plan = |(class, list): &'a (ErrorClass, Vec<Fallback>)| {
            let mut planner = Self::new(self.router, self.question, self.gather, self.head);
            planner.given_up.clone_from(&self.given_up);
            planner.visited.push(&head.name);
            planner.list(list, Place::On);
            planner.judge();
            planner.line_up();
            (*class, planner.verdicts)
        };
        // An empty list says that nothing is tried; that holds for whoever wants no fallbacks, too.
        let allowed = self.question.hints.allow_fallbacks;
        let lists = head.fallback_on.iter();
        let lists = lists.filter(|(_, list)| allowed || list.is_empty());
        lists.map(plan).collect()
    }
}
