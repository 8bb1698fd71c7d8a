//! The board as text. Pure: the same board and view give the same lines.

use jiff::tz::TimeZone;
use owo_colors::Style;

use super::{
    board::{Board, Tally},
    line::Line,
    state,
    watch::Event,
    way::way,
};
use crate::{
    catalog::NanoDollars,
    telemetry::{Cost, Record},
};

/// How the board is looked at.
pub(super) struct View {
    /// Columns.
    pub(super) width: usize,
    /// Lines.
    pub(super) height: usize,
    /// Whether colours are wanted.
    pub(super) colour: bool,
    /// Whose clock times are shown on.
    pub(super) zone: TimeZone,
}

/// Columns of the share bar.
const BAR: usize = 10;

/// Requests shown where there is room.
const MOST_RECENT: usize = 12;

/// Events shown where there is room.
const MOST_EVENTS: usize = 4;

/// Lines beside those of targets, events and requests: totals, headings, gaps, the cursor.
const FRAME: usize = 6;

/// The same of events: a heading and a gap.
const EVENTS_FRAME: usize = 2;

/// Requests that are worth more room than events.
const FEW: usize = 4;

/// Columns of a request's line beside its way.
const BESIDE_WAY: usize = 46;

/// Draws totals, targets, the last events and the last requests: lines that fit the view, each with a newline. The
/// view's last line stays free, for the cursor.
pub(super) fn draw(board: &Board, view: &View) -> String {
    let mut lines = vec![totals(board), Line::default()];
    lines.extend(targets(board));
    lines.push(Line::default());
    let room = view.height.saturating_sub(FRAME + board.targets.len());
    let events = events(board, view, room);
    let room = room.saturating_sub(events.len());
    lines.extend(events);
    lines.extend(requests(board, view, room.clamp(1, MOST_RECENT)));
    let lines = lines.into_iter().take(view.height.saturating_sub(1));
    lines
        .map(|line| line.at_most(view.width).render(view.colour) + "\n")
        .collect()
}

fn targets(board: &Board) -> Vec<Line> {
    let mut lines = vec![heading(format!(
        "{:<13} {:<15} {:>5} {:>6} {:>7} {:>9}  {}",
        "TARGET", "ANSWERS", "TRIED", "ERRORS", "FIRST", "COST", "CIRCUIT"
    ))];
    for (name, tally) in &board.targets {
        let circuit = state::circuit(board.watch.state(name));
        lines.push(target(name, tally, board.delivered).join(circuit));
    }
    lines
}

/// The last events with their heading and a gap, newest first; nothing where there is no room, or no event.
fn events(board: &Board, view: &View, room: usize) -> Vec<Line> {
    let events = &board.watch.events;
    let most = room.saturating_sub(FEW + EVENTS_FRAME).min(MOST_EVENTS);
    if most == 0 || events.is_empty() {
        return Vec::new();
    }
    let newest = events.iter().rev().take(most);
    let mut lines = vec![heading("EVENTS".to_owned())];
    lines.extend(newest.map(|event| state::event(event, &view.zone)));
    lines.push(Line::default());
    lines
}

fn requests(board: &Board, view: &View, most: usize) -> Vec<Line> {
    let way = view.width.saturating_sub(BESIDE_WAY).max(16);
    let mut lines = vec![heading(format!(
        "{:<8} {:<8} {:<way$} {:>11} {:>5} {:>9}",
        "TIME", "MODEL", "WAY IT TOOK", "TOKENS", "MS", "COST"
    ))];
    let newest = board.recent.iter().rev().take(most);
    lines.extend(newest.map(|record| request(record, &view.zone, way)));
    lines
}

fn heading(text: String) -> Line {
    Line::default().then(text, Style::new().bold())
}

/// One event on a line of any length.
pub(super) fn event_line(event: &Event, view: &View) -> String {
    state::event(event, &view.zone).render(view.colour)
}

/// One finished request on a line of any length.
pub(super) fn request_line(record: &Record, view: &View) -> String {
    let way = way(record).columns().max(40);
    request(record, &view.zone, way).render(view.colour)
}

fn totals(board: &Board) -> Line {
    let part = |line: Line, count: String, word: &str, style: Style| {
        line.then(count, style.bold()).plain(format!(" {word}   "))
    };
    let count = |count: u64| count.to_string();
    let plain = Style::new();
    let line = part(Line::default(), count(board.requests), "requests", plain);
    let line = part(line, count(board.delivered), "delivered", plain.green());
    let line = part(
        line,
        count(board.fell_over),
        "of them fell over",
        plain.yellow(),
    );
    let line = part(line, count(board.failed), "failed", plain.red());
    part(line, money(board.spent, 4), "spent", plain)
}

fn target(name: &str, tally: &Tally, delivered: u64) -> Line {
    // Counts of a demo are far below 2^52.
    let share = tally.delivered as f64 / delivered.max(1) as f64;
    let filled = (share * BAR as f64).round() as usize;
    let errors = if tally.errors > 0 {
        Style::new().red()
    } else {
        Style::new().dimmed()
    };
    let first_token = tally
        .first_token()
        .map_or("-".to_owned(), |time| format!("{} ms", time.as_millis()));
    Line::default()
        .plain(name)
        .exactly(13)
        .plain(" ")
        .then("█".repeat(filled), Style::new().cyan())
        .then("·".repeat(BAR - filled.min(BAR)), Style::new().dimmed())
        .plain(format!("{:>4.0}%", share * 100.0))
        .plain(format!(" {:>5} ", tally.attempts))
        .then(format!("{:>6}", tally.errors), errors)
        .plain(format!(" {first_token:>7} {:>9}  ", money(tally.cost, 6)))
}

fn request(record: &Record, zone: &TimeZone, columns: usize) -> Line {
    let dim = Style::new().dimmed();
    // The time of its end: that is the order they are shown in.
    let ended = record
        .at
        .checked_add(record.total.unwrap_or_default())
        .unwrap_or(record.at);
    let time = ended.to_zoned(zone.clone()).strftime("%H:%M:%S");
    let asked = record.route.as_deref().unwrap_or(&record.model);
    let tokens = record.usage.map_or(String::new(), |usage| {
        format!("{}→{}", usage.input, usage.output)
    });
    let cost = match record.cost {
        Cost::Nothing => String::new(),
        Cost::Known(cost) => money(cost, 6),
        Cost::Unknown => "unknown".to_owned(),
    };
    let total = record.total.unwrap_or_default().as_millis();
    Line::default()
        .then(time.to_string(), dim)
        .plain(" ")
        .join(Line::default().plain(asked).exactly(8))
        .plain(" ")
        .join(way(record).exactly(columns))
        .plain(format!(" {tokens:>11} {total:>5} {cost:>9}"))
}

/// Dollars with so many decimals, rounded down.
fn money(amount: NanoDollars, decimals: usize) -> String {
    let (dollars, rest) = (amount.0 / 1_000_000_000, amount.0 % 1_000_000_000);
    let digits = format!("{rest:09}");
    format!("${dollars}.{digits:.decimals$}")
}
