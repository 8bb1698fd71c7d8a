//! Where secrets come from: `env:NAME`, `file:PATH`, or the config itself, with a warning.
//!
//! The environment is an argument, so that `check` and tests say what it holds. No message ever holds a secret.

use std::{fs::File, io::Read};

use crate::{problem::Problem, secret::Secret};

/// Longer than any key, token or certificate; a device file must not fill the memory.
const LONGEST: u64 = 64 * 1024;

/// A secret that was found.
#[derive(Debug)]
pub struct Resolved {
    /// The secret.
    pub secret: Secret,
    /// What the operator should know about where it stood.
    pub warning: Option<Problem>,
}

/// Finds the secret that `setting`, at `path` of the configuration, names. Relative file names are relative to
/// the working directory.
pub fn resolve(
    setting: &str,
    path: &[String],
    environment: impl Fn(&str) -> Option<String>,
) -> Result<Resolved, Problem> {
    let problem = |message: String| Problem::new(path.iter().cloned(), message);
    let form = "`env:NAME` or `file:PATH`";
    if matches!(setting.trim_end(), "env:" | "file:") {
        let message = format!("there is no name after `{}`", setting.trim_end());
        return Err(problem(message).expected(form));
    }
    let found = if let Some(name) = setting.strip_prefix("env:") {
        let name = name.trim();
        let value = environment(name).ok_or_else(|| {
            problem(format!("the environment variable {name} is not set"))
                .expected("a variable that holds the key")
        })?;
        let place = format!("the environment variable {name}");
        Found::new(value, place, None)
    } else if let Some(name) = setting.strip_prefix("file:") {
        let name = name.trim();
        let value = read(name).map_err(|reason| problem(format!("the file {name} {reason}")))?;
        Found::new(value, format!("the file {name}"), None)
    } else if setting.starts_with('$') {
        // A name in a shell's spelling, not a key: no provider's keys begin with a dollar sign.
        let message = "a variable is not expanded here".to_owned();
        return Err(problem(message).expected(form));
    } else {
        let warning =
            problem("a literal key in the config: better env:NAME or file:PATH".to_owned());
        Found::new(setting.to_owned(), "the key".to_owned(), Some(warning))
    };
    if found.value.trim().is_empty() {
        return Err(problem(format!("{} is empty", found.place)).expected(form));
    }
    if found.value.chars().any(char::is_control) {
        let message = format!(
            "{} holds a line break or another control character",
            found.place
        );
        return Err(problem(message).expected("a key on one line"));
    }
    Ok(Resolved {
        secret: Secret::new(found.value),
        warning: found.warning,
    })
}

/// A secret before it is judged.
struct Found {
    value: String,
    /// Where it stood, for messages.
    place: String,
    warning: Option<Problem>,
}

impl Found {
    fn new(value: String, place: String, warning: Option<Problem>) -> Self {
        Self {
            value,
            place,
            warning,
        }
    }
}

/// The text of a file without one line end at its end.
fn read(name: &str) -> Result<String, String> {
    let cannot = |error: std::io::Error| format!("cannot be read: {error}");
    let file = File::open(name).map_err(cannot)?;
    let mut bytes = Vec::new();
    file.take(LONGEST + 1)
        .read_to_end(&mut bytes)
        .map_err(cannot)?;
    if bytes.len() as u64 > LONGEST {
        return Err(format!("is longer than {LONGEST} bytes, so it is no key"));
    }
    let text = String::from_utf8(bytes).map_err(|_| "is no UTF-8 text".to_owned())?;
    let line = text.strip_suffix('\n').unwrap_or(&text);
    Ok(line.strip_suffix('\r').unwrap_or(line).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(setting: &str) -> Result<Resolved, Problem> {
        resolve(setting, &["providers".to_owned()], |name| match name {
            "SET" => Some("sk-1".to_owned()),
            "EMPTY" => Some(String::new()),
            "LINES" => Some("a\nb".to_owned()),
            _ => None,
        })
    }

    #[track_caller]
    fn check(setting: &str, message: &str) {
        let problem = find(setting).unwrap_err();
        assert_eq!(problem.path, ["providers"]);
        assert!(problem.message.starts_with(message), "{problem}");
    }

    #[test]
    fn says_what_is_missing_and_where() {
        check("env:UNSET", "the environment variable UNSET is not set");
        check("env:EMPTY", "the environment variable EMPTY is empty");
        check(
            "env:LINES",
            "the environment variable LINES holds a line break",
        );
        check(
            "file:/nowhere/key",
            "the file /nowhere/key cannot be read: No such file",
        );
        check("file:/", "the file / cannot be read: ");
        check(
            "file:/dev/zero",
            "the file /dev/zero is longer than 65536 bytes",
        );
        check("file:/dev/null", "the file /dev/null is empty");
        check("${SET}", "a variable is not expanded here");
        check("env: ", "there is no name after `env:`");
        check("", "the key is empty");
    }

    #[test]
    fn finds_secrets_in_the_environment_and_in_files() {
        let found = find("env:SET").unwrap();
        assert_eq!(found.secret.reveal(), "sk-1");
        assert_eq!(found.warning, None);

        let folder = tempfile::tempdir().unwrap();
        for (content, expected) in [
            (&b"sk-2\n"[..], Ok("sk-2")),
            (b"sk-2\r\n", Ok("sk-2")),
            (b"sk-2", Ok("sk-2")),
            (
                b"sk-2\n\n",
                Err("holds a line break or another control character"),
            ),
            (b"\xff", Err("is no UTF-8 text")),
            (b"\n", Err("is empty")),
        ] {
            let file = folder.path().join("key");
            std::fs::write(&file, content).unwrap();
            let found = find(&format!("file:{}", file.display()));
            match (found, expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found.secret.reveal(), expected),
                (Err(problem), Err(reason)) => {
                    assert_eq!(
                        problem.message,
                        format!("the file {} {reason}", file.display())
                    );
                }
                (found, expected) => panic!("{found:?} is not {expected:?}"),
            }
        }
    }

    #[test]
    fn literals_are_taken_with_a_warning_that_does_not_repeat_them() {
        let found = find("sk-canary").unwrap();
        assert_eq!(found.secret.reveal(), "sk-canary");
        let warning = found.warning.unwrap().to_string();
        assert!(warning.contains("a literal key in the config"), "{warning}");
        assert!(!warning.contains("canary"), "{warning}");
    }
}
