//! Prompts, resources and templates: what the configuration gives to clients that are no tools.

mod settings;

pub use settings::{
    ArgumentSettings, AskSettings, EmbeddedSettings, MediaSettings, MessageSettings,
    PromptSettings, ResourceSettings, Role, TemplateSettings,
};
