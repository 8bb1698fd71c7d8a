//! A tool as an operator reads it, and what is different between two.

use std::time::Duration;

use serde_json::Value;
use similar::TextDiff;

use crate::character::shown;

/// The lines around a change that are shown with it.
const AROUND: usize = 3;

/// How long the shortest difference is looked for. After that one that is longer is taken: it is as true.
const DIFF_PATIENCE: Duration = Duration::from_millis(100);

/// The order in which members are read. What is not listed comes behind.
const ORDER: [&str; 6] = [
    "name",
    "title",
    "description",
    "annotations",
    "inputSchema",
    "outputSchema",
];

/// The whole tool as lines. What is not seen stands there as an escape, so that two tools never read alike.
pub(super) fn sheet(tool: &Value) -> String {
    let members = tool.as_object();
    let others = members
        .into_iter()
        .flatten()
        .map(|(name, _)| name.as_str())
        .filter(|name| !ORDER.contains(name));
    let mut sheet = String::new();
    for name in ORDER.into_iter().chain(others) {
        match tool.get(name) {
            None => {}
            Some(Value::String(text)) if name == "description" => {
                sheet += "description:\n";
                // The one member that is no JSON here, which would double them itself.
                for line in text.replace('\\', "\\\\").split('\n') {
                    sheet += &format!("  {line}\n");
                }
            }
            // Members of JSON can be written as JSON.
            Some(value) => {
                let json = serde_json::to_string_pretty(value).unwrap_or_default();
                sheet += &format!("{name}: {json}\n");
            }
        }
    }
    shown(&sheet)
}

/// What is different, line by line with some lines around: `-` was, `+` is.
pub(super) fn difference(was: &str, is: &str) -> String {
    let diff = TextDiff::configure()
        .timeout(DIFF_PATIENCE)
        .diff_lines(was, is);
    diff.unified_diff().context_radius(AROUND).to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_tool_reads_well_and_hides_nothing() {
        let tool = json!({
            "name": "search",
            "inputSchema": {"type": "object"},
            "description": "Searches.\nC:\\u{202e} \u{202E}tpircs\u{E0041}",
            "title": "Se\u{200B}arch",
            "_meta": {"a": "\u{FE01}\\u{fe01}"},
        });
        let expected = r#"name: "search"
title: "Se\u{200b}arch"
description:
  Searches.
  C:\\u{202e} \u{202e}tpircs\u{e0041}
inputSchema: {
  "type": "object"
}
_meta: {
  "a": "\u{fe01}\\u{fe01}"
}
"#;
        assert_eq!(sheet(&tool), expected);
    }

    #[test]
    fn a_difference_shows_what_was_and_what_is() {
        let before =
            json!({"name": "search", "title": "Search", "description": "One.\nTwo.\nThree."});
        let after =
            json!({"name": "search", "title": "Search", "description": "One.\nTwo!\nThree."});
        let expected = "@@ -2,5 +2,5 @@\n title: \"Search\"\n description:\n   One.\n-  Two.\n+  Two!\n   Three.\n";
        assert_eq!(difference(&sheet(&before), &sheet(&after)), expected);
    }

    #[test]
    fn hostile_texts_are_compared_in_time() {
        let lines = |seed: u64| -> String {
            let lines = (0..60_000_u64).map(|line| line.wrapping_mul(seed) % 89 + line % 2);
            lines.map(|line| format!("{line}\n")).collect()
        };
        let begun = tokio::time::Instant::now();
        let diff = difference(&lines(2_654_435_761), &lines(40_503));
        assert!(!diff.is_empty());
        assert!(begun.elapsed() < Duration::from_secs(10));
    }
}
