//! One message of a prompt.

use std::collections::BTreeMap;

use rmcp::{
    ErrorData,
    model::{self, ContentBlock, PromptMessage, ResourceContents},
};
use serde_json::Value;

use super::{
    EmbeddedSettings, MediaSettings, MessageSettings, Read, Role,
    body::{media, one},
    resource::Resource,
    text::{compile, is_json, render},
};
use crate::{access::Caller, expr::Template, problem::Problem};

/// One message.
#[derive(Debug)]
pub(super) struct Message {
    role: model::Role,
    content: Content,
}

#[derive(Debug)]
enum Content {
    Text(Template),
    Embedded {
        uri: Template,
        mime: Option<String>,
        text: Template,
    },
    /// The same for everybody.
    Fixed(Box<ContentBlock>),
}

/// What a message is, as written.
enum Written<'a> {
    Text(&'a str),
    Image(&'a MediaSettings),
    Audio(&'a MediaSettings),
    Resource(&'a EmbeddedSettings),
    Link(&'a str),
}

impl Message {
    /// Builds a message whose texts may use these members of `input`.
    pub(super) fn build(
        settings: &MessageSettings,
        members: &[&str],
        resources: &BTreeMap<String, Resource>,
        read: &Read<'_>,
    ) -> Result<Self, Vec<Problem>> {
        let written = [
            settings.text.as_deref().map(Written::Text),
            settings.image.as_ref().map(Written::Image),
            settings.audio.as_ref().map(Written::Audio),
            settings.resource.as_ref().map(Written::Resource),
            settings.link.as_deref().map(Written::Link),
        ];
        let names = "`text`, `image`, `audio`, `resource` or `link`";
        let written = one(written, names).map_err(|problem| vec![problem])?;
        let of = |key: &'static str| move |problem: Problem| vec![problem.under([key])];
        let content = match written {
            Written::Text(text) => Content::Text(compile(text, members).map_err(of("text"))?),
            Written::Image(image) => {
                let data = media(image, read).map_err(of("image"))?;
                Content::Fixed(Box::new(ContentBlock::image(data, &image.mime)))
            }
            Written::Audio(audio) => {
                let data = media(audio, read).map_err(of("audio"))?;
                Content::Fixed(Box::new(ContentBlock::audio(data, &audio.mime)))
            }
            Written::Resource(embedded) => Content::embedded(embedded, members)?,
            Written::Link(name) => {
                let resource = resources.get(name).ok_or_else(|| {
                    let problem = Problem::new(["link"], format!("there is no resource `{name}`"));
                    vec![problem.suggest(name, resources.keys().map(String::as_str))]
                })?;
                let link = ContentBlock::ResourceLink(resource.wire.clone());
                Content::Fixed(Box::new(link))
            }
        };
        Ok(Self {
            role: match settings.role {
                Role::User => model::Role::User,
                Role::Assistant => model::Role::Assistant,
            },
            content,
        })
    }

    /// The message for one caller.
    pub(super) fn render(
        &self,
        input: &Value,
        caller: &Caller,
    ) -> Result<PromptMessage, ErrorData> {
        let content = match &self.content {
            Content::Text(text) => ContentBlock::text(render(text, input, caller, false)?),
            Content::Embedded { uri, mime, text } => {
                let uri = render(uri, input, caller, false)?;
                let text = render(text, input, caller, is_json(mime.as_deref()))?;
                let mut contents = ResourceContents::text(text, uri);
                if let Some(mime) = mime {
                    contents = contents.with_mime_type(mime);
                }
                ContentBlock::resource(contents)
            }
            Content::Fixed(block) => (**block).clone(),
        };
        Ok(PromptMessage::new(self.role.clone(), content))
    }
}

impl Content {
    fn embedded(settings: &EmbeddedSettings, members: &[&str]) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut part = |key: &str, text: &str| {
            let compiled = compile(text, members);
            compiled
                .map_err(|problem| problems.push(problem.under(["resource", key])))
                .ok()
        };
        let uri = part("uri", &settings.uri);
        let text = part("text", &settings.text);
        if settings.uri.is_empty() {
            problems.push(Problem::new(["resource", "uri"], "there is no address"));
        }
        match (uri, text) {
            (Some(uri), Some(text)) if problems.is_empty() => Ok(Self::Embedded {
                uri,
                mime: settings.mime.clone(),
                text,
            }),
            _ => Err(problems),
        }
    }
}
