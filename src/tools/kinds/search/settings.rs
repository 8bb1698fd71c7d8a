//! The settings of a search.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The settings of the kind.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
pub struct Settings {
    /// A folder whose Markdown files (`.md`) are searched, folders in it included. It is read when the configuration is.
    pub folder: Option<String>,
    /// What stands before a file's path in `url`; nothing when absent.
    pub base_url: Option<String>,
    /// Pages written here.
    pub pages: Vec<PageSettings>,
    /// Whether Waypost's own manual is searched, which is part of the program.
    pub manual: bool,
}

/// One page.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct PageSettings {
    /// Its title.
    pub title: String,
    /// Where it is found.
    pub url: String,
    /// Its text, in Markdown.
    pub text: String,
}
