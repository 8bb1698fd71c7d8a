//! Puts the answer of a whole reply right where it stands; all other blocks stay as they were written.

use bytes::Bytes;

use super::arguments::to_input;
use crate::{
    chat::{Fix, Place},
    json::{Object, Raw},
};

/// The reply with its fixes. A new text stands in the first block of text; the others are gone with what they said.
pub(super) fn mend(body: &[u8], fixes: &[Fix]) -> Option<Bytes> {
    let mut reply = Object::parse(body).ok()?;
    let blocks: Vec<Raw> = reply.peek("content")?;
    let mut text = Fix::find(fixes, 0, Place::Text).map(|fix| fix.text.as_str());
    let replaced = text.is_some();
    let mut calls = 0;
    let mut mended = Vec::with_capacity(blocks.len());
    for block in blocks {
        let mut object = Object::of(&block).ok()?.into_owned();
        match object.peek::<String>("type").as_deref() {
            Some("text") if replaced => {
                let Some(text) = text.take() else {
                    continue;
                };
                object.set("text", text);
                object.remove("citations");
            }
            Some("tool_use") => {
                if let Some(fix) = Fix::find(fixes, 0, Place::Arguments(calls)) {
                    object.set_raw("input", to_input(&fix.text).into_owned());
                }
                calls += 1;
            }
            _ => {}
        }
        mended.push(object.to_raw());
    }
    reply.set("content", &mended);
    Some(reply.to_bytes())
}
