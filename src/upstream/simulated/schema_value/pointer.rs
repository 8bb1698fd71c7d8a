//! References inside a schema: `#`, `#/$defs/name`, `#/properties/a/items/0`. Nothing outside is ever fetched.

use serde_json::value::RawValue;

use crate::json::{Object, Raw};

/// The schema that `pointer` names, if it is there.
pub(super) fn resolve(root: &RawValue, pointer: &str) -> Option<Raw> {
    let path = pointer.strip_prefix('#')?;
    let mut steps = path.split('/');
    // What stands before the first slash is the name of an anchor; we know none.
    if steps.next() != Some("") {
        return None;
    }
    steps.try_fold(root.to_owned(), |at, step| {
        let step = step.replace("~1", "/").replace("~0", "~");
        match Object::of(&at) {
            Ok(object) => object.get(&step).map(ToOwned::to_owned),
            Err(_) => {
                let list: Vec<Raw> = serde_json::from_str(at.get()).ok()?;
                list.into_iter().nth(step.parse().ok()?)
            }
        }
    })
}
