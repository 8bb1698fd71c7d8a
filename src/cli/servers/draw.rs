//! Servers as text. What they say of themselves is written so that no terminal obeys it.

use owo_colors::OwoColorize;

use super::answer::{Replica, Shown, Summary};
use crate::{
    character::shown,
    federation::{Change, Held},
};

const HEADINGS: [&str; 5] = ["SERVER", "READY", "REVISION", "OFFERED", "WAITING"];

/// A line for each server, and one for each replica that is not ready.
pub(super) fn table(servers: &[Summary]) -> String {
    let mut rows = vec![HEADINGS.map(str::to_owned)];
    rows.extend(servers.iter().map(|server| {
        let ready = server.replicas.iter().filter(|replica| replica.is_ready());
        let mut revisions = server.replicas.iter();
        let revision = revisions.find_map(|replica| replica.revision.clone());
        [
            server.name.clone(),
            format!("{} of {}", ready.count(), server.replicas.len()),
            revision.unwrap_or_else(|| "-".to_owned()),
            server.offered.to_string(),
            server.held.to_string(),
        ]
    }));
    let widths: [usize; HEADINGS.len()] = std::array::from_fn(|column| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.max().unwrap_or(0)
    });
    let mut text = String::new();
    for row in &rows {
        let cells = row.iter().zip(widths);
        let cells: Vec<String> = cells
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        text += cells.join("  ").trim_end();
        text += "\n";
    }
    for server in servers {
        let away = server.replicas.iter().filter(|replica| !replica.is_ready());
        away.for_each(|replica| text += &format!("{}: {}\n", server.name, replica.line()));
    }
    if servers.iter().any(|server| server.held > 0) {
        text +=
            "What waits: waypost servers show NAME. To approve it: waypost servers approve NAME\n";
    }
    shown(&text)
}

/// One server with all that waits.
pub(super) fn server(server: &Shown, colour: bool) -> String {
    let mut text = format!(
        "{}: {} offered",
        server.name,
        things(server.offered.iter().map(String::as_str))
    );
    if !server.offered.is_empty() {
        text += &format!(": {}", server.offered.join(", "));
    }
    text += "\n";
    for replica in &server.replicas {
        text += &format!("  {}\n", replica.line());
    }
    if !server.unlisted.is_empty() {
        let names = server.unlisted.join(", ");
        text += &format!("  ! `policy` or `only` names what it does not list: {names}\n");
    }
    let mut text = shown(&text);
    if !server.held.is_empty() {
        text += &format!(
            "\n{} waiting:\n",
            things(server.held.iter().map(|it| it.tool.as_str()))
        );
    }
    text.extend(server.held.iter().map(|one| held(one, colour)));
    text
}

/// One thing that waits: why, what to look at twice, and what is different or all of it.
pub(super) fn held(held: &Held, colour: bool) -> String {
    let Held { tool, digest, .. } = held;
    let mut text = format!("\n{} ({}) {digest}\n", shown(tool), held.change.label());
    for warning in &held.warnings {
        text += &painted(&format!("! {}", shown(warning)), colour);
    }
    let body = match &held.change {
        Change::New => held.text.clone(),
        Change::Changed { diff } => diff.clone(),
        Change::Unfit { why } => format!("! {why}\n{}", held.text),
        Change::Unreadable => "! the approvals cannot be read; the gateway's log says why\n".into(),
    };
    for line in shown(&body).lines() {
        text += &painted(line, colour);
    }
    text + "\n"
}

/// A line of a difference or a warning, indented. No line of a tool by itself begins as theirs do.
fn painted(line: &str, colour: bool) -> String {
    let painted = match line.as_bytes().first() {
        _ if !colour => line.to_owned(),
        Some(b'+') => line.green().to_string(),
        Some(b'-') => line.red().to_string(),
        Some(b'@') => line.cyan().to_string(),
        Some(b'!') => line.yellow().to_string(),
        _ => line.to_owned(),
    };
    format!("  {painted}\n")
}

/// How many these are, by their names: tools, unless something else is among them.
pub(super) fn things<'a>(names: impl Iterator<Item = &'a str> + Clone) -> String {
    // Others have their kind before their names.
    let what = match names.clone().any(|name| name.contains(' ')) {
        true => "thing",
        false => "tool",
    };
    counted(names.count(), what)
}

/// So many of something.
fn counted(count: usize, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}

impl Replica {
    fn is_ready(&self) -> bool {
        self.state == "ready"
    }

    fn line(&self) -> String {
        let Self { place, state, .. } = self;
        let revision = self
            .revision
            .as_deref()
            .map_or(String::new(), |it| format!(", {it}"));
        let reason = self
            .reason
            .as_deref()
            .map_or(String::new(), |it| format!(": {it}"));
        format!("{place} {state}{revision}{reason}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replica(state: &str, reason: Option<&str>) -> Replica {
        Replica {
            place: "http://127.0.0.1:7000/mcp".to_owned(),
            state: state.to_owned(),
            revision: (state == "ready").then(|| "2026-07-28".to_owned()),
            reason: reason.map(str::to_owned),
        }
    }

    fn waiting(change: Change) -> Held {
        Held {
            tool: "search".to_owned(),
            digest: "blake3:aa".to_owned(),
            change,
            warnings: vec!["it has a comment".to_owned()],
            text: "name: \"search\"\n".to_owned(),
        }
    }

    #[test]
    fn draws_servers() {
        let servers = [
            Summary {
                name: "crm".to_owned(),
                replicas: vec![
                    replica("ready", None),
                    replica("failing", Some("re\u{1B}[2Jfused")),
                ],
                offered: 12,
                held: 1,
            },
            Summary {
                name: "files".to_owned(),
                replicas: vec![],
                offered: 0,
                held: 0,
            },
        ];
        let expected = "\
SERVER  READY   REVISION    OFFERED  WAITING
crm     1 of 2  2026-07-28  12       1
files   0 of 0  -           0        0
crm: http://127.0.0.1:7000/mcp failing: re\\u{1b}[2Jfused
What waits: waypost servers show NAME. To approve it: waypost servers approve NAME
";
        assert_eq!(table(&servers), expected);
    }

    #[test]
    fn draws_what_waits() {
        let diff = "@@ -1 +1 @@\n-was\n+is\u{1B}[31m\n".to_owned();
        let shown = Shown {
            name: "crm".to_owned(),
            replicas: vec![replica("ready", None)],
            offered: vec!["add".to_owned()],
            held: vec![waiting(Change::New), waiting(Change::Changed { diff })],
            unlisted: vec!["serach".to_owned()],
        };
        let expected = "\
crm: 1 tool offered: add
  http://127.0.0.1:7000/mcp ready, 2026-07-28
  ! `policy` or `only` names what it does not list: serach

2 tools waiting:

search (new) blake3:aa
  ! it has a comment
  name: \"search\"


search (changed) blake3:aa
  ! it has a comment
  @@ -1 +1 @@
  -was
  +is\\u{1b}[31m

";
        assert_eq!(server(&shown, false), expected);
        let coloured = server(&shown, true);
        assert!(
            coloured.contains("\u{1B}[32m+is\\u{1b}[31m\u{1B}["),
            "{coloured:?}"
        );
    }
}
