//! The board by tables, the drawing by a picture, and the demo itself on free ports.

mod states;

use std::{sync::Arc, time::Duration};

use jiff::tz::TimeZone;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::{
    board::Board,
    start,
    table::{View, draw, request_line},
    targets, traffic,
};
use crate::{
    catalog::NanoDollars,
    chat::Usage,
    facts::{Circuit, Facts},
    health::{KeyState, Opening, TargetState, Trip},
    outcome::{AttemptKind, ErrorClass, Reason},
    telemetry::{Attempt, Cost, End, Record, Surface, record::Candidate},
};

const OVERLOADED: End = End::Failed(ErrorClass::Overloaded);

/// An attempt at `target` that ended like this, after 100 ms to the first token if it had one.
fn attempt(target: &str, end: End) -> Attempt {
    let (provider, model) = target.split_once('/').unwrap();
    let delivered = end == End::Delivered;
    Attempt {
        target: target.into(),
        provider: provider.into(),
        model_label: model.into(),
        kind: AttemptKind::Primary,
        credential: None,
        verdict: None,
        end,
        status: None,
        waited: None,
        queued: None,
        first_token: delivered.then_some(Duration::from_millis(100)),
        total: None,
        usage: None,
        cost: if delivered {
            Cost::Known(NanoDollars(1_234_567))
        } else {
            Cost::Nothing
        },
    }
}

/// The record of a request on the route `chat` that made these attempts and ended as the last of them.
fn record(attempts: Vec<Attempt>) -> Record {
    let last = attempts.last();
    let end = last.map_or(End::Failed(ErrorClass::NotFound), |last| last.end);
    let delivered = last.filter(|last| last.end == End::Delivered);
    Record {
        id: "req_1".into(),
        at: jiff::Timestamp::UNIX_EPOCH,
        surface: Surface::Chat,
        caller: "anyone".into(),
        identity: None,
        model: "chat".into(),
        stream: true,
        route: Some("chat".into()),
        strategy: Some("priority"),
        rule: None,
        tool: None,
        serves: None,
        seed: 0,
        candidates: Vec::new(),
        target: delivered.map(|attempt| attempt.target.clone()),
        dropped: Vec::new(),
        usage: delivered.map(|_| Usage {
            input: 12,
            output: 345,
            ..Usage::default()
        }),
        cost: delivered.map_or(Cost::Nothing, |attempt| attempt.cost),
        attempts,
        end,
        first_token: None,
        total: Some(Duration::from_millis(1_500)),
    }
}

fn delivered(target: &str) -> Record {
    record(vec![attempt(target, End::Delivered)])
}

fn fell_over() -> Record {
    record(vec![
        attempt("flaky/chat", OVERLOADED),
        attempt("steady/chat", End::Delivered),
    ])
}

const OPEN: Circuit = Circuit::Open {
    remaining: Duration::from_millis(2_400),
    failure_rate: 1.0,
};

/// How `flaky/chat` is, whose circuit has opened so often.
fn flaky(circuit: Circuit, times: u64) -> TargetState {
    let opening = Opening {
        because: Trip::Consecutive,
        failure_rate: 1.0,
        consecutive: 3,
        times,
    };
    TargetState {
        target: "flaky/chat".into(),
        facts: Facts {
            circuit,
            ..Facts::default()
        },
        keys: vec![KeyState {
            credential: None,
            circuit,
            opening: (times > 0).then_some(opening),
            aside: None,
            because: None,
            headroom: None,
        }],
    }
}

fn board(records: impl IntoIterator<Item = Record>) -> Board {
    let mut board = Board::of(["flaky/chat", "steady/chat"].map(str::to_owned));
    for record in records {
        board.add(Arc::new(record));
    }
    board
}

fn view(width: usize, height: usize) -> View {
    View {
        width,
        height,
        colour: false,
        zone: TimeZone::UTC,
    }
}

#[test]
fn counts_how_requests_ended() {
    let check = |records: Vec<Record>, expected: [u64; 4]| {
        let board = board(records);
        let counted = [
            board.requests,
            board.delivered,
            board.fell_over,
            board.failed,
        ];
        assert_eq!(counted, expected);
    };
    let again = || {
        let retry = Attempt {
            kind: AttemptKind::Retry,
            ..attempt("flaky/chat", End::Delivered)
        };
        record(vec![attempt("flaky/chat", OVERLOADED), retry])
    };
    check(vec![], [0, 0, 0, 0]);
    check(vec![record(vec![])], [1, 0, 0, 1]);
    check(
        vec![record(vec![attempt("flaky/chat", OVERLOADED)])],
        [1, 0, 0, 1],
    );
    check(
        vec![record(vec![attempt("flaky/chat", End::Abandoned)])],
        [1, 0, 0, 0],
    );
    check(vec![again()], [1, 1, 0, 0]);
    check(vec![fell_over(), delivered("flaky/chat")], [2, 2, 1, 0]);
}

#[test]
fn tallies_attempts_where_they_were_made() {
    let board = board([fell_over(), delivered("flaky/chat"), fell_over()]);
    let check = |target: &str, expected: (u64, u64, u64, u64)| {
        let tally = &board.targets[target];
        let counted = (tally.attempts, tally.delivered, tally.errors, tally.cost.0);
        assert_eq!(counted, expected, "{target}");
        assert_eq!(tally.first_token(), Some(Duration::from_millis(100)));
    };
    check("flaky/chat", (3, 1, 2, 1_234_567));
    check("steady/chat", (2, 2, 0, 2_469_134));
    assert_eq!(board.spent.0, 3_703_701);
}

#[test]
fn takes_the_median_of_first_tokens() {
    let times = [900, 100, 300].map(|millis| {
        let mut record = delivered("steady/chat");
        record.attempts[0].first_token = Some(Duration::from_millis(millis));
        record
    });
    let board = board(times);
    let median = board.targets["steady/chat"].first_token();
    assert_eq!(median, Some(Duration::from_millis(300)));
    assert_eq!(board.targets["flaky/chat"].first_token(), None);
}

#[test]
fn stays_small_whatever_callers_invent() {
    let invented = |number: usize| {
        let mut record = delivered("steady/chat");
        record.attempts[0].target = format!("steady/model-{number}").into();
        record.attempts[0].model_label = "other".into();
        record
    };
    let board = board((0..500).map(invented));
    assert_eq!(board.targets.len(), 3);
    assert!(board.recent.len() < 100);
    assert_eq!(board.requests, 500);
}

#[test]
fn draws_the_board() {
    let mut board = board([
        delivered("steady/chat"),
        record(vec![attempt("flaky/chat", OVERLOADED)]),
        delivered("flaky/chat"),
        fell_over(),
    ]);
    let noon = jiff::Timestamp::from_second(43_200).unwrap();
    board.watch.look(vec![flaky(OPEN, 1)], noon);
    let expected = "\
4 requests   3 delivered   1 of them fell over   1 failed   $0.0037 spent

TARGET        ANSWERS         TRIED ERRORS   FIRST      COST  CIRCUIT
flaky/chat    ███·······  33%     3      2  100 ms $0.001234  open for 3 s: 3 failures in a row
steady/chat   ███████···  67%     2      0  100 ms $0.002469  -

EVENTS
12:00:00 flaky/chat ejected: 3 failures in a row, probed in 3 s

TIME     MODEL    WAY IT TOOK                                             TOKENS    MS      COST
00:00:01 chat     flaky/chat ✗ overloaded → steady/chat ✓                 12→345  1500 $0.001234
00:00:01 chat     flaky/chat ✓                                            12→345  1500 $0.001234
00:00:01 chat     flaky/chat ✗ overloaded                                         1500
00:00:01 chat     steady/chat ✓                                           12→345  1500 $0.001234
";
    assert_eq!(draw(&board, &view(96, 15)), expected);
}

#[test]
fn no_drawing_is_larger_than_its_view() {
    let mut board = board((0..20).map(|_| fell_over()));
    for times in 1..20 {
        board
            .watch
            .look(vec![flaky(OPEN, times)], jiff::Timestamp::UNIX_EPOCH);
    }
    for (width, height) in [(0, 0), (1, 1), (20, 5), (79, 24), (200, 60)] {
        let drawn = draw(&board, &view(width, height));
        let widest = drawn.lines().map(|line| line.chars().count()).max();
        assert!(widest.unwrap_or(0) <= width, "{width}: {drawn}");
        assert!(drawn.lines().count() < height.max(1), "{height}: {drawn}");
    }
}

#[test]
fn tells_the_way_and_why() {
    let check = |record: &Record, way: &str| {
        let line = request_line(record, &view(80, 24));
        assert!(line.contains(way), "{line} has no {way}");
    };
    let reasoned = |reason| {
        let mut record = delivered("steady/chat");
        record.candidates.push(Candidate {
            target: "steady/chat".into(),
            kept: true,
            reason,
            on: None,
            facts: Default::default(),
            score: None,
        });
        record
    };
    check(&fell_over(), "flaky/chat ✗ overloaded → steady/chat ✓ ");
    check(&reasoned(Reason::ListOrder), "steady/chat ✓  ");
    check(&reasoned(Reason::WeightDrawn), "steady/chat ✓ drawn");
    check(&reasoned(Reason::Fallback), "steady/chat ✓ fallback");
    check(&reasoned(Reason::Cheapest), "steady/chat ✓ cheapest");
    check(&record(vec![]), "✗ not_found");
    let mut cut = record(vec![attempt(
        "flaky/chat",
        End::Failed(ErrorClass::ServerError),
    )]);
    cut.attempts[0].first_token = Some(Duration::from_millis(100));
    check(&cut, "flaky/chat ✗ server_error mid-answer");
    let mut retried = fell_over();
    retried.attempts[1].kind = AttemptKind::Retry;
    check(&retried, "steady/chat ✓ again");
    retried.attempts[1].kind = AttemptKind::Probe;
    check(&retried, "steady/chat ✓ probe");
    let mut ruled = delivered("steady/chat");
    ruled.rule = Some("json".into());
    check(&ruled, "rule json · steady/chat ✓");
    let mut invalid = fell_over();
    invalid.attempts[0].end = End::Failed(ErrorClass::InvalidAnswer);
    invalid.attempts[0].verdict = Some("off_schema");
    check(&invalid, "flaky/chat ✗ invalid: off_schema → steady/chat ✓");
}

#[test]
fn tells_who_was_not_asked_and_why() {
    let left_out = |reason, kept| {
        let mut record = delivered("steady/chat");
        record.candidates.push(Candidate {
            target: "flaky/chat".into(),
            kept,
            reason,
            on: None,
            facts: Facts::default(),
            score: None,
        });
        request_line(&record, &view(80, 24))
    };
    let check = |reason, kept, told: &str| {
        let line = left_out(reason, kept);
        assert!(line.contains(told), "{line} has no {told}");
    };
    check(
        Reason::CircuitOpen,
        false,
        "steady/chat ✓, flaky/chat circuit_open",
    );
    check(
        Reason::SlowStart,
        true,
        "steady/chat ✓, flaky/chat slow_start",
    );
    check(Reason::LacksAbility, false, "steady/chat ✓  ");
    check(Reason::ListOrder, true, "steady/chat ✓  ");
}

#[tokio::test]
async fn routes_and_falls_over_within_its_first_requests() {
    let stop = CancellationToken::new();
    let free = || "127.0.0.1:0".to_owned();
    let (serving, started) = start(free(), free(), stop.clone());
    let started = started.await.unwrap();
    let plan = traffic::Plan {
        url: super::address(started.public),
        seed: super::SEED,
        gap: Duration::ZERO..Duration::ZERO,
        count: 24,
    };
    let sent = timeout(Duration::from_secs(60), traffic::send(plan)).await;
    sent.expect("answers in time").unwrap();
    stop.cancel();
    serving.await.unwrap().unwrap();

    // The ledger is written to its end now.
    let ledger = &started.hall.ledger;
    let mut board = Board::of(targets(&started.hall));
    let (records, taken) = ledger.recent(usize::MAX);
    records.iter().for_each(|record| board.add(record.clone()));
    assert_eq!((taken, board.requests), (24, 24));
    assert!(board.delivered > board.failed, "{board:?}");
    assert!(board.fell_over >= 2, "{board:?}");
    assert!(board.spent > NanoDollars(0));
    for route in ["chat", "canary", "auto", "extract", "tools", "embed"] {
        let named = |record: &&Arc<Record>| record.route.as_deref() == Some(route);
        assert!(records.iter().any(|record| named(&record)), "{route}");
    }
    let mut kinds = records.iter().flat_map(|record| &record.attempts);
    assert!(kinds.any(|attempt| attempt.kind == AttemptKind::Fallback));
    let invalid = End::Failed(ErrorClass::InvalidAnswer);
    let mut attempts = records.iter().flat_map(|record| &record.attempts);
    assert!(attempts.any(|attempt| attempt.end == invalid));
    assert!(records.iter().any(|record| record.rule.is_some()));
}
