//! The model: servers as formulas, and an event queue.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
    ops::Range,
    sync::Arc,
    time::Duration,
};

use rand::{Rng, SeedableRng, rngs::SmallRng};
use tokio::time::Instant;
use waypost::{
    catalog::{CardSettings, Catalog, resolve},
    facts::Facts,
    health::{Health, Leave, Permit, Settings, Shape, Timing},
    outcome::ErrorClass,
    route::{Candidate, Detail, Everything, Plan, Question, Router},
};

/// Requests that were answered, in the order of their answers.
pub(super) type Log = Vec<Served>;

/// One request.
pub(super) struct Served {
    /// When it came, in seconds.
    pub(super) arrived: f64,
    /// Who was asked first and let it in.
    pub(super) target: String,
    /// How long the answer took, in seconds.
    pub(super) took: f64,
    /// The conversation it belongs to; 0 where there are none.
    pub(super) conversation: u64,
}

/// Seconds an answer takes, by the time, the requests in flight with this one, and chance from 0 to 1.
type Server = Box<dyn Fn(f64, u32, f64) -> f64>;

struct Running {
    permit: Permit,
    served: Served,
    works: bool,
}

/// A pool of servers behind a route.
pub(super) struct Pool {
    router: Router,
    health: Health,
    start: Instant,
    chance: SmallRng,
    servers: BTreeMap<&'static str, Server>,
    in_flight: BTreeMap<String, u32>,
    dead: Option<(&'static str, Range<f64>)>,
    /// As many as there are.
    conversations: u64,
    /// Ends to come: nanoseconds, and which of those running.
    ends: BinaryHeap<Reverse<(u64, u64)>>,
    running: BTreeMap<u64, Running>,
    log: Log,
}

const INPUT: u64 = 500;
const OUTPUT: u64 = 200;

impl Pool {
    /// A route over the providers `a` (cheap), `b` and `c`.
    pub(super) fn new(route: &str, seed: u64) -> Self {
        let card = |name: &str, price: &str| {
            let yaml = format!(
                "{{ base_url: 'http://127.0.0.1:1/v1', models: {{ m: {{ price: {price} }} }} }}"
            );
            let settings: CardSettings = serde_saphyr::from_str(&yaml).unwrap();
            resolve(name, &settings, None).unwrap()
        };
        let catalog = Catalog::new([
            card("a", "{input: 1, output: 4}"),
            card("b", "{input: 3, output: 12}"),
            card("c", "{input: 5, output: 20}"),
        ]);
        let routes = serde_saphyr::from_str(&format!("r: {route}")).unwrap();
        Self {
            router: Router::new(Arc::new(catalog), &routes).unwrap(),
            health: Health::new(),
            start: Instant::now(),
            chance: SmallRng::seed_from_u64(seed),
            servers: BTreeMap::new(),
            in_flight: BTreeMap::new(),
            dead: None,
            conversations: 0,
            ends: BinaryHeap::new(),
            running: BTreeMap::new(),
            log: Vec::new(),
        }
    }

    /// A target that takes this many seconds, by the time and the requests in flight, give or take a part.
    pub(super) fn serve(
        &mut self,
        target: &'static str,
        seconds: impl Fn(f64, u32) -> f64 + 'static,
        spread: f64,
    ) {
        self.serve_with(target, move |now, in_flight, chance| {
            seconds(now, in_flight) * (1.0 + spread * (2.0 * chance - 1.0))
        });
    }

    /// The same, with chance.
    pub(super) fn serve_with(
        &mut self,
        target: &'static str,
        seconds: impl Fn(f64, u32, f64) -> f64 + 'static,
    ) {
        self.servers.insert(target, Box::new(seconds));
    }

    /// The target fails at once in this time.
    pub(super) fn kill(&mut self, target: &'static str, time: Range<f64>) {
        self.dead = Some((target, time));
    }

    /// Requests belong to so many conversations, by turns.
    pub(super) fn converse(&mut self, conversations: u64) {
        self.conversations = conversations;
    }

    /// Lets `rate` requests a second come for `seconds`.
    pub(super) fn run(mut self, rate: f64, seconds: f64) -> Log {
        let mut now = 0.0;
        let mut number = 0;
        while now < seconds {
            now += -(1.0 - self.chance.random::<f64>()).ln() / rate;
            while let Some(Reverse((at, _))) = self.ends.peek()
                && *at <= nanos(now)
            {
                self.end();
            }
            self.arrive(now, number);
            number += 1;
        }
        while !self.ends.is_empty() {
            self.end();
        }
        self.log
    }

    fn at(&self, seconds: f64) -> Instant {
        self.start + Duration::from_secs_f64(seconds)
    }

    /// Of request `number`, from 1; 0 where there are none.
    fn conversation(&self, number: u64) -> u64 {
        number
            .checked_rem(self.conversations)
            .map_or(0, |at| at + 1)
    }

    fn plan(&self, seed: u64, prefix: u64, now: Instant) -> Option<Plan> {
        let gather = |candidate: &Candidate, detail: Detail| -> Facts {
            let condition = self.health.of(&candidate.target, &Settings::default());
            let shape = Shape {
                stream: false,
                input_tokens: INPUT,
                output_tokens: OUTPUT,
            };
            match detail {
                Detail::Gate => condition.gate_facts(now),
                Detail::Times => condition.facts(shape, now),
            }
        };
        let question = Question {
            input_tokens: INPUT,
            expected_output: OUTPUT,
            seed,
            prefix,
            ..Question::of(&Everything)
        };
        self.router.plan("r", &question, &gather).ok()
    }

    /// A request comes and is sent to the first of its plan who lets it in.
    fn arrive(&mut self, seconds: f64, number: u64) {
        let now = self.at(seconds);
        let seed = self.chance.random();
        let Some(plan) = self.plan(seed, self.conversation(number), now) else {
            return;
        };
        for verdict in plan.order() {
            let target = &verdict.candidate.target;
            let leave = if verdict.is_panic() {
                Leave::Panic
            } else {
                Leave::Normal
            };
            let condition = self.health.of(target, &Settings::default());
            let Ok(permit) = condition.admit(leave, seed, now) else {
                continue;
            };
            self.begin(permit, verdict.candidate.name.to_string(), seconds, number);
            return;
        }
    }

    fn begin(&mut self, permit: Permit, target: String, arrived: f64, number: u64) {
        let in_flight = self.in_flight.entry(target.clone()).or_default();
        *in_flight += 1;
        let dead = self.dead.as_ref();
        let works = dead.is_none_or(|(name, time)| *name != target || !time.contains(&arrived));
        let took = if works {
            self.servers[&*target](arrived, *in_flight, self.chance.random())
        } else {
            0.01
        };
        self.ends.push(Reverse((nanos(arrived + took), number)));
        let served = Served {
            arrived,
            target,
            took,
            conversation: self.conversation(number),
        };
        self.running.insert(
            number,
            Running {
                permit,
                served,
                works,
            },
        );
    }

    /// The next answer ends.
    fn end(&mut self) {
        let Some(Reverse((at, number))) = self.ends.pop() else {
            return;
        };
        let now = self.start + Duration::from_nanos(at);
        let Running {
            permit,
            served,
            works,
        } = self.running.remove(&number).unwrap();
        *self.in_flight.get_mut(&served.target).unwrap() -= 1;
        if works {
            let timing = Timing {
                stream: false,
                input_tokens: INPUT,
                output_tokens: OUTPUT,
                cached_tokens: 0,
            };
            drop(permit.success(timing, now));
        } else {
            drop(permit.failure(ErrorClass::ServerError, None, now));
        }
        self.log.push(served);
    }
}

fn nanos(seconds: f64) -> u64 {
    (seconds * 1e9) as u64
}
