//! Folders of Markdown, read for tools that search them.

use std::{fs, path::Path};

/// The most files of one folder, those in folders below it included.
const MOST_FILES: usize = 5_000;

/// How deep folders may stand in each other: more is a loop of links, or a mistake.
const DEEPEST: usize = 16;

/// The Markdown files below `folder`: their paths from there and their texts, by path. Hidden ones and links are left
/// out. Fails where there are none, or more than `most` bytes.
pub(super) fn read(folder: &str, most: usize) -> Result<Vec<(String, String)>, String> {
    let mut files = Vec::new();
    let root = Path::new(folder);
    collect(root, "", 0, &mut files)?;
    files.sort();
    let mut pages = Vec::with_capacity(files.len());
    let mut left = most;
    for path in files {
        let text = fs::read_to_string(root.join(&path));
        let text =
            text.map_err(|error| format!("the file {folder}/{path} cannot be read: {error}"))?;
        left = left
            .checked_sub(text.len())
            .ok_or_else(|| format!("the Markdown files in {folder} have more than {most} bytes"))?;
        pages.push((path, text));
    }
    if pages.is_empty() {
        return Err(format!("there are no Markdown files (.md) in {folder}"));
    }
    Ok(pages)
}

fn collect(
    folder: &Path,
    inner: &str,
    depth: usize,
    files: &mut Vec<String>,
) -> Result<(), String> {
    let shown = folder.display();
    let unread = |error: std::io::Error| format!("the folder {shown} cannot be read: {error}");
    if depth > DEEPEST {
        return Err(format!(
            "the folder {shown} is more than {DEEPEST} folders deep"
        ));
    }
    for entry in fs::read_dir(folder).map_err(unread)? {
        let entry = entry.map_err(unread)?;
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        if name.starts_with('.') {
            continue;
        }
        let path = format!("{inner}{name}");
        let kind = entry.file_type().map_err(unread)?;
        if kind.is_dir() {
            collect(&entry.path(), &format!("{path}/"), depth + 1, files)?;
        } else if kind.is_file() && name.ends_with(".md") {
            if files.len() == MOST_FILES {
                return Err(format!("there are more than {MOST_FILES} Markdown files"));
            }
            files.push(path);
        }
    }
    Ok(())
}
