//! An explained plan as text. Pure: the same plan gives the same lines.

use std::time::Duration;

use crate::{
    facts::{Circuit, Estimate, Facts},
    outcome::ErrorClass,
    relay::{Explained, Shown},
};

const HEADINGS: [&str; 10] = [
    "#",
    "TARGET",
    "REASON",
    "CIRCUIT",
    "FIRST TOKEN",
    "TOTAL",
    "COST",
    "VALID",
    "AT IT",
    "LEFT",
];

type Row = [String; HEADINGS.len()];

/// Draws a plan: what chose, then a line for each candidate, those of each `fallback_on` list on their own.
pub(super) fn draw(explained: &Explained) -> String {
    let mut rows = vec![(None, HEADINGS.map(str::to_owned))];
    let mut place = (None, 0);
    for shown in &explained.candidates {
        if place.0 != shown.on {
            place = (shown.on, 0);
        }
        place.1 += usize::from(shown.kept);
        rows.push((shown.on, row(shown, place.1)));
    }
    let mut text = chosen(explained) + "\n";
    if rows.len() == 1 {
        return text;
    }
    let widths: [usize; HEADINGS.len()] = std::array::from_fn(|column| {
        let cells = rows.iter().map(|(_, row)| row[column].chars().count());
        cells.max().unwrap_or(0)
    });
    let mut list: Option<ErrorClass> = None;
    for (on, row) in &rows {
        if let Some(class) = on.filter(|_| list != *on) {
            text += &format!("after {}:\n", class.label());
        }
        list = *on;
        text += &line(row, &widths);
    }
    text
}

/// The model that was named, and who made what of it.
fn chosen(explained: &Explained) -> String {
    let mut text = format!("model {}", explained.model);
    if let Some(rule) = &explained.rule {
        text += &format!(" → rule {rule}");
    }
    match &explained.route {
        Some(route) => text += &format!(" → route {route}"),
        None if explained.error.is_none() => text += " → this target only",
        None => {}
    }
    if let Some(strategy) = &explained.strategy {
        text += &format!(", strategy {strategy}");
    }
    text += &format!(", seed {}", explained.seed);
    if let Some(attempts) = explained.attempts {
        let attempts = attempts.to_string();
        let word = if attempts == "1" {
            "attempt"
        } else {
            "attempts"
        };
        text += &format!(", {attempts} {word} at most");
    }
    text
}

fn row(shown: &Shown, place: usize) -> Row {
    let today = &shown.facts.today;
    let percent = |share: f64| format!("{:.0} %", share * 100.0);
    [
        if shown.kept {
            place.to_string()
        } else {
            dash()
        },
        shown.target.to_string(),
        shown.reason.label().to_owned(),
        circuit(today),
        today.first_token.map_or_else(dash, times),
        today.total.map_or_else(dash, times),
        shown
            .facts
            .expected_cost
            .map_or_else(dash, |cost| format!("${cost:.6}")),
        percent(today.validity),
        match today.capacity {
            Some(most) => format!("{} of {most}", today.in_flight),
            None => today.in_flight.to_string(),
        },
        today.headroom.map_or_else(dash, percent),
    ]
}

fn circuit(today: &Facts) -> String {
    let seconds = |time: Duration| time.as_secs() + u64::from(time.subsec_nanos() > 0);
    match today.circuit {
        Circuit::Open { remaining, .. } => format!("open {} s", seconds(remaining)),
        Circuit::HalfOpen => "half open".to_owned(),
        Circuit::Warming { share } => format!("warming {:.0} %", share * 100.0),
        Circuit::Closed => match today.cooldown {
            Some(aside) => format!("aside {} s", seconds(aside)),
            None => "closed".to_owned(),
        },
    }
}

/// What half of the requests and nineteen of twenty take no longer than.
fn times(estimate: Estimate) -> String {
    let seconds = |time: Duration| time.as_secs_f64();
    format!(
        "{:.2}-{:.2} s",
        seconds(estimate.p50),
        seconds(estimate.p95)
    )
}

fn dash() -> String {
    "-".to_owned()
}

fn line(row: &Row, widths: &[usize; HEADINGS.len()]) -> String {
    let cells = row.iter().zip(widths);
    let line: Vec<String> = cells
        .map(|(cell, width)| format!("{cell:width$}"))
        .collect();
    format!("  {}\n", line.join("  ").trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{outcome::Reason, relay};

    fn shown(target: &str, reason: Reason, today: Facts) -> Shown {
        Shown {
            target: target.into(),
            kept: true,
            reason,
            on: None,
            facts: relay::ShownFacts {
                weight: 1,
                listed: true,
                context: None,
                input_price: None,
                output_price: None,
                expected_cost: Some(0.000_34),
                score: None,
                today,
            },
        }
    }

    fn explained(candidates: Vec<Shown>) -> Explained {
        Explained {
            model: "auto".into(),
            rule: Some("json".into()),
            route: Some("extract".into()),
            strategy: Some("cheapest".into()),
            seed: 7,
            attempts: Some(3),
            candidates,
            error: None,
        }
    }

    #[test]
    fn draws_a_plan() {
        let estimate = Estimate {
            p50: Duration::from_millis(296),
            p95: Duration::from_millis(1_412),
            samples: 9.0,
        };
        let well = Facts {
            first_token: Some(estimate),
            validity: 0.75,
            in_flight: 1,
            capacity: Some(2),
            headroom: Some(0.4),
            ..Facts::default()
        };
        let open = Facts {
            circuit: Circuit::Open {
                remaining: Duration::from_millis(2_100),
                failure_rate: 1.0,
            },
            ..Facts::default()
        };
        let dropped = Shown {
            kept: false,
            ..shown("flaky/chat", Reason::CircuitOpen, open)
        };
        let large = Shown {
            on: Some(ErrorClass::ContextLength),
            ..shown("large/chat", Reason::FallbackOn, Facts::default())
        };
        let plan = explained(vec![
            shown("thrifty/chat", Reason::Cheapest, well),
            shown("swift/chat", Reason::Dearer, Facts::default()),
            dropped,
            large,
        ]);
        let expected = "\
model auto → rule json → route extract, strategy cheapest, seed 7, 3 attempts at most
  #  TARGET        REASON        CIRCUIT   FIRST TOKEN  TOTAL  COST       VALID  AT IT   LEFT
  1  thrifty/chat  cheapest      closed    0.30-1.41 s  -      $0.000340  75 %   1 of 2  40 %
  2  swift/chat    dearer        closed    -            -      $0.000340  100 %  0       -
  -  flaky/chat    circuit_open  open 3 s  -            -      $0.000340  100 %  0       -
after context_length:
  1  large/chat    fallback_on   closed    -            -      $0.000340  100 %  0       -
";
        assert_eq!(draw(&plan), expected);
    }

    #[test]
    fn says_what_little_there_is() {
        let check = |plan: Explained, expected: &str| assert_eq!(draw(&plan), expected);
        let direct = Explained {
            rule: None,
            route: None,
            strategy: None,
            attempts: Some(1),
            ..explained(vec![])
        };
        let nobody = Explained {
            attempts: None,
            error: Some("no such model".into()),
            ..direct.clone()
        };
        check(
            direct,
            "model auto → this target only, seed 7, 1 attempt at most\n",
        );
        check(nobody, "model auto, seed 7\n");
    }
}
