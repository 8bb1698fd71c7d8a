//! What stands in a server's prompts and at its addresses, cleaned as the results of its tools are.

use rmcp::model::{ContentBlock, MetaObject, PromptMessage, ResourceContents};

use crate::{
    federation::Trust,
    mcp::convert,
    tools::{
        clean_content, clean_text,
        kinds::mcp::{handed_on, piece},
    },
};

/// The messages of a prompt, without those of kinds that are not known here.
pub(super) fn messages(messages: Vec<PromptMessage>, trust: Trust) -> Vec<PromptMessage> {
    let messages = messages.into_iter();
    let messages = messages.filter_map(|mut message| {
        message.content = block(message.content, trust)?;
        Some(message)
    });
    messages.collect()
}

/// What stands at an address.
pub(super) fn contents(contents: &mut [ResourceContents]) {
    for it in contents {
        let meta = match it {
            ResourceContents::TextResourceContents { text, meta, .. } => {
                clean_text(text);
                meta
            }
            ResourceContents::BlobResourceContents { meta, .. } => meta,
            _ => continue,
        };
        *meta = meta.take().map(|meta| MetaObject(handed_on(meta)));
    }
}

fn block(block: ContentBlock, trust: Trust) -> Option<ContentBlock> {
    let mut piece = piece(block, trust)?;
    clean_content(&mut piece);
    Some(convert::block(piece))
}

#[cfg(test)]
mod tests {
    use rmcp::model::{Resource, Role};
    use serde_json::json;

    use super::*;

    fn of_message(content: ContentBlock, trust: Trust) -> String {
        let clean = messages(vec![PromptMessage::new(Role::User, content)], trust);
        serde_json::to_string(&clean).unwrap()
    }

    #[test]
    fn what_a_message_embeds_or_links_to_is_cleaned_as_results_are() {
        let dirty = "a\u{202E}b\u{1B}[8m";
        let embedded = ContentBlock::resource(ResourceContents::text(dirty, "note://1"));
        let link = ContentBlock::resource_link(Resource::new("https://example.com/", dirty));
        for content in [ContentBlock::text(dirty), embedded, link] {
            let clean = of_message(content, Trust::Untrusted);
            assert!(clean.contains("\"ab\""), "{clean}");
        }
        for address in ["javascript:alert(1)", "file:///etc/passwd", " JavaScript:x"] {
            let link = ContentBlock::resource_link(Resource::new(address, "here"));
            let clean = of_message(link.clone(), Trust::Untrusted);
            assert!(
                clean.contains("was left out") && !clean.contains(address),
                "{clean}"
            );
            assert!(of_message(link, Trust::Trusted).contains(address));
        }
    }

    #[test]
    fn what_stands_at_an_address_is_clean_and_speaks_for_its_server_alone() {
        let meta = json!({"example.com/ui": 1, "dev.waypost/untrusted": false});
        let dirty = ResourceContents::text("a\u{202E}b", "note://1");
        let mut read = [dirty.with_meta(serde_json::from_value(meta).unwrap())];
        contents(&mut read);
        let expected = json!([
            {"uri": "note://1", "mimeType": "text/plain", "text": "ab", "_meta": {"example.com/ui": 1}}
        ]);
        assert_eq!(json!(read), expected);
    }
}
