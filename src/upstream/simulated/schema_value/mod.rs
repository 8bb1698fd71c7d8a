//! A value for a JSON Schema, with its keys in the schema's order, as models write it.
//!
//! All parts of a schema that apply to one value (the schema itself, what `$ref` and `allOf` bring, the chosen
//! branch of `anyOf` or `oneOf`) are gathered and read together. Where no value can be had (recursion, `false`,
//! the end of the budget) an optional member is left out, an array ends, the next branch is tried; only if
//! nothing helps is the whole value `null`. Not obeyed: `not`, `if`, `contains`, `patternProperties`,
//! `propertyNames`, and patterns beyond a simple row of characters.
//!
//! Schemas are a stranger's: depth, references and work are bounded.

mod facts;
mod number;
mod pattern;
mod pointer;
mod string;

#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};

use serde_json::value::RawValue;

use self::facts::{Facts, Kind};
use super::{dice::Dice, prose::Topic};
use crate::json::{self, Object, Raw};

/// Deepest nesting of values, branches included.
const DEPTH: usize = 64;

/// Most references inside each other, and most of the same one: a list in a list shows the idea.
const REFERENCES: usize = 16;
const SAME_REFERENCE: usize = 2;

/// Most schemas that may apply to one value.
const PARTS: usize = 256;

/// Most bytes read and written for one value. Each value reads its own piece of the schema, so a schema of 100 kB
/// passes; one that multiplies itself by references does not.
const BUDGET: usize = 2 << 20;

/// Longest array, and longest string in characters.
const ITEMS: usize = 64;
const CHARACTERS: usize = 4096;

/// A value for `schema` as JSON text; strings take up the topic where their name suggests it.
pub(super) fn value(schema: &RawValue, topic: &Topic, dice: &mut Dice) -> String {
    let mut generator = Generator {
        root: schema,
        topic,
        dice,
        resolved: HashMap::new(),
        trail: Vec::new(),
        depth: 0,
        budget: BUDGET,
    };
    let made = generator.value("", &[schema]);
    made.unwrap_or_else(|NoValue| "null".to_owned())
}

/// There is no value here.
#[derive(Clone, Copy, Debug)]
struct NoValue;

type Made = Result<String, NoValue>;

struct Generator<'a> {
    root: &'a RawValue,
    topic: &'a Topic,
    dice: &'a mut Dice,
    resolved: HashMap<String, Raw>,
    /// The references that led here.
    trail: Vec<String>,
    depth: usize,
    budget: usize,
}

impl Generator<'_> {
    /// A value under the key `name` to which all of `schemas` apply.
    fn value(&mut self, name: &str, schemas: &[&RawValue]) -> Made {
        if self.depth == DEPTH {
            return Err(NoValue);
        }
        let trail = self.trail.len();
        self.depth += 1;
        let made = self.make(name, schemas);
        self.depth -= 1;
        self.trail.truncate(trail);
        let made = made?;
        self.charge(made.len())?;
        Ok(made)
    }

    fn make(&mut self, name: &str, schemas: &[&RawValue]) -> Made {
        let mut facts = Facts(Vec::new());
        for schema in schemas {
            self.gather(schema, &mut facts.0)?;
        }
        if let Some(branches) = facts.take_branches() {
            return self.branch(name, &facts, &branches);
        }
        let kinds = facts.kinds()?;
        if let Some(listed) = facts.listed() {
            let fitting: Vec<&Raw> = listed
                .iter()
                .filter(|value| kinds.iter().any(|kind| kind.is_of(value)))
                .collect();
            let chosen = self.dice.pick(&fitting).ok_or(NoValue)?;
            return Ok(chosen.get().to_owned());
        }
        let mut made = Err(NoValue);
        for kind in kinds {
            made = made.or_else(|NoValue| self.of_kind(kind, name, &facts));
        }
        made
    }

    /// Reads one schema and all it refers to.
    fn gather(
        &mut self,
        schema: &RawValue,
        facts: &mut Vec<Object<'static>>,
    ) -> Result<(), NoValue> {
        self.charge(schema.get().len())?;
        if schema.get() == "false" || facts.len() == PARTS {
            return Err(NoValue);
        }
        // `true`, or no schema at all: it says nothing.
        let Ok(object) = Object::of(schema) else {
            return Ok(());
        };
        let mut object = object.into_owned();
        let reference = object.take::<String>("$ref").ok().flatten();
        let all: Option<Vec<Raw>> = object.take("allOf").ok().flatten();
        facts.push(object);
        if let Some(pointer) = reference {
            let target = self.follow(pointer)?;
            self.gather(&target, facts)?;
        }
        for part in all.unwrap_or_default() {
            self.gather(&part, facts)?;
        }
        Ok(())
    }

    fn follow(&mut self, pointer: String) -> Result<Raw, NoValue> {
        let same = self.trail.iter().filter(|known| **known == pointer).count();
        if self.trail.len() == REFERENCES || same == SAME_REFERENCE {
            return Err(NoValue);
        }
        let target = match self.resolved.get(&pointer) {
            Some(target) => target.clone(),
            None => {
                self.charge(self.root.get().len())?;
                let target = pointer::resolve(self.root, &pointer).ok_or(NoValue)?;
                self.resolved.insert(pointer.clone(), target.clone());
                target
            }
        };
        self.trail.push(pointer);
        Ok(target)
    }

    /// The first branch that has a value together with the rest.
    fn branch(&mut self, name: &str, rest: &Facts, branches: &[Raw]) -> Made {
        let rest: Vec<Raw> = rest.0.iter().map(Object::to_raw).collect();
        for branch in branches {
            let mut schemas: Vec<&RawValue> = rest.iter().map(|raw| &**raw).collect();
            schemas.push(branch);
            if let Ok(made) = self.value(name, &schemas) {
                return Ok(made);
            }
        }
        Err(NoValue)
    }

    fn of_kind(&mut self, kind: Kind, name: &str, facts: &Facts) -> Made {
        match kind {
            Kind::Object => self.object(facts),
            Kind::Array => self.array(name, facts),
            Kind::String => {
                let text = string::text(name, facts, self.topic, self.dice);
                Ok(json::raw(&text).get().to_owned())
            }
            Kind::Integer => Ok(number::text(facts, true, self.dice)),
            Kind::Number => Ok(number::text(facts, false, self.dice)),
            Kind::Boolean => Ok(self.dice.chance(0.5).to_string()),
            Kind::Null => Ok("null".to_owned()),
        }
    }

    fn object(&mut self, facts: &Facts) -> Made {
        let described = facts.objects("properties");
        let required: Vec<String> = facts.all("required");
        let others = facts.schemas("additionalProperties");

        let mut keys: Vec<&str> = Vec::new();
        let mut schemas: HashMap<&str, Vec<&RawValue>> = HashMap::new();
        for (key, schema) in described.iter().flat_map(Object::iter) {
            let of_key = schemas.entry(key).or_insert_with(|| {
                keys.push(key);
                Vec::new()
            });
            of_key.push(schema);
        }
        for key in &required {
            schemas.entry(key).or_insert_with(|| {
                keys.push(key);
                others.iter().map(|raw| &**raw).collect()
            });
        }

        let needed: HashSet<&str> = required.iter().map(String::as_str).collect();
        let mut members = Vec::new();
        for key in keys {
            let of_key = schemas.get(key).map_or(&[][..], Vec::as_slice);
            match self.value(key, of_key) {
                Ok(value) => members.push(format!("{}:{value}", json::raw(key).get())),
                Err(NoValue) if needed.contains(key) => return Err(NoValue),
                Err(NoValue) => {}
            }
        }
        Ok(format!("{{{}}}", members.join(",")))
    }

    fn array(&mut self, name: &str, facts: &Facts) -> Made {
        // Draft 7 wrote a tuple as a list under `items`.
        let tuples: Vec<Vec<Raw>> = ["prefixItems", "items"]
            .iter()
            .flat_map(|key| facts.each(key))
            .collect();
        let tuple = tuples.iter().map(Vec::len).max().unwrap_or(0);
        let items = facts.schemas("items");
        let least = as_length(facts.greatest("minItems"), 0, ITEMS);
        let most = as_length(facts.least("maxItems"), usize::MAX, ITEMS).max(least);
        let some = 1 + self.dice.place(3);
        let wanted = least.max(some).max(tuple).min(most);
        let unique = facts.each::<bool>("uniqueItems").contains(&true);

        let mut values: Vec<String> = Vec::new();
        let mut repeats = 0;
        while values.len() < wanted {
            let at = values.len();
            let mut schemas: Vec<&RawValue> = tuples
                .iter()
                .filter_map(|tuple| tuple.get(at))
                .map(|raw| &**raw)
                .collect();
            if schemas.is_empty() {
                schemas.extend(items.iter().map(|raw| &**raw));
            }
            match self.value(name, &schemas) {
                // A small enum may have no other value to offer.
                Ok(value) if unique && values.contains(&value) && repeats < 8 * ITEMS => {
                    repeats += 1
                }
                Ok(value) if unique && values.contains(&value) => break,
                Ok(value) => values.push(value),
                Err(NoValue) if at >= least => break,
                Err(NoValue) => return Err(NoValue),
            }
        }
        Ok(format!("[{}]", values.join(",")))
    }

    fn charge(&mut self, bytes: usize) -> Result<(), NoValue> {
        // Even an empty schema costs a little, or else an endless row of them would be free.
        self.budget = self.budget.checked_sub(bytes + 8).ok_or(NoValue)?;
        Ok(())
    }
}

/// A length a schema asks for, within what we are ready to write.
fn as_length(wanted: Option<f64>, default: usize, most: usize) -> usize {
    // The cast saturates; a negative length is none.
    wanted.map_or(default, |wanted| wanted as usize).min(most)
}
