//! A program's arguments, out of those of a call.
//!
//! What a caller gives must stay a value: it cannot become a second argument, and not an option either. So a value
//! that begins an argument may not begin with `-`, unless a literal `--` stands before it, behind which programs read
//! no options.

use serde_json::Value;

use super::{Argument, made, template, written};
use crate::{
    expr::Template,
    problem::Problem,
    tools::{Fault, FaultClass, Input},
};

/// The longest argument, in bytes: what Linux takes (`MAX_ARG_STRLEN`, 128 KiB with the NUL at its end).
const LONGEST: usize = 128 * 1024 - 1;

/// The most bytes of all arguments together. Linux takes a quarter of the stack's limit, 2 MiB by default, with the
/// environment and a pointer for each.
const MOST_BYTES: usize = 1024 * 1024;

/// The most arguments; their pointers count too.
const MOST: usize = 4096;

/// How to make a program's arguments.
#[derive(Debug)]
pub(super) struct Arguments(Vec<Entry>);

#[derive(Debug)]
struct Entry {
    template: Template,
    /// What stands before each item; none where the entry is exactly one argument.
    each: Option<String>,
    /// Whether a caller's value begins it, where programs look for options.
    may_pose_as_option: bool,
}

impl Arguments {
    pub(super) fn build(written: &[Argument], problems: &mut Vec<Problem>) -> Self {
        let mut entries = Vec::with_capacity(written.len());
        let mut options_are_over = false;
        for (at, argument) in written.iter().enumerate() {
            let at = at.to_string();
            let (text, each, path) = match argument {
                Argument::One(text) => (text, None, &["args", &at][..]),
                Argument::Each(each) => (
                    &each.each,
                    Some(each.prefix.clone()),
                    &["args", &at, "each"][..],
                ),
            };
            options_are_over |= each.is_none() && text == "--";
            // `$${` is a literal.
            let begins_with_value = text.starts_with("${");
            let has_prefix = each.as_ref().is_some_and(|prefix| !prefix.is_empty());
            if each.is_some() && !begins_with_value {
                let problem = Problem::new(path.iter().copied(), "there is no list to go through");
                problems.push(problem.expected("one `${…}`"));
            }
            if text.contains('\0') || each.as_ref().is_some_and(|prefix| prefix.contains('\0')) {
                let message = "an argument of a program cannot hold a NUL";
                problems.push(Problem::new(path.iter().copied(), message));
            }
            entries.extend(template(text, path, problems).map(|template| Entry {
                template,
                each,
                may_pose_as_option: begins_with_value && !has_prefix && !options_are_over,
            }));
        }
        Self(entries)
    }

    /// The arguments of one call.
    pub(super) fn of(&self, roots: &Input<'_>) -> Result<Vec<String>, Fault> {
        let mut arguments = Vec::with_capacity(self.0.len());
        let mut bytes = 0;
        for entry in &self.0 {
            for argument in entry.of(roots, arguments.len() + 1)? {
                bytes += argument.len();
                arguments.push(argument);
                if bytes > MOST_BYTES || arguments.len() > MOST {
                    return Err(refused(
                        "The arguments are too much for a program".to_owned(),
                    ));
                }
            }
        }
        Ok(arguments)
    }
}

impl Entry {
    fn of(&self, roots: &Input<'_>, at: usize) -> Result<Vec<String>, Fault> {
        let value = made(&self.template, roots);
        let value = value.map_err(|why| why.fault(&format!("argument {at}")))?;
        let (prefix, items) = match (&self.each, value) {
            (None, Value::Null) => {
                return Err(refused(format!("The program's argument {at} is missing")));
            }
            (None, value) => ("", vec![value]),
            (Some(prefix), Value::Null) => (prefix.as_str(), Vec::new()),
            (Some(prefix), Value::Array(items)) => (prefix.as_str(), items),
            (Some(prefix), value) => (prefix.as_str(), vec![value]),
        };
        let items = items.into_iter().zip(at..);
        let items = items.map(|(item, at)| self.checked(format!("{prefix}{}", written(item)), at));
        items.collect()
    }

    fn checked(&self, argument: String, at: usize) -> Result<String, Fault> {
        let wrong = if argument.contains('\0') {
            "holds a NUL character"
        } else if argument.len() > LONGEST {
            "is longer than 128 KiB"
        } else if self.may_pose_as_option && argument.starts_with('-') {
            "begins with `-`, where the program would take it for an option"
        } else {
            return Ok(argument);
        };
        Err(refused(format!("The program's argument {at} {wrong}")))
    }
}

fn refused(message: String) -> Fault {
    Fault::new(FaultClass::InvalidArguments, message)
}
