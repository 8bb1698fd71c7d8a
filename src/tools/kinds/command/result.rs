//! What comes of a program's output and its end.

use std::{io, os::unix::process::ExitStatusExt, process::ExitStatus};

use rustix::process::Signal;
use serde_json::{Value, json};

use super::{
    Format,
    listen::{COMPLAINT, Heard, Unheard},
};
use crate::{
    process::Limits,
    schema::shown_text,
    tools::{Fault, FaultClass, Output, redact::Redactor},
};

/// How much of a program's complaint a caller reads, in characters: a line that says what went wrong.
const QUOTED: usize = 200;

/// The exit code of `waypost limit-and-run`, as of shells and `env`, where the program cannot be executed (POSIX, XCU
/// 2.8.2).
pub const NOT_EXECUTED: u8 = 126;

/// The exit code of shells and `env` where there is no such program (POSIX, XCU 2.8.2).
const NOT_FOUND: u8 = 127;

/// The program could not be started.
pub(super) fn not_started(error: &io::Error, tool: &str) -> Fault {
    tracing::warn!(tool, %error, "a program could not be started");
    // A machine without room for another process may have it again soon.
    let passes = matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::OutOfMemory
    );
    let class = if passes {
        FaultClass::Unavailable
    } else {
        FaultClass::Failed
    };
    Fault::new(class, "The program could not be started")
}

/// The program was not heard to its end.
pub(super) fn unheard(unheard: Unheard, most: usize, tool: &str) -> Fault {
    match unheard {
        Unheard::TooMuch => {
            let message = format!("The program wrote more than {most} bytes and was ended");
            Fault::new(FaultClass::TooLarge, message)
        }
        Unheard::Io(error) => {
            tracing::warn!(tool, %error, "a program could not be read from");
            Fault::new(FaultClass::Failed, "The program could not be read from")
        }
    }
}

/// Reads what a program has said, by the way it ended.
pub(super) fn read(
    heard: Heard,
    format: Format,
    limits: Limits,
    redactor: &Redactor,
    tool: &str,
) -> Result<Output, Fault> {
    let said = String::from_utf8_lossy(&heard.said);
    let complaint = redactor.text(&String::from_utf8_lossy(&heard.complaint));
    let complaint = end(&complaint, redactor.longest());
    if !complaint.is_empty() {
        let complaint = shown_text(complaint, complaint.len());
        tracing::debug!(tool, complaint, "a program wrote to standard error");
    }
    if heard.status.success() {
        return formatted(&said, format, redactor);
    }
    let mut message = format!("The program {}", ended(heard.status, limits));
    if let Some(last) = complaint.lines().rfind(|line| !line.trim().is_empty()) {
        message = format!("{message}: {}", shown_text(last.trim(), QUOTED));
    }
    let output = (!said.is_empty()).then(|| Box::new(Output::text(redactor.text(&said))));
    Err(Fault {
        output,
        ..Fault::new(class(heard.status), message)
    })
}

/// Whom an end speaks of: a code is a program's answer to this call, a signal or a missing program is no answer.
fn class(status: ExitStatus) -> FaultClass {
    match status.code() {
        Some(code) if ![NOT_EXECUTED.into(), NOT_FOUND.into()].contains(&code) => {
            FaultClass::Declined
        }
        _ => FaultClass::Failed,
    }
}

fn formatted(said: &str, format: Format, redactor: &Redactor) -> Result<Output, Fault> {
    match format {
        Format::Text => Ok(Output::text(redactor.text(said))),
        Format::Lines => {
            let said = redactor.text(said);
            let lines: Vec<_> = said.lines().collect();
            Ok(Output::structured(json!({ "lines": lines })))
        }
        Format::Json => match serde_json::from_str(said).map(|said| redactor.value(said)) {
            Ok(object @ Value::Object(_)) => Ok(Output::structured(object)),
            Ok(other) => Ok(Output::structured(json!({ "result": other }))),
            Err(error) => {
                let place = format!("line {}, column {}", error.line(), error.column());
                let message = format!("The program's output is no JSON, by {place}");
                Err(Fault::new(FaultClass::InvalidOutput, message))
            }
        },
    }
}

/// The end of a complaint, from where a character begins. One that is longer than it may be was cut before, maybe in
/// the middle of a secret, of which the rest must not be told.
fn end(text: &str, longest_secret: usize) -> &str {
    let Some(more) = text.len().checked_sub(COMPLAINT) else {
        return text;
    };
    let mut from = more.max(longest_secret).min(text.len());
    while !text.is_char_boundary(from) {
        from += 1;
    }
    &text[from..]
}

/// How it ended, when not well.
fn ended(status: ExitStatus, limits: Limits) -> String {
    let Some(signal) = status.signal() else {
        return format!("failed with exit code {}", status.code().unwrap_or(-1));
    };
    if signal == Signal::XCPU.as_raw() {
        let seconds = limits.cpu.unwrap_or_default();
        format!("used up its {seconds} s of processor time")
    } else if signal == Signal::XFSZ.as_raw() {
        format!("wrote a file of more than {} bytes", limits.file_size)
    } else if signal == Signal::KILL.as_raw() {
        "was killed, as the system does with one that uses too much memory or processor time".into()
    } else {
        format!("was ended by signal {signal}")
    }
}
