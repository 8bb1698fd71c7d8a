//! Lists in pages. A cursor names the last item of its page, so that it stays good when items come and go.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use rmcp::{ErrorData, model::PaginatedRequestParams};

/// What a cursor begins with, so that text which is none is told apart.
const MARK: &str = "after:";

/// One page of a list that is in the order of its names.
pub(super) struct Page<T> {
    /// The items.
    pub(super) items: Vec<T>,
    /// Where the next page begins, if there is one.
    pub(super) next: Option<String>,
}

/// The page that is asked for.
///
/// # Errors
/// The cursor is none of ours.
pub(super) fn page<'a, T>(
    list: impl Iterator<Item = (&'a str, T)>,
    request: Option<&PaginatedRequestParams>,
    size: usize,
) -> Result<Page<T>, ErrorData> {
    let cursor = request.and_then(|request| request.cursor.as_deref());
    let last = cursor.map(read).transpose()?;
    let mut rest = list
        .skip_while(|(name, _)| last.as_deref().is_some_and(|last| *name <= last))
        .peekable();
    let mut items = Vec::new();
    let mut name = "";
    while items.len() < size
        && let Some((next, item)) = rest.next()
    {
        name = next;
        items.push(item);
    }
    let next = rest.peek().map(|_| write(name));
    Ok(Page { items, next })
}

fn write(name: &str) -> String {
    URL_SAFE_NO_PAD.encode(format!("{MARK}{name}"))
}

fn read(cursor: &str) -> Result<String, ErrorData> {
    let text = URL_SAFE_NO_PAD.decode(cursor).ok();
    let text = text.and_then(|bytes| String::from_utf8(bytes).ok());
    let name = text.and_then(|text| text.strip_prefix(MARK).map(str::to_owned));
    name.ok_or_else(|| {
        ErrorData::invalid_params(
            "The cursor is none of this list; ask without one to begin anew",
            None,
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(cursor: Option<String>, size: usize) -> (Vec<usize>, Option<String>) {
        let list = ["a", "b", "c", "d", "e"];
        let request = PaginatedRequestParams::default().with_cursor(cursor);
        let items = list.into_iter().enumerate().map(|(at, name)| (name, at));
        let page = page(items, Some(&request), size).unwrap();
        (page.items, page.next)
    }

    #[test]
    fn pages_follow_each_other_without_gap_or_overlap() {
        let (first, next) = names(None, 2);
        let (second, after) = names(next, 2);
        let (third, end) = names(after, 2);
        assert_eq!([first, second, third].concat(), [0, 1, 2, 3, 4]);
        assert_eq!(end, None);
        assert_eq!(names(None, 5).1, None);
    }

    #[test]
    fn a_cursor_outlives_its_item() {
        let (items, _) = names(Some(write("bb")), 9);
        assert_eq!(items, [2, 3, 4]);
        assert_eq!(names(Some(write("z")), 9), (vec![], None));
    }

    #[test]
    fn what_is_no_cursor_is_refused() {
        for bad in ["", "b", "!!!", "YWZ0ZXI", "////"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
