//! One operation: a path, a method, and the tool they become.

use serde_json::{Map, Value, json};

use super::{
    Wrong,
    arguments::{Arguments, template, under},
    document::{Document, Part},
    schema::Converter,
    settings::Import,
    words,
};
use crate::tools::{
    Annotations, Common, KindSettings, Settings,
    kinds::http::{self, Method},
};

/// The methods that become tools. The others ask about a resource, not for it.
const METHODS: [(&str, Method); 5] = [
    ("get", Method::Get),
    ("put", Method::Put),
    ("post", Method::Post),
    ("delete", Method::Delete),
    ("patch", Method::Patch),
];

/// The longest title, in characters.
const LONGEST_TITLE: usize = 80;

/// One operation.
pub(super) struct Operation<'a> {
    /// Its `operationId` as a name, or method and path.
    pub(super) name: String,
    /// Where it stands.
    pub(super) pointer: String,
    path: &'a str,
    method: Method,
    own: Part<'a>,
    /// What all operations of the path have.
    shared: Part<'a>,
}

/// Every operation of a document.
pub(super) fn all(document: &Document) -> Result<Vec<Operation<'_>>, Vec<Wrong>> {
    let paths = document.part("/paths").map_err(|wrong| vec![wrong])?;
    let mut operations = Vec::new();
    let mut wrong = Vec::new();
    for (path, item) in paths.value {
        if !path.starts_with('/') {
            continue;
        }
        match of_path(document, path, item) {
            Ok(more) => operations.extend(more),
            Err(one) => wrong.push(one),
        }
    }
    if operations.is_empty() && wrong.is_empty() {
        wrong.push(Wrong::new("/paths", "there are no operations"));
    }
    if wrong.is_empty() {
        Ok(operations)
    } else {
        Err(wrong)
    }
}

fn of_path<'a>(
    document: &'a Document,
    path: &'a str,
    item: &'a Value,
) -> Result<Vec<Operation<'a>>, Wrong> {
    let shared = document.object(item, &under("/paths", path))?;
    let mut operations = Vec::new();
    for (word, method) in METHODS {
        let Some(operation) = shared.value.get(word) else {
            continue;
        };
        let own = document.object(operation, &under(&shared.pointer, word))?;
        let id = own.value.get("operationId").and_then(Value::as_str);
        let name = match id.filter(|id| !id.is_empty()) {
            Some(id) => words::name(id),
            None => words::name(&format!("{word}{}", path.replace(['{', '}'], ""))),
        };
        operations.push(Operation {
            name,
            pointer: own.pointer.clone(),
            path,
            method,
            own,
            shared: shared.clone(),
        });
    }
    Ok(operations)
}

impl Operation<'_> {
    /// The tool it becomes.
    pub(super) fn tool(
        &self,
        document: &Document,
        import: &Import,
        base: &str,
    ) -> Result<Settings, Wrong> {
        let mut converter = Converter::new(document);
        let mut arguments = Arguments::default();
        let mut request = http::Settings {
            method: self.method,
            headers: import.headers.clone(),
            auth: import.auth.clone(),
            allow_private: import.allow_private.clone(),
            max_response: import.max_response,
            ..http::Settings::default()
        };
        let parameters = |part: &Part<'_>| under(&part.pointer, "parameters");
        let own = self.own.value.get("parameters");
        let shared = self.shared.value.get("parameters");
        let lists = [
            own.map(|list| (list, parameters(&self.own))),
            shared.map(|list| (list, parameters(&self.shared))),
        ];
        arguments.parameters(document, lists, import, &mut converter, &mut request)?;
        request.url = [base, &self.url(&arguments)?].concat();
        let body = self.own.value.get("requestBody");
        if let Some(body) = body.filter(|_| self.method != Method::Get) {
            let at = under(&self.pointer, "requestBody");
            request.body = arguments.body(document, body, &at, &mut converter)?;
        }
        let common = Common {
            title: self.title(),
            description: self.description(),
            input_schema: Some(input_schema(arguments, converter.named)),
            annotations: self.annotations(),
            timeout: import.timeout,
            ..Common::default()
        };
        Ok(Settings {
            common,
            kind: KindSettings::Http(Box::new(request)),
        })
    }

    /// The path with a template for each parameter.
    fn url(&self, arguments: &Arguments) -> Result<String, Wrong> {
        if self.path.contains(['?', '#']) {
            return Err(Wrong::new(
                &self.pointer,
                "its path has a query or fragment in it",
            ));
        }
        let mut url = String::new();
        let mut rest = self.path;
        while let Some((before, from)) = rest.split_once('{') {
            // A dollar sign before a brace would begin an expression.
            url.push_str(&before.replace('$', "%24"));
            let (name, behind) = from.split_once('}').unwrap_or((from, ""));
            let known = arguments.path.iter().find(|(known, _)| known == name);
            let (_, argument) = known.ok_or_else(|| {
                let message = format!("the path names `{name}`, which is no parameter in the path");
                Wrong::new(&self.pointer, message)
            })?;
            url.push_str(&template(argument));
            rest = behind;
        }
        url.push_str(&rest.replace('$', "%24"));
        Ok(url)
    }

    fn text(&self, key: &str) -> Option<String> {
        let text = self.own.value.get(key).and_then(Value::as_str);
        text.map(words::clean).filter(|text| !text.is_empty())
    }

    fn title(&self) -> Option<String> {
        let is_short = |title: &String| title.chars().count() <= LONGEST_TITLE;
        self.text("summary").filter(is_short)
    }

    fn description(&self) -> String {
        match (self.text("summary"), self.text("description")) {
            (Some(summary), Some(more)) if summary != more => format!("{summary}\n\n{more}"),
            (Some(only), _) | (None, Some(only)) => only,
            (None, None) => self.name.clone(),
        }
    }

    /// What the method means, by RFC 9110.
    fn annotations(&self) -> Annotations {
        let hint = |methods: &[Method]| methods.contains(&self.method).then_some(true);
        Annotations {
            read_only: hint(&[Method::Get]),
            destructive: hint(&[Method::Delete]),
            idempotent: hint(&[Method::Get, Method::Put, Method::Delete]),
            open_world: None,
        }
    }
}

/// One closed object of all arguments.
fn input_schema(arguments: Arguments, named: Map<String, Value>) -> Map<String, Value> {
    let mut schema = Map::new();
    schema.insert("type".to_owned(), "object".into());
    schema.insert("properties".to_owned(), arguments.properties.into());
    schema.insert("additionalProperties".to_owned(), false.into());
    if !arguments.required.is_empty() {
        schema.insert("required".to_owned(), json!(arguments.required));
    }
    if !named.is_empty() {
        schema.insert("$defs".to_owned(), named.into());
    }
    schema
}
