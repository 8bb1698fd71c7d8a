//! Showing the board as it changes: redrawn in place on a terminal, a line for each request and event elsewhere.
//!
//! Output that nobody reads any more (`waypost demo | head`) ends the demo quietly.

use std::{
    io::{self, IsTerminal, Write},
    time::Duration,
};

use jiff::tz::TimeZone;
use terminal_size::{Height, Width, terminal_size};
use tokio_util::sync::CancellationToken;

use super::{
    board::Board,
    line::Line,
    table::{self, View},
};
use crate::{cli::style, http::Hall, relay};

/// Time between two drawings.
const REDRAW: Duration = Duration::from_millis(500);

/// Time between two looks at the ledger where lines are printed.
const LOOK: Duration = Duration::from_millis(100);

/// Lines from which on there is room for all of the greeting.
const TALL: usize = 30;

/// Size of a terminal that does not tell.
const USUAL: (usize, usize) = (100, 32);

const HIDE_CURSOR: &str = "\x1b[?25l";
const SHOW_CURSOR: &str = "\x1b[?25h";
const CLEAR_SCREEN: &str = "\x1b[2J\x1b[H";
const CLEAR_LINE: &str = "\x1b[K";
const CLEAR_BELOW: &str = "\x1b[J";

/// Shows what the ledger takes in and how the targets are, below `greeting`, until `stop` or until nobody reads it any more.
pub(super) async fn show(
    hall: &Hall,
    board: Board,
    greeting: &[Line],
    stop: &CancellationToken,
) -> io::Result<()> {
    let news = News {
        hall,
        seen: 0,
        board,
    };
    if io::stdout().is_terminal() {
        redraw(news, greeting, stop).await
    } else {
        print(news, greeting, stop).await
    }
}

/// The board, and how much of the ledger is on it.
struct News<'a> {
    hall: &'a Hall,
    seen: u64,
    board: Board,
}

impl News<'_> {
    /// Looks how the targets are; returns how many of the board's events are new.
    fn look(&mut self) -> usize {
        let states = relay::targets(&self.hall.face().desk);
        self.board.watch.look(states, jiff::Timestamp::now())
    }

    /// Counts new records; returns how many of the board's recent ones are new.
    fn take(&mut self) -> usize {
        let (records, taken) = self.hall.ledger.recent(usize::MAX);
        let new = usize::try_from(taken - self.seen).unwrap_or(usize::MAX);
        self.seen = taken;
        let skip = records.len().saturating_sub(new);
        for record in records.into_iter().skip(skip) {
            self.board.add(record);
        }
        new.min(self.board.recent.len())
    }
}

async fn print(mut news: News<'_>, greeting: &[Line], stop: &CancellationToken) -> io::Result<()> {
    let view = view();
    for line in greeting {
        writeln!(io::stdout(), "{}", line.render(view.colour))?;
    }
    writeln!(io::stdout())?;
    loop {
        let (new, happened) = (news.take(), news.look());
        let (recent, events) = (&news.board.recent, &news.board.watch.events);
        let mut lines = String::new();
        for event in events.iter().skip(events.len() - happened) {
            lines += &table::event_line(event, &view);
            lines.push('\n');
        }
        for record in recent.iter().skip(recent.len() - new) {
            lines += &table::request_line(record, &view);
            lines.push('\n');
        }
        io::stdout().write_all(lines.as_bytes())?;
        if stop.is_cancelled() {
            return Ok(());
        }
        pause(LOOK, stop).await;
    }
}

async fn redraw(mut news: News<'_>, greeting: &[Line], stop: &CancellationToken) -> io::Result<()> {
    let _cursor = HiddenCursor::hide()?;
    let mut size = None;
    let mut drawn = 0;
    loop {
        news.take();
        news.look();
        let view = view();
        let mut frame = String::new();
        let new_size = Some((view.width, view.height));
        let shown = if view.height < TALL {
            2
        } else {
            greeting.len()
        };
        let greeting = greeting.get(..shown).unwrap_or(greeting);
        if size != new_size {
            // Lines may have wrapped: nothing can be said of what stands where.
            frame += CLEAR_SCREEN;
            for line in greeting {
                frame += &(line.render(view.colour) + "\n");
            }
            frame += "\n";
            (size, drawn) = (new_size, 0);
        }
        // Commands are not cut, so they may take more than a row.
        let rows = greeting
            .iter()
            .map(|line| line.columns().div_ceil(view.width));
        let height = view.height.saturating_sub(rows.sum::<usize>() + 1);
        let lines = table::draw(&news.board, &View { height, ..view });
        if drawn > 0 {
            frame += &format!("\x1b[{drawn}F");
        }
        frame += &lines.replace('\n', &format!("{CLEAR_LINE}\n"));
        frame += CLEAR_BELOW;
        drawn = lines.lines().count();
        let mut out = io::stdout().lock();
        out.write_all(frame.as_bytes())?;
        out.flush()?;
        drop(out);
        if stop.is_cancelled() {
            return Ok(());
        }
        pause(REDRAW, stop).await;
    }
}

async fn pause(time: Duration, stop: &CancellationToken) {
    tokio::select! {
        () = tokio::time::sleep(time) => {}
        () = stop.cancelled() => {}
    }
}

fn view() -> View {
    let told = terminal_size().map(|(Width(width), Height(height))| (width.into(), height.into()));
    let (width, height) = told.filter(|(width, _)| *width > 0).unwrap_or(USUAL);
    View {
        width,
        height,
        colour: style::colour_output(),
        zone: TimeZone::system(),
    }
}

/// A terminal without a cursor, until it is dropped.
struct HiddenCursor;

impl HiddenCursor {
    fn hide() -> io::Result<Self> {
        write!(io::stdout(), "{HIDE_CURSOR}")?;
        Ok(Self)
    }
}

impl Drop for HiddenCursor {
    fn drop(&mut self) {
        // A terminal that is gone needs no cursor.
        let _ = write!(io::stdout(), "{SHOW_CURSOR}").and_then(|()| io::stdout().flush());
    }
}
