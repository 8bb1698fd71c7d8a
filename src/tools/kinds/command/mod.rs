//! A program of this machine. There is no shell: each argument stays one argument, whatever it says.
//!
//! A call makes the arguments ([`arguments`]) and starts the program through a wrapper that sets its limits and stays
//! with it as its supervisor ([`crate::process`]): when the call ends, for whatever reason, so does everything the
//! program started. What it writes is told line by line while it runs ([`listen`]) and
//! becomes the result at its end ([`result`]).
//!
//! The program, its folder, its environment and its options are the operator's; a caller gives values for arguments
//! and for standard input, and nothing else.

mod arguments;
mod launch;
mod listen;
mod result;
mod settings;
#[cfg(test)]
mod tests;

use futures_util::future::BoxFuture;
use serde_json::{Map, Value, json};

pub use result::NOT_EXECUTED;
pub use settings::{Argument, Each, Format, Settings};

use self::{arguments::Arguments, launch::Launch, listen::listen};
use crate::{
    expr::{EvalError, Template},
    problem::Problem,
    process::Running,
    tools::{Fault, FaultClass, Input, Kind, Materials, Output, Run, Stop},
};

#[derive(Debug)]
struct Command {
    launch: Launch,
    arguments: Arguments,
    stdin: Option<Template>,
    format: Format,
    max_output: usize,
}

/// Builds the kind.
pub(crate) fn build(
    settings: &Settings,
    materials: &mut Materials<'_>,
) -> Result<Box<dyn Kind>, Vec<Problem>> {
    let mut problems = settings.problems();
    let arguments = Arguments::build(&settings.args, &mut problems);
    let stdin = settings.stdin.as_deref();
    let stdin = stdin.and_then(|text| template(text, &["stdin"], &mut problems));
    let launch = Launch::build(settings, materials, &mut problems);
    let Some(launch) = launch.filter(|_| problems.is_empty()) else {
        return Err(problems);
    };
    Ok(Box::new(Command {
        launch,
        arguments,
        stdin,
        format: settings.output,
        max_output: settings.max_output,
    }))
}

/// The template, if it is one and mentions only what a call has.
fn template(text: &str, path: &[&str], problems: &mut Vec<Problem>) -> Option<Template> {
    let problem = |message: String| Problem::new(path.iter().copied(), message);
    match Template::compile(text) {
        Ok(template) => {
            let strangers = template.names().filter(|name| !Input::knows(name));
            let strangers = strangers.map(|name| {
                problem(format!("`{name}` is not known here"))
                    .expected("`input.…`, an argument of the tool, or `caller.name`")
            });
            problems.extend(strangers);
            Some(template)
        }
        Err(bad) => {
            let message = bad.to_string();
            problems.push(Problem {
                expected: bad.expected,
                nearest: bad.nearest,
                ..problem(message)
            });
            None
        }
    }
}

/// A value as a program reads it: text as it is, everything else as JSON.
fn written(value: Value) -> String {
    match value {
        Value::String(text) => text,
        other => other.to_string(),
    }
}

/// A value as a program reads it on standard input: nothing, where there is none.
fn input(value: Value) -> Vec<u8> {
    match value {
        Value::Null => Vec::new(),
        value => written(value).into_bytes(),
    }
}

/// Why there is no value for a program.
enum Unmade {
    /// What the caller gave is nothing the operator's expressions can work with.
    Unusable(EvalError),
    /// What the caller left out stands in the middle of a text, where it would become the word `null`.
    Missing,
}

impl From<EvalError> for Unmade {
    fn from(error: EvalError) -> Self {
        Self::Unusable(error)
    }
}

impl Unmade {
    fn fault(&self, what: &str) -> Fault {
        let message = match self {
            Self::Unusable(error) => {
                format!("The program's {what} cannot be made of these arguments: {error}")
            }
            Self::Missing => format!("A value in the program's {what} is missing"),
        };
        Fault::new(FaultClass::InvalidArguments, message)
    }
}

/// What a template makes of a call's arguments.
fn made(template: &Template, roots: &Input<'_>) -> Result<Value, Unmade> {
    if template.is_one_value() {
        return Ok(template.value(roots)?);
    }
    let text = template.write(roots, |value, text| {
        match value {
            Value::Null => return Err(Unmade::Missing),
            Value::String(value) => text.push_str(value),
            other => text.push_str(&other.to_string()),
        }
        Ok(())
    });
    text.map(Value::String)
}

impl Kind for Command {
    fn is_silent(&self) -> bool {
        true
    }

    fn output_schema(&self) -> Option<Map<String, Value>> {
        if self.format != Format::Lines {
            return None;
        }
        let schema = json!({
            "type": "object",
            "properties": { "lines": { "type": "array", "items": { "type": "string" } } },
            "required": ["lines"],
        });
        schema.as_object().cloned()
    }

    fn run<'a>(&'a self, run: Run<'a>) -> BoxFuture<'a, Result<Output, Stop>> {
        Box::pin(async move {
            let roots = Input {
                arguments: run.arguments,
                caller: &run.call.caller.name,
            };
            let arguments = self.arguments.of(&roots)?;
            let stdin = self.stdin.as_ref().map(|stdin| made(stdin, &roots));
            let stdin = stdin.transpose();
            let stdin = stdin.map_err(|why| why.fault("standard input"))?;
            let stdin = stdin.map(input);
            let tool = &*run.tool.id;
            let command = self.launch.program.command(&arguments, stdin.is_some());
            let (running, pipes) =
                Running::start(command).map_err(|error| result::not_started(&error, tool))?;
            let input = stdin.unwrap_or_default();
            let redactor = &self.launch.redactor;
            let heard = listen(running, pipes, input, self.max_output, run.line, redactor).await;
            let heard = heard.map_err(|why| result::unheard(why, self.max_output, tool))?;
            let limits = self.launch.program.limits;
            Ok(result::read(heard, self.format, limits, redactor, tool)?)
        })
    }
}
