//! Compiled schemas, kept: agents send the same tools with every turn, and compiling costs 19 µs to 2.7 ms.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use serde_json::value::RawValue;

use super::{Schema, Unusable};

/// The most schemas in one of the two generations: 1,024 in both.
const MOST: usize = 512;

/// The most text of schemas in one generation, in bytes. What is compiled takes a multiple of it.
const MOST_BYTES: usize = 4 * 1024 * 1024;

/// A schema, or why there is none. Both are kept: being refused costs as much as being compiled.
type Compiled = Arc<Result<Schema, Unusable>>;

/// The schemas compiled last, by digest of their text. What is used again stays; of the rest, the older half is
/// forgotten when the newer is full.
#[derive(Debug, Default)]
pub struct Schemas(Mutex<Generations>);

#[derive(Debug, Default)]
struct Generations {
    young: HashMap<blake3::Hash, Kept>,
    old: HashMap<blake3::Hash, Kept>,
    /// Text of the young ones, in bytes.
    bytes: usize,
}

#[derive(Clone, Debug)]
struct Kept {
    compiled: Compiled,
    bytes: usize,
}

impl Schemas {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The compiled form of a schema.
    pub fn get(&self, schema: &RawValue) -> Arc<Result<Schema, Unusable>> {
        let digest = blake3::hash(schema.get().as_bytes());
        if let Some(compiled) = self.locked(|kept| kept.find(&digest)) {
            return compiled;
        }
        // Not under the lock: others need not wait for it. Two at once compile twice, and one is kept.
        let kept = Kept {
            compiled: Arc::new(Schema::compile(schema)),
            bytes: schema.get().len(),
        };
        let compiled = kept.compiled.clone();
        self.locked(|generations| generations.put(digest, kept));
        compiled
    }

    fn locked<T>(&self, act: impl FnOnce(&mut Generations) -> T) -> T {
        // A panic under the lock leaves maps that are whole.
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Generations {
    fn find(&mut self, digest: &blake3::Hash) -> Option<Compiled> {
        if let Some(kept) = self.young.get(digest) {
            return Some(kept.compiled.clone());
        }
        let kept = self.old.remove(digest)?;
        let compiled = kept.compiled.clone();
        self.put(*digest, kept);
        Some(compiled)
    }

    fn put(&mut self, digest: blake3::Hash, kept: Kept) {
        if self.young.len() >= MOST || self.bytes.saturating_add(kept.bytes) > MOST_BYTES {
            self.old = std::mem::take(&mut self.young);
            self.bytes = 0;
        }
        let bytes = kept.bytes;
        if self.young.insert(digest, kept).is_none() {
            self.bytes += bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema(number: usize, padding: usize) -> Box<RawValue> {
        let text = format!(r#"{{"const":{number},"title":"{}"}}"#, "x".repeat(padding));
        RawValue::from_string(text).unwrap()
    }

    fn sizes(schemas: &Schemas) -> (usize, usize) {
        schemas.locked(|kept| (kept.young.len(), kept.old.len()))
    }

    #[test]
    fn a_schema_is_compiled_once_and_so_is_its_refusal() {
        let schemas = Schemas::new();
        let bad = RawValue::from_string(r#"{"type":"thing"}"#.to_owned()).unwrap();
        for schema in [schema(1, 0), bad] {
            let (first, again) = (schemas.get(&schema), schemas.get(&schema));
            assert!(Arc::ptr_eq(&first, &again), "{schema}");
        }
    }

    #[test]
    fn what_is_used_stays_and_the_number_is_bounded() {
        let schemas = Schemas::new();
        let kept = schemas.get(&schema(0, 0));
        for number in 1..3 * MOST {
            schemas.get(&schema(number, 0));
            assert!(Arc::ptr_eq(&kept, &schemas.get(&schema(0, 0))), "{number}");
            let (young, old) = sizes(&schemas);
            assert!(young <= MOST && old <= MOST, "{young} and {old}");
        }
        let (young, old) = sizes(&schemas);
        assert!(young + old > MOST);
    }

    #[test]
    fn the_text_is_bounded_too() {
        let schemas = Schemas::new();
        let (large, each) = (200 * 1024, MOST_BYTES / (200 * 1024));
        for number in 0..3 * each {
            schemas.get(&schema(number, large));
            let (young, old) = sizes(&schemas);
            assert!(young <= each && old <= each, "{young} and {old}");
        }
    }
}
