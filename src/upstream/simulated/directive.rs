//! What a caller tells the simulator inside the text of a message: `[[sim tokens=200 fault=cut]]`.
//!
//! The grammar stands in the head of the parent module. A directive that is not understood is an error: a
//! test that misspells one should not pass by luck.

use serde::{Deserialize, de::IntoDeserializer};

use crate::{catalog::Fault, dialect::Malformed};

/// Most calls one directive can ask for: the number of tools a request may offer.
const MOST_CALLS: usize = super::ask::MOST_TOOLS;

/// The directives of one message.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Directives {
    /// Length of the text, in tokens.
    pub(super) tokens: Option<u64>,
    /// Answer with the user's own text.
    pub(super) echo: bool,
    /// Stop after a few tokens and hold the connection open.
    pub(super) stall: bool,
    /// What goes wrong.
    pub(super) fault: Option<Fault>,
    /// The tools to call, in order.
    pub(super) tools: Vec<String>,
}

impl Directives {
    /// Reads the directives in `text`; gives the text without them besides.
    pub(super) fn read(text: &str) -> Result<(Self, String), Malformed> {
        let mut found = Self::default();
        let mut plain = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("[[sim ") {
            let Some((inside, behind)) = after.split_once("]]") else {
                break;
            };
            plain.push_str(before);
            for word in inside.split_ascii_whitespace() {
                found.obey(word)?;
            }
            rest = behind;
        }
        plain.push_str(rest);
        Ok((found, plain.trim().to_owned()))
    }

    fn obey(&mut self, word: &str) -> Result<(), Malformed> {
        let unknown = || {
            let shown: String = word.chars().take(40).collect();
            Malformed::at("messages", format!("Unknown directive `{shown}`."))
        };
        match word.split_once('=').unwrap_or((word, "")) {
            ("echo", "") => self.echo = true,
            ("stall", "") => self.stall = true,
            ("tokens", count) => self.tokens = Some(count.parse().map_err(|_| unknown())?),
            ("fault", name) => self.fault = Some(fault(name).ok_or_else(unknown)?),
            ("tool" | "tools", names) => {
                self.tools.extend(names.split(',').map(str::to_owned));
                if names.is_empty() || self.tools.len() > MOST_CALLS {
                    return Err(unknown());
                }
            }
            _ => return Err(unknown()),
        }
        Ok(())
    }
}

/// The fault of this name, as the config spells it.
fn fault(name: &str) -> Option<Fault> {
    let name: serde::de::value::StrDeserializer<'_, serde::de::value::Error> =
        name.into_deserializer();
    Fault::deserialize(name).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Directives, plain: &str) {
        let read = Directives::read(text).unwrap();
        assert_eq!(read, (expected, plain.to_owned()), "{text}");
    }

    #[test]
    fn refuses_what_it_does_not_know() {
        for text in [
            "[[sim ech]]",
            "[[sim tokens=many]]",
            "[[sim fault=boom]]",
            "[[sim tools=]]",
        ] {
            let error = Directives::read(text).unwrap_err();
            assert!(error.message.starts_with("Unknown directive"), "{text}");
        }
    }

    #[test]
    fn reads_them_all_and_leaves_the_rest_of_the_text() {
        check("hello", Directives::default(), "hello");
        check(
            "an open [[sim echo",
            Directives::default(),
            "an open [[sim echo",
        );
        let expected = Directives {
            tokens: Some(7),
            echo: true,
            stall: true,
            fault: Some(Fault::RateLimit),
            tools: vec!["a".into(), "b".into(), "c".into()],
        };
        check(
            "[[sim tokens=7 echo]] hi [[sim stall fault=rate_limit tools=a,b tool=c]]",
            expected,
            "hi",
        );
    }
}
