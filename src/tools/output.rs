//! What a tool gives back.

use serde_json::{Map, Value};

/// What a tool gave.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Output {
    /// For the model to read.
    pub content: Vec<Content>,
    /// The same as data, by the tool's output schema where it has one.
    pub structured: Option<Value>,
    /// The tool ran and says that it failed.
    pub is_error: bool,
    /// What is told beside it, by keys like `dev.waypost/route`.
    pub meta: Map<String, Value>,
}

/// One piece of it.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// Text.
    Text(String),
    /// An image: base64 and its MIME type.
    Image {
        /// Base64.
        data: String,
        /// Its MIME type.
        mime: String,
    },
    /// Sound: base64 and its MIME type.
    Audio {
        /// Base64.
        data: String,
        /// Its MIME type.
        mime: String,
    },
    /// A resource, whole.
    Resource {
        /// Its URI.
        uri: String,
        /// Its MIME type.
        mime: Option<String>,
        /// Its text.
        text: String,
    },
    /// A resource, whole, that is no text.
    Blob {
        /// Its URI.
        uri: String,
        /// Its MIME type.
        mime: Option<String>,
        /// Base64.
        data: String,
    },
    /// Where a resource can be read.
    Link {
        /// Its URI.
        uri: String,
        /// Its name.
        name: String,
        /// A short name for people.
        title: Option<String>,
        /// What is in it.
        description: Option<String>,
        /// Its MIME type.
        mime: Option<String>,
        /// Its size, in bytes.
        size: Option<u64>,
    },
}

impl Output {
    /// A text.
    pub fn text(text: impl Into<String>) -> Self {
        Self {
            content: vec![Content::Text(text.into())],
            ..Self::default()
        }
    }

    /// Data, and the same as text for clients that read text only.
    pub fn structured(value: Value) -> Self {
        Self {
            content: vec![Content::Text(value.to_string())],
            structured: Some(value),
            ..Self::default()
        }
    }
}
