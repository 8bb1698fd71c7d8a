//! A call to an API, as written.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The settings of the kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
pub struct Settings {
    /// The method: `GET`, `POST`, `PUT`, `PATCH` or `DELETE`.
    pub method: Method,
    /// Where the request goes, as `https://api.example.com/customers/${input.id}`. The host is literal; a value stays one path segment or one query value.
    pub url: String,
    /// What stands in the query besides, by name: templates. A list is repeated, an argument that was left out is left out.
    pub query: BTreeMap<String, String>,
    /// Headers by name: a template, or `{secret: env:NAME}`, with `before: "Token "` if something stands before it.
    pub headers: BTreeMap<String, Header>,
    /// How we show who we are: `{bearer: env:NAME}` or `{basic: {user: NAME, password: env:NAME}}`.
    pub auth: Option<Auth>,
    /// The body: `{json: …}`, where every string is a template and `${input.x}` alone keeps its type, or `{form: {name: template}}`.
    pub body: Option<Body>,
    /// What is made of the answer.
    pub result: ResultSettings,
    /// The statuses that mean success; 200 to 299 when empty.
    pub ok: Vec<u16>,
    /// What it may reach besides the public internet over https: names, addresses, both with a port if it is unusual, and networks like `10.0.0.0/8`.
    pub allow_private: Vec<String>,
    /// The largest answer, in bytes.
    pub max_response: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            method: Method::default(),
            url: String::new(),
            query: BTreeMap::new(),
            headers: BTreeMap::new(),
            auth: None,
            body: None,
            result: ResultSettings::default(),
            ok: Vec::new(),
            allow_private: Vec::new(),
            // A model reads a few thousand words; a page of a few hundred records fits.
            max_response: 1024 * 1024,
        }
    }
}

/// A method.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// Reads.
    #[default]
    Get,
    /// Does something.
    Post,
    /// Puts something in a place.
    Put,
    /// Changes a part.
    Patch,
    /// Removes.
    Delete,
}

/// The value of a header.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Header {
    /// A template.
    Text(String),
    /// A secret, which goes to this tool's host and nowhere else.
    Secret(SecretHeader),
}

/// A header with a secret in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SecretHeader {
    /// The secret: `env:NAME` or `file:PATH`.
    pub secret: String,
    /// What stands before it.
    #[serde(default)]
    pub before: String,
}

/// How we show who we are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Auth {
    /// `Authorization: Bearer …`, a secret.
    Bearer(String),
    /// `Authorization: Basic …`.
    Basic(Basic),
}

/// A name and a password.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Basic {
    /// The name.
    pub user: String,
    /// The password, a secret.
    pub password: String,
}

/// The body of the request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Body {
    /// JSON with templates for strings.
    Json(Value),
    /// A form: templates by name.
    Form(BTreeMap<String, String>),
}

/// What is made of the answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ResultSettings {
    /// How it is read: `auto` goes by its content type, `json` and `text` are sure.
    #[serde(rename = "as")]
    pub read: Read,
    /// The part of JSON that is kept, as a pointer like `/data/items`.
    pub pick: Option<String>,
}

/// How an answer is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Read {
    /// By its content type.
    #[default]
    Auto,
    /// As JSON, whatever it says it is.
    Json,
    /// As text, whatever it says it is.
    Text,
}
