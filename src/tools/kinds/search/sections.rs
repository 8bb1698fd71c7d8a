//! Pages of Markdown, cut into sections at their headings.

use std::collections::HashMap;

/// One page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Page {
    /// Its title; its first heading where that is empty.
    pub(crate) title: String,
    /// Where it is, without an anchor.
    pub(crate) url: String,
    /// Its text.
    pub(crate) text: String,
}

/// One section: a heading and what follows, up to the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Section {
    /// The page's title and the heading.
    pub(super) title: String,
    /// Where it is, with its anchor.
    pub(super) url: String,
    /// What it says, the heading left out.
    pub(super) text: String,
}

/// The sections of a page that say something, in order.
pub(super) fn of(page: &Page) -> Vec<Section> {
    let mut anchors = Anchors::default();
    let mut title = page.title.clone();
    let mut sections = vec![Section {
        title: title.clone(),
        url: page.url.clone(),
        text: String::new(),
    }];
    let mut fence = None;
    for line in page.text.lines() {
        let mark = fence_of(line);
        match (fence, mark) {
            (None, Some(mark)) => fence = Some(mark),
            (Some(open), Some(mark)) if mark == open => fence = None,
            _ => {}
        }
        let heading = heading(line).filter(|_| fence.is_none());
        match (heading, sections.last_mut()) {
            (Some(heading), _) => {
                if title.is_empty() {
                    title = heading.to_owned();
                }
                let url = format!("{}#{}", page.url, anchors.of(heading));
                let title = if title == heading {
                    title.clone()
                } else {
                    format!("{title}: {heading}")
                };
                sections.push(Section {
                    title,
                    url,
                    text: String::new(),
                });
            }
            (None, Some(section)) => {
                section.text.push_str(line);
                section.text.push('\n');
            }
            (None, None) => {}
        }
    }
    for section in &mut sections {
        section.text = section.text.trim().to_owned();
    }
    sections.retain(|section| !section.text.is_empty());
    sections
}

/// The mark that opens or closes a block of code.
fn fence_of(line: &str) -> Option<char> {
    let line = line.trim_start();
    ['`', '~']
        .into_iter()
        .find(|mark| line.chars().take(3).filter(|letter| letter == mark).count() == 3)
}

/// The text of a heading, if the line is one.
fn heading(line: &str) -> Option<&str> {
    let text = line.trim_start_matches('#');
    let level = line.len() - text.len();
    let is_heading = (1..=6).contains(&level) && text.starts_with(' ');
    is_heading.then(|| text.trim().trim_end_matches('#').trim_end())
}

/// The anchors of one page, as GitHub makes them.
#[derive(Default)]
struct Anchors(HashMap<String, usize>);

impl Anchors {
    fn of(&mut self, heading: &str) -> String {
        let kept = heading
            .chars()
            .filter(|letter| letter.is_alphanumeric() || matches!(letter, ' ' | '-' | '_'));
        let letters = kept.flat_map(char::to_lowercase);
        let slug: String = letters
            .map(|letter| if letter == ' ' { '-' } else { letter })
            .collect();
        let seen = self.0.entry(slug.clone()).or_default();
        *seen += 1;
        match *seen {
            1 => slug,
            again => format!("{slug}-{}", again - 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_cut_at_its_headings_and_code_is_none() {
        let text = "Before.\n# Guide\n\n## Set up\nOne.\n```sh\n# a comment\n```\n## Set up\nTwo.\n## Empty\n### `a_b`, C!\nThree.\n";
        let page = Page {
            title: String::new(),
            url: "docs/g.md".into(),
            text: text.into(),
        };
        let sections = of(&page);
        let seen = sections.iter().map(|it| (&*it.title, &*it.url, &*it.text));
        assert_eq!(
            seen.collect::<Vec<_>>(),
            [
                ("", "docs/g.md", "Before."),
                (
                    "Guide: Set up",
                    "docs/g.md#set-up",
                    "One.\n```sh\n# a comment\n```"
                ),
                ("Guide: Set up", "docs/g.md#set-up-1", "Two."),
                ("Guide: `a_b`, C!", "docs/g.md#a_b-c", "Three."),
            ]
        );
    }
}
