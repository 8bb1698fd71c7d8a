//! A streamed completion, told to the caller as progress while it is written.

use std::time::Duration;

use tokio::time::Instant;

use super::{answer::Said, fault};
use crate::{
    chat::Delta,
    dialect::{Dialect, StreamReader, openai::OpenAi, sse::Framer},
    outcome::{ErrorClass, Failure},
    relay::Flow,
    tools::{Fault, FaultClass, Line},
};

/// Pieces are told together until there are so many characters …
const ENOUGH: usize = 200;

/// … or so much time has passed since the last were told. Ten times a second is as quick as eyes read.
const SOON: Duration = Duration::from_millis(100);

/// The longest text. A whole answer of a provider has at most eight times as many bytes, most of them none of the text.
const LONGEST: usize = 4 * 1024 * 1024;

/// Reads a stream to its end.
pub(super) async fn read(flow: &mut Flow, line: &dyn Line, id: &str) -> Result<Said, Fault> {
    let mut framer = Framer::new();
    let mut reader = OpenAi.stream_reader();
    let mut said = Said::default();
    let mut teller = Teller::new(line);
    let mut deltas = Vec::new();
    while let Some(bytes) = flow.next().await {
        framer.push(&bytes);
        take(&mut framer, &mut *reader, &mut deltas)
            .map_err(|failure| fault::failed(&failure, id))?;
        said.add(deltas.drain(..))?;
        teller.tell(&said.text, false).await;
    }
    reader
        .end(&mut deltas)
        .map_err(|failure| fault::failed(&failure, id))?;
    said.add(deltas.drain(..))?;
    teller.tell(&said.text, true).await;
    Ok(said)
}

/// Reads the whole events there are.
fn take(
    framer: &mut Framer,
    reader: &mut dyn StreamReader,
    deltas: &mut Vec<Delta>,
) -> Result<(), Failure> {
    let broken = |error: crate::dialect::sse::Broken| {
        Failure::new(ErrorClass::ServerError, error.to_string())
    };
    while let Some(event) = framer.next_event().map_err(broken)? {
        reader.read(&event, deltas)?;
    }
    Ok(())
}

impl Said {
    fn add(&mut self, deltas: impl Iterator<Item = Delta>) -> Result<(), Fault> {
        for delta in deltas {
            match delta {
                Delta::Text { choice: 0, text } => self.text.push_str(&text),
                Delta::Refusal { choice: 0, .. } => self.declined = true,
                Delta::Finish { choice: 0, finish } => self.finish = Some(finish),
                _ => {}
            }
        }
        if self.text.len() > LONGEST {
            let message = format!("The model wrote more than {LONGEST} bytes");
            return Err(Fault::new(FaultClass::TooLarge, message));
        }
        Ok(())
    }
}

/// Tells what is new of a text. The progress is the number of characters so far.
struct Teller<'a> {
    line: &'a dyn Line,
    told: usize,
    characters: usize,
    last: Option<Instant>,
}

impl<'a> Teller<'a> {
    fn new(line: &'a dyn Line) -> Self {
        Self {
            line,
            told: 0,
            characters: 0,
            last: None,
        }
    }

    /// Tells what is new, if it is enough or the last of it.
    async fn tell(&mut self, text: &str, over: bool) {
        let new = &text[self.told..];
        let now = Instant::now();
        let recently = self.last.is_some_and(|last| now < last + SOON);
        let characters = new.chars().count();
        if characters == 0 || recently && !over && characters < ENOUGH {
            return;
        }
        self.told = text.len();
        self.characters += characters;
        self.last = Some(now);
        let progress = self.characters as f64;
        self.line.progress(progress, None, Some(new)).await;
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;
    use crate::tools::ear::Ear;

    #[tokio::test(start_paused = true)]
    async fn pieces_are_told_together_and_none_is_lost() {
        let ear = Ear::default();
        let mut teller = Teller::new(&ear);
        let mut text = String::new();
        let long = "é".repeat(ENOUGH);
        for (piece, pause) in [("a", 0), ("b", 50), ("c", 50), (&long, 1), ("d", 1)] {
            advance(Duration::from_millis(pause)).await;
            text.push_str(piece);
            teller.tell(&text, false).await;
        }
        teller.tell(&text, true).await;
        teller.tell(&text, true).await;
        let heard = ear.0.into_inner().unwrap();
        let expected = [(1.0, "a"), (3.0, "bc"), (203.0, &long), (204.0, "d")];
        assert_eq!(
            heard,
            expected.map(|(progress, piece)| (progress, piece.to_owned()))
        );
    }
}
