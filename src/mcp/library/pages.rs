//! Long lists in pages. A cursor holds the name it goes on behind, so that it stays good when the list changes.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use rmcp::{ErrorData, model::PaginatedRequestParams};

/// A page of a list that is sorted by name, with at most `size` entries, and the cursor of the next one.
pub fn page<'a, T>(
    list: impl Iterator<Item = (&'a str, T)>,
    from: Option<PaginatedRequestParams>,
    size: usize,
) -> Result<(Vec<T>, Option<String>), ErrorData> {
    let behind = match from.and_then(|from| from.cursor) {
        Some(cursor) => Some(name_of(&cursor).ok_or_else(|| {
            ErrorData::invalid_params("Invalid cursor: it is none of this server's", None)
        })?),
        None => None,
    };
    let is_left = |name: &str| behind.as_deref().is_none_or(|behind| name > behind);
    let mut left = list.filter(|(name, _)| is_left(name)).peekable();
    let mut page = Vec::new();
    let mut last = "";
    while page.len() < size
        && let Some((name, item)) = left.next()
    {
        page.push(item);
        last = name;
    }
    let next = left.peek().is_some();
    Ok((page, next.then(|| URL_SAFE_NO_PAD.encode(last))))
}

fn name_of(cursor: &str) -> Option<String> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: usize = 100;

    fn names(count: usize) -> Vec<String> {
        (0..count).map(|at| format!("n{at:04}")).collect()
    }

    fn read(names: &[String], cursor: Option<&str>) -> Result<(Vec<String>, Option<String>), i32> {
        let from = PaginatedRequestParams::default().with_cursor(cursor.map(str::to_owned));
        let list = names.iter().map(|name| (name.as_str(), name.clone()));
        page(list, Some(from), PAGE).map_err(|error| error.code.0)
    }

    #[test]
    fn pages_give_everything_once_and_end() {
        for count in [0, 1, PAGE, PAGE + 1, 3 * PAGE] {
            let names = names(count);
            let (mut got, mut cursor) = read(&names, None).unwrap();
            while let Some(at) = cursor {
                let (more, next) = read(&names, Some(&at)).unwrap();
                assert!(!more.is_empty(), "{count}");
                got.extend(more);
                cursor = next;
            }
            assert_eq!(got, names);
        }
    }

    #[test]
    fn a_cursor_goes_on_where_its_entry_is_gone() {
        let mut names = names(PAGE + 10);
        let (first, cursor) = read(&names, None).unwrap();
        names.retain(|name| name != first.last().unwrap());
        let (rest, end) = read(&names, cursor.as_deref()).unwrap();
        assert_eq!((rest.len(), end), (10, None));
    }

    #[test]
    fn a_cursor_of_somebody_else_is_refused() {
        for bad in ["no cursor!", "____", "=", "gA"] {
            assert_eq!(read(&names(3), Some(bad)), Err(-32602), "{bad}");
        }
    }
}
