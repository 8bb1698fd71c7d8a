//! What an answer means: a result, or a failure of which class.

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::Value;

use super::settings::{Read, Settings};
use crate::{
    dialect::fault::retry_after,
    problem::Problem,
    schema::shown_text,
    tools::{Content, Fault, FaultClass, Output, redact::Redactor},
    upstream::guarded::Answer,
};

/// How much of a refusal's own words is told, in characters: enough for a sentence and a code.
const EXCERPT: usize = 200;

/// How the answers of a tool are read.
#[derive(Debug)]
pub(super) struct Reading {
    ok: Vec<u16>,
    read: Read,
    pick: Option<String>,
    /// What is taken out of everything a service says.
    pub(super) redactor: Redactor,
}

impl Reading {
    /// Reads it as written.
    pub(super) fn read(settings: &Settings) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        for (at, status) in settings.ok.iter().enumerate() {
            if !(200..600).contains(status) {
                let message = format!("{status} is no status of an answer");
                let problem = Problem::new(["ok".to_owned(), at.to_string()], message);
                problems.push(problem.expected("200 to 599"));
            }
        }
        let pick = settings.result.pick.clone();
        if pick
            .as_ref()
            .is_some_and(|pick| !pick.is_empty() && !pick.starts_with('/'))
        {
            let problem = Problem::new(["result", "pick"], "it is no JSON pointer");
            problems.push(problem.expected("a pointer like `/data/items`"));
        }
        if pick.is_some() && settings.result.read == Read::Text {
            let message = "a part can be picked out of JSON only";
            problems.push(Problem::new(["result", "pick"], message));
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(Self {
            ok: settings.ok.clone(),
            read: settings.result.read,
            pick,
            redactor: Redactor::default(),
        })
    }

    /// The result that an answer is. Structured results are objects, as clients expect, unless `must_be_data`: a tool
    /// with an output schema says for itself what they are.
    pub(super) fn output(&self, answer: &Answer, must_be_data: bool) -> Result<Output, Fault> {
        let status = answer.status.as_u16();
        let is_ok = match &self.ok[..] {
            [] => answer.status.is_success(),
            listed => listed.contains(&status),
        };
        if !is_ok {
            return Err(self.refusal(answer));
        }
        let media_type = answer.media_type();
        match self.read {
            Read::Json => self.json(answer, must_be_data),
            Read::Text => Ok(self.text(answer)),
            Read::Auto if self.pick.is_some() => self.json(answer, must_be_data),
            Read::Auto if answer.body.is_empty() => {
                let message = format!("The service answered with status {status} and no content");
                Ok(Output::text(message))
            }
            Read::Auto if is_json(&media_type) => self.json(answer, must_be_data),
            Read::Auto if is_text(&media_type) => Ok(self.text(answer)),
            Read::Auto => self.media(&media_type, answer),
        }
    }

    fn json(&self, answer: &Answer, must_be_data: bool) -> Result<Output, Fault> {
        let failed = |message: String| Fault::new(FaultClass::Failed, message);
        let whole: Value = serde_json::from_slice(&answer.body)
            .map_err(|_| failed("The service's answer is not the JSON it should be".to_owned()))?;
        let picked = match &self.pick {
            None => whole,
            Some(pick) => whole.pointer(pick).cloned().ok_or_else(|| {
                // As services say that there is no such thing, with a 200.
                let pick = shown_text(pick, 80);
                let message = format!("The service's answer has nothing at {pick}");
                Fault::new(FaultClass::Declined, message)
            })?,
        };
        let mut output = Output::structured(self.redactor.value(picked));
        output.structured = output
            .structured
            .filter(|it| must_be_data || it.is_object());
        Ok(output)
    }

    /// An image or a sound, as it is: there is no taking a secret out of one, so one that holds it is not given.
    fn media(&self, media_type: &str, answer: &Answer) -> Result<Output, Fault> {
        let failed = |message: &str| Err(Fault::new(FaultClass::Failed, message));
        if self.redactor.finds(&answer.body) {
            return failed("The service's answer holds a secret of this tool, and is not given");
        }
        let data = BASE64_STANDARD.encode(&answer.body);
        let mime = self.redactor.text(media_type);
        let content = match media_type.split('/').next() {
            Some("image") => Content::Image { data, mime },
            Some("audio") => Content::Audio { data, mime },
            _ => {
                return failed("The service's answer is neither JSON nor text, image or sound");
            }
        };
        Ok(Output {
            content: vec![content],
            ..Output::default()
        })
    }

    fn text(&self, answer: &Answer) -> Output {
        Output::text(self.redactor.text(&String::from_utf8_lossy(&answer.body)))
    }

    /// The failure that an answer is. A 4xx speaks of this request, but for the few that speak of our credentials (401,
    /// 403, 407) or of the moment (408, 425, 429), by RFC 9110, 6585 and 8470. What went wrong inside the service is its own business; what it says about the
    /// request is worth a sentence.
    fn refusal(&self, answer: &Answer) -> Fault {
        let status = answer.status.as_u16();
        let class = match status {
            429 => FaultClass::RateLimited,
            408 | 425 | 500..=599 => FaultClass::Unavailable,
            401 | 403 | 407 => FaultClass::Failed,
            400..=499 => FaultClass::Declined,
            _ => FaultClass::Failed,
        };
        let mut message = format!("The service answered with status {status}");
        if (400..500).contains(&status)
            && let Some(words) = self.words(answer)
        {
            message.push_str(": ");
            message.push_str(&words);
        }
        let retry_after = matches!(status, 429 | 503).then(|| retry_after(&answer.headers, None));
        Fault::new(class, message).after(retry_after.flatten())
    }

    /// The beginning of what a refusal says, without our secrets, escaped. It is read as a whole before it is cut: the
    /// half of a secret would not be found.
    fn words(&self, answer: &Answer) -> Option<String> {
        let media_type = answer.media_type();
        let text = match serde_json::from_slice::<Value>(&answer.body) {
            Ok(value) if is_json(&media_type) || media_type == "text/plain" => {
                self.redactor.value(value).to_string()
            }
            Err(_) if media_type == "text/plain" => {
                self.redactor.text(&String::from_utf8_lossy(&answer.body))
            }
            _ => return None,
        };
        let text = text.trim();
        (!text.is_empty()).then(|| shown_text(text, EXCERPT))
    }
}

fn is_json(media_type: &str) -> bool {
    media_type == "application/json" || media_type.ends_with("+json")
}

fn is_text(media_type: &str) -> bool {
    let further = [
        "application/xml",
        "application/yaml",
        "application/x-ndjson",
    ];
    media_type.starts_with("text/")
        || media_type.ends_with("+xml")
        || media_type.ends_with("+yaml")
        || further.contains(&media_type)
}
