//! Diagnostics for people, with the source line and a caret, and for machines, as JSON.
//!
//! Source lines may hold keys written into the file: what looks like a secret is dotted out before it is shown.

use std::fmt::{self, Write};

use owo_colors::{OwoColorize, Style};

use super::{
    diagnostic::{Diagnostic, Severity},
    mask::mask,
};

/// The most characters of a source line that are shown, around the place.
const WIDEST: usize = 160;

/// The report on `diagnostics` of one file with this `text`, sorted by place, with a last line that counts them.
/// Empty when there is nothing to say.
pub fn render(diagnostics: &[Diagnostic], text: &str, colour: bool) -> String {
    let mut report = String::new();
    // Writing into a string cannot fail.
    let _ = write_all(&mut report, diagnostics, text, Palette::new(colour));
    report
}

/// The same diagnostics as a JSON list, sorted by place.
pub fn json(diagnostics: &[Diagnostic]) -> serde_json::Result<String> {
    serde_json::to_string_pretty(&sorted(diagnostics))
}

/// Whether any of them keeps the configuration from being used.
pub fn fails(diagnostics: &[Diagnostic]) -> bool {
    let mut severities = diagnostics.iter().map(|diagnostic| diagnostic.severity);
    severities.any(|severity| severity == Severity::Error)
}

struct Palette {
    place: Style,
    error: Style,
    warning: Style,
    gutter: Style,
}

impl Palette {
    fn new(colour: bool) -> Self {
        let plain = Style::new();
        match colour {
            true => Self {
                place: plain.bold(),
                error: plain.red().bold(),
                warning: plain.yellow().bold(),
                gutter: plain.blue(),
            },
            false => Self {
                place: plain,
                error: plain,
                warning: plain,
                gutter: plain,
            },
        }
    }
}

fn sorted(diagnostics: &[Diagnostic]) -> Vec<&Diagnostic> {
    let mut sorted: Vec<&Diagnostic> = diagnostics.iter().collect();
    sorted.sort_by_key(|diagnostic| (diagnostic.line, diagnostic.column));
    sorted
}

fn write_all(
    out: &mut String,
    diagnostics: &[Diagnostic],
    text: &str,
    palette: Palette,
) -> fmt::Result {
    let lines = lines(text);
    for diagnostic in sorted(diagnostics) {
        let at = diagnostic.line.saturating_sub(1);
        write_one(out, diagnostic, lines.get(at).copied(), &palette)?;
    }
    let Some(Diagnostic { file, .. }) = diagnostics.first() else {
        return Ok(());
    };
    let count = |severity| {
        let of_it = diagnostics.iter().filter(|one| one.severity == severity);
        of_it.count()
    };
    let counted = match (count(Severity::Error), count(Severity::Warning)) {
        (0, warnings) => plural(warnings, "warning"),
        (errors, 0) => plural(errors, "problem"),
        (errors, warnings) => {
            format!(
                "{} and {}",
                plural(errors, "problem"),
                plural(warnings, "warning")
            )
        }
    };
    writeln!(out, "{counted} found in {}", clean(file))
}

fn write_one(
    out: &mut String,
    diagnostic: &Diagnostic,
    line: Option<&str>,
    palette: &Palette,
) -> fmt::Result {
    let place = format!(
        "{}:{}:{}:",
        clean(&diagnostic.file),
        diagnostic.line,
        diagnostic.column
    );
    let (severity, colour) = match diagnostic.severity {
        Severity::Error => ("error:", palette.error),
        Severity::Warning => ("warning:", palette.warning),
    };
    let message = clean(&diagnostic.message);
    writeln!(
        out,
        "{} {} {message}",
        place.style(palette.place),
        severity.style(colour)
    )?;
    let number = diagnostic.line.to_string();
    let margin = " ".repeat(number.len());
    let bar = "|".style(palette.gutter);
    if let Some((source, before, width)) = line.and_then(|line| excerpt(line, diagnostic)) {
        let carets = "^".repeat(width);
        writeln!(out, " {} {bar} {source}", number.style(palette.gutter))?;
        writeln!(
            out,
            " {margin} {bar} {}{}",
            " ".repeat(before),
            carets.style(colour)
        )?;
    }
    let equals = "=".style(palette.gutter);
    if let Some(expected) = &diagnostic.expected {
        writeln!(out, " {margin} {equals} expected: {}", clean(expected))?;
    }
    if let Some(nearest) = &diagnostic.nearest {
        writeln!(out, " {margin} {equals} did you mean `{}`?", clean(nearest))?;
    }
    writeln!(out)
}

/// The line to show, how many characters stand before the caret, and how wide the caret is. `None` for a place
/// behind the end of the line.
fn excerpt(line: &str, diagnostic: &Diagnostic) -> Option<(String, usize, usize)> {
    let shown: Vec<char> = mask(line, &diagnostic.path)
        .chars()
        .map(|character| match character.is_control() {
            true => ' ',
            false => character,
        })
        .collect();
    let column = diagnostic.column.saturating_sub(1);
    if shown.is_empty() || column > shown.len() {
        return None;
    }
    let start = match shown.len() > WIDEST {
        true => column.saturating_sub(WIDEST / 2),
        false => 0,
    };
    let source: String = shown.iter().skip(start).take(WIDEST).collect();
    let rest = (shown.len() - column).clamp(1, WIDEST / 2);
    Some((
        source.trim_end().to_owned(),
        column - start,
        diagnostic.width.clamp(1, rest),
    ))
}

/// The lines of YAML text: ended by LF, CR LF or CR alone.
fn lines(text: &str) -> Vec<&str> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let by_feed = text.split('\n');
    by_feed
        .flat_map(|line| line.strip_suffix('\r').unwrap_or(line).split('\r'))
        .collect()
}

/// Names from the file may hold control characters, which a terminal would obey.
fn clean(text: &str) -> String {
    let show = |character: char| match character.is_control() {
        true => character.escape_default().to_string(),
        false => character.to_string(),
    };
    text.chars().map(show).collect()
}

fn plural(count: usize, noun: &str) -> String {
    match count {
        1 => format!("1 {noun}"),
        _ => format!("{count} {noun}s"),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{super::diagnostic::Place, *};
    use crate::problem::Problem;

    fn at(line: usize, column: usize, width: usize, problem: Problem) -> Diagnostic {
        let file: Arc<str> = "way.yaml".into();
        let place = Place {
            line,
            column,
            width,
        };
        Diagnostic::new(&file, place, problem)
    }

    #[track_caller]
    fn check(text: &str, diagnostics: &[Diagnostic], expected: &[&str]) {
        let report = render(diagnostics, text, false);
        assert_eq!(report.lines().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn shows_the_line_and_a_caret_sorted_by_place() {
        let key = Problem::new(["a", "timout"], "unknown key `timout`");
        let value = Problem::new(["a"], "`a` cannot be a number").expected("a map");
        check(
            "a:\r\n  timout: 3s\r\n",
            &[
                at(2, 3, 6, key.suggest("timout", ["timeout"])),
                at(1, 1, 1, value),
            ],
            &[
                "way.yaml:1:1: error: `a` cannot be a number",
                " 1 | a:",
                "   | ^",
                "   = expected: a map",
                "",
                "way.yaml:2:3: error: unknown key `timout`",
                " 2 |   timout: 3s",
                "   |   ^^^^^^",
                "   = did you mean `timeout`?",
                "",
                "2 problems found in way.yaml",
            ],
        );
    }

    #[test]
    fn warnings_are_counted_apart_and_do_not_fail() {
        let warning = at(1, 1, 1, Problem::new(["a"], "old")).warning();
        let error = at(1, 1, 1, Problem::new(["a"], "bad"));
        assert!(!fails(std::slice::from_ref(&warning)));
        assert!(fails(&[warning.clone(), error.clone()]));
        let last = |diagnostics: &[Diagnostic]| {
            let report = render(diagnostics, "a: 1", false);
            report.lines().last().map(str::to_owned)
        };
        assert_eq!(
            last(std::slice::from_ref(&warning)).unwrap(),
            "1 warning found in way.yaml"
        );
        assert_eq!(
            last(&[warning, error]).unwrap(),
            "1 problem and 1 warning found in way.yaml"
        );
        assert_eq!(render(&[], "a: 1", false), "");
    }

    #[test]
    fn places_outside_the_text_show_no_line() {
        for (line, column) in [(9, 1), (1, 99), (0, 0), (usize::MAX, usize::MAX)] {
            let report = render(
                &[at(line, column, usize::MAX, Problem::new([""], "x"))],
                "a: 1",
                false,
            );
            assert!(report.contains("error: x"), "{report}");
        }
        let end = render(&[at(1, 5, 9, Problem::new([""], "x"))], "a: 1", false);
        assert!(end.contains("\n   |     ^\n"), "{end}");
    }

    #[test]
    fn secrets_and_control_characters_are_not_shown() {
        let text = "p: { api_key: sk-canary, bas_url: x\u{1b}[2J }";
        let problem = Problem::new(["p", "bas\u{1b}"], "unknown key `bas\u{1b}`");
        let report = render(&[at(1, 26, 7, problem)], text, false);
        assert!(!report.contains("canary"), "{report}");
        assert!(!report.contains('\u{1b}'), "{report}");
        assert!(report.contains("bas_url"), "{report}");
    }

    #[test]
    fn long_lines_are_cut_around_the_place() {
        let text = format!("{}here{}", "x".repeat(5000), "y".repeat(5000));
        let report = render(&[at(1, 5001, 4, Problem::new([""], "x"))], &text, false);
        let lines: Vec<&str> = report.lines().collect();
        assert!(lines[1].len() < 200);
        assert_eq!(lines[1].find("here"), lines[2].find("^^^^"));
    }

    #[test]
    fn colours_come_only_when_asked() {
        let diagnostics = [at(1, 1, 1, Problem::new(["a"], "bad").expected("good"))];
        assert!(!render(&diagnostics, "a: 1", false).contains('\u{1b}'));
        assert!(render(&diagnostics, "a: 1", true).contains('\u{1b}'));
    }

    #[test]
    fn json_has_all_fields() {
        let list = json(&[at(2, 3, 4, Problem::new(["a", "0"], "bad"))]).unwrap();
        let list: serde_json::Value = serde_json::from_str(&list).unwrap();
        assert_eq!(
            list,
            serde_json::json!([{
                "path": ["a", "0"], "file": "way.yaml", "line": 2, "column": 3, "width": 4,
                "message": "bad", "expected": null, "nearest": null, "severity": "error",
            }])
        );
    }
}
