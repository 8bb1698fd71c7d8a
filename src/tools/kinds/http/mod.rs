//! A call to an API: arguments in, one request, its answer out.
//!
//! An argument is data wherever it stands: in a URL it is percent-encoded, so that it adds no path segment, query
//! member, host or scheme; in a header it is one line; in a JSON body it is a value. The host is literal, so no
//! argument chooses who is called, and secrets are bound to it. Requests go through the guarded client, which reaches
//! the public internet only, unless the tool lists a place inside.

mod address;
mod answer;
mod body;
mod fields;
mod request;
mod settings;
mod values;

pub use settings::{Auth, Body, Header, Method, Read, ResultSettings, Settings};

use futures_util::future::BoxFuture;

use crate::{
    problem::Problem,
    tools::{Fault, FaultClass, Kind, Materials, Output, Run, Stop, input::Input},
    upstream::guarded::Refused,
};
use answer::Reading;
use request::Outline;

#[derive(Debug)]
struct Http {
    outline: Outline,
    reading: Reading,
}

/// Builds the kind.
pub(crate) fn build(
    settings: &Settings,
    materials: &mut Materials<'_>,
) -> Result<Box<dyn Kind>, Vec<Problem>> {
    let outline = Outline::read(settings, materials);
    let reading = Reading::read(settings);
    match (outline, reading) {
        (Ok((outline, redactor)), Ok(mut reading)) => {
            reading.redactor = redactor;
            Ok(Box::new(Http { outline, reading }))
        }
        (outline, reading) => {
            let problems = [outline.err(), reading.err()];
            Err(problems.into_iter().flatten().flatten().collect())
        }
    }
}

impl Kind for Http {
    fn is_silent(&self) -> bool {
        true
    }

    fn run<'a>(&'a self, run: Run<'a>) -> BoxFuture<'a, Result<Output, Stop>> {
        Box::pin(async move {
            let input = Input {
                arguments: run.arguments,
                caller: &run.call.caller.name,
            };
            let request = self.outline.request(&input, run.deadline);
            let request = request.map_err(Fault::from)?;
            let sent = run.toolbox.memory.web.send(request).await;
            let answer = sent.map_err(refused)?;
            Ok(self
                .reading
                .output(&answer, run.tool.output_schema.is_some())?)
        })
    }
}

/// Why there is no answer, for the caller.
fn refused(refused: Refused) -> Fault {
    let class = match refused {
        Refused::Unreachable | Refused::Broken => FaultClass::Unavailable,
        Refused::Timeout => FaultClass::Timeout,
        Refused::TooLarge(_) => FaultClass::TooLarge,
        Refused::Address(_) | Refused::Encoded | Refused::Redirect => FaultClass::Failed,
    };
    Fault {
        unsent: matches!(refused, Refused::Unreachable | Refused::Address(_)),
        ..Fault::new(class, refused.to_string())
    }
}
