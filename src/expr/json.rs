//! JSON values as values of the language, and back.

use std::collections::HashMap;

use cel::common::{
    types::{CelBool, CelDouble, CelInt, CelList, CelMap, CelMapKey, CelNull, CelString, CelUInt},
    value::Val,
};
use serde_json::{Map, Number, Value as Json};

/// A JSON value as one of the language's. Texts are borrowed.
pub(super) fn to_cel(value: &Json) -> Box<dyn Val + '_> {
    match value {
        Json::Null => Box::new(CelNull),
        Json::Bool(yes) => Box::new(CelBool::from(*yes)),
        Json::Number(number) => to_number(number),
        Json::String(text) => Box::new(CelString::from(text.as_str())),
        Json::Array(items) => {
            let items: Vec<_> = items.iter().map(to_cel).collect();
            Box::new(CelList::from(items))
        }
        Json::Object(members) => {
            let members = members.iter();
            let members: HashMap<_, _> = members
                .map(|(key, value)| (CelMapKey::from(key.as_str()), to_cel(value)))
                .collect();
            Box::new(CelMap::from(members))
        }
    }
}

/// Whole numbers stay whole; JSON does not say how large one may be, so the rest are floats.
fn to_number(number: &Number) -> Box<dyn Val> {
    match (number.as_i64(), number.as_u64()) {
        (Some(whole), _) => Box::new(CelInt::from(whole)),
        (None, Some(large)) => Box::new(CelUInt::from(large)),
        (None, None) => Box::new(CelDouble::from(number.as_f64().unwrap_or(f64::NAN))),
    }
}

/// A value of the language as JSON; `None` for what JSON has no word for, like types and not-a-number.
pub(super) fn from_cel(value: &dyn Val) -> Option<Json> {
    if let Some(text) = value.downcast_ref::<CelString<'_>>() {
        return Some(text.inner().into());
    }
    if let Some(list) = value.downcast_ref::<CelList<'_>>() {
        let items: Option<Vec<_>> = list.inner().iter().map(|item| from_cel(&**item)).collect();
        return items.map(Json::Array);
    }
    if let Some(map) = value.downcast_ref::<CelMap<'_>>() {
        let mut members = Map::new();
        for (key, value) in map.inner() {
            members.insert(key_text(key), from_cel(&**value)?);
        }
        return Some(Json::Object(members));
    }
    if let Some(yes) = value.downcast_ref::<CelBool>() {
        return Some((*yes.inner()).into());
    }
    if let Some(whole) = value.downcast_ref::<CelInt>() {
        return Some((*whole.inner()).into());
    }
    if let Some(large) = value.downcast_ref::<CelUInt>() {
        return Some((*large.inner()).into());
    }
    if let Some(number) = value.downcast_ref::<CelDouble>() {
        return Number::from_f64(*number.inner()).map(Json::Number);
    }
    value.downcast_ref::<CelNull>().map(|_| Json::Null)
}

fn key_text(key: &CelMapKey<'_>) -> String {
    match key {
        CelMapKey::Bool(yes) => yes.inner().to_string(),
        CelMapKey::Int(whole) => whole.inner().to_string(),
        CelMapKey::UInt(large) => large.inner().to_string(),
        CelMapKey::String(text) => text.inner().to_owned(),
    }
}
