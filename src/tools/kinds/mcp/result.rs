//! A server's results as outputs of ours.

use rmcp::model::{CallToolResult, ContentBlock, MetaObject, Resource, ResourceContents};
use serde_json::{Map, Value};

use crate::{
    federation::Trust,
    tools::{Content, Output},
};

/// What begins the members of `_meta` that mean something between us and our clients.
const OURS: &str = "dev.waypost/";

/// What begins those of the protocol, which were between the server and us.
const OF_PROTOCOL: &str = "io.modelcontextprotocol/";

/// Schemes that name nothing a client should open because a stranger says so: its own files, programs, data that
/// poses as a page.
const UNSAFE: [&str; 5] = ["file", "javascript", "vbscript", "data", "blob"];

/// What a call gave.
pub(super) fn output(result: CallToolResult, trust: Trust) -> Output {
    let content = result.content.into_iter();
    Output {
        content: content.filter_map(|block| piece(block, trust)).collect(),
        structured: result.structured_content,
        is_error: result.is_error.unwrap_or_default(),
        meta: result.meta.map(handed_on).unwrap_or_default(),
    }
}

/// The members of a server's `_meta` that may go on to a client: none that would be read as the gateway's own word.
pub(crate) fn handed_on(MetaObject(members): MetaObject) -> Map<String, Value> {
    let members = members.into_iter();
    let members =
        members.filter(|(name, _)| !name.starts_with(OURS) && !name.starts_with(OF_PROTOCOL));
    members.collect()
}

/// One piece of what a server gives; nothing for kinds that are not known here.
pub(crate) fn piece(block: ContentBlock, trust: Trust) -> Option<Content> {
    Some(match block {
        ContentBlock::Text(text) => Content::Text(text.text),
        ContentBlock::Image(image) => Content::Image {
            data: image.data,
            mime: image.mime_type,
        },
        ContentBlock::Audio(audio) => Content::Audio {
            data: audio.data,
            mime: audio.mime_type,
        },
        ContentBlock::Resource(embedded) => return embedded_in(embedded.resource),
        ContentBlock::ResourceLink(link) => link_to(link, trust),
        _ => return None,
    })
}

fn embedded_in(contents: ResourceContents) -> Option<Content> {
    Some(match contents {
        ResourceContents::TextResourceContents {
            uri,
            mime_type: mime,
            text,
            ..
        } => Content::Resource { uri, mime, text },
        ResourceContents::BlobResourceContents {
            uri,
            mime_type: mime,
            blob: data,
            ..
        } => Content::Blob { uri, mime, data },
        _ => return None,
    })
}

fn link_to(link: Resource, trust: Trust) -> Content {
    let scheme = link.uri.split(':').next().unwrap_or_default();
    let scheme = scheme.trim().to_ascii_lowercase();
    if trust == Trust::Untrusted && UNSAFE.contains(&scheme.as_str()) {
        return Content::Text(format!("[a link to `{scheme}:` was left out]"));
    }
    Content::Link {
        uri: link.uri,
        name: link.name,
        title: link.title,
        description: link.description,
        mime: link.mime_type,
        size: link.size,
    }
}
