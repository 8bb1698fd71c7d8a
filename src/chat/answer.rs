//! What an answer says, as far as it can be judged, and what may be put right in it.

use super::{Choice, Content, Finish, Part, Reply, ToolCall};

/// One answer, whole or collected from a stream.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// Its number, from 0.
    pub choice: u64,
    /// What it says. Empty where only its calls were collected.
    pub text: String,
    /// Something is said: text, sound, a picture, or what only the provider's dialect has a word for.
    pub spoke: bool,
    /// The tools it calls, in order.
    pub calls: Vec<ToolCall>,
    /// The model declined.
    pub refused: bool,
    /// Why it ended; `None` where it has not.
    pub finish: Option<Finish>,
}

/// A text to stand in the place of what the model wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fix {
    /// The number of the answer.
    pub choice: u64,
    /// What of it.
    pub place: Place,
    /// What is to stand there.
    pub text: String,
}

/// A place in an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// All of its text.
    Text,
    /// The arguments of this call, counted from 0.
    Arguments(u64),
}

/// Members of a message, beyond its text, by which a model says something: OpenAI's sound, and the pictures some
/// providers send beside the text.
const OTHER_WORDS: [&str; 2] = ["audio", "images"];

impl Answer {
    /// What a choice of a whole reply says.
    pub fn of(choice: &Choice) -> Self {
        let message = &choice.message;
        let other_part = match &message.content {
            Content::Parts(parts) => parts.iter().any(|part| !matches!(part, Part::Text { .. })),
            _ => false,
        };
        let other_word = |key: &&str| {
            let value = message.extra.get(key);
            value.is_some_and(|raw| !matches!(raw.get(), "null" | "[]"))
        };
        let text = message.content.text();
        Self {
            choice: choice.index,
            spoke: !text.is_empty() || other_part || OTHER_WORDS.iter().any(other_word),
            text,
            calls: message.tool_calls.clone(),
            refused: message.refusal.is_some(),
            finish: Some(choice.finish),
        }
    }

    /// Whether nothing is said and nothing called, thoughts aside.
    pub fn is_silent(&self) -> bool {
        !self.spoke && self.calls.is_empty() && !self.refused
    }
}

impl Fix {
    /// The fix for a place, if there is one.
    pub fn find(fixes: &[Self], choice: u64, place: Place) -> Option<&Self> {
        fixes
            .iter()
            .find(|fix| fix.choice == choice && fix.place == place)
    }
}

impl Reply {
    /// What its answers say.
    pub fn answers(&self) -> Vec<Answer> {
        self.choices.iter().map(Answer::of).collect()
    }

    /// Puts its answers right. Citations of a text that is replaced are gone: their places are no longer true.
    pub fn fix(&mut self, fixes: &[Fix]) {
        for choice in &mut self.choices {
            if let Some(fix) = Fix::find(fixes, choice.index, Place::Text) {
                choice.message.content = Content::Text(fix.text.clone());
                choice.message.extra.remove("annotations");
            }
            for (at, call) in choice.message.tool_calls.iter_mut().enumerate() {
                let place = Place::Arguments(at as u64);
                if let Some(fix) = Fix::find(fixes, choice.index, place) {
                    call.arguments.clone_from(&fix.text);
                }
            }
        }
    }
}
