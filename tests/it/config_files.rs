//! The files in `config/`: they pass `waypost check`, name every key, and state true defaults.

use std::{collections::BTreeSet, fs, path::PathBuf};

use serde_json::Value;
use waypost::{
    access,
    app::{Wired, wire},
    catalog::{CardSettings, Quirks, resolve},
    config::{File, json_schema, parse},
    http, mcp, route, store, telemetry, upstream,
};

fn text(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("config")
        .join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn read(name: &str, text: &str) -> File {
    match parse(name, text) {
        Ok(loaded) => loaded.value,
        Err(problems) => panic!("{problems:#?}"),
    }
}

/// Wires a configuration in an environment where every variable holds a key, or a database's address.
fn wired(name: &str, file: &File) -> Wired {
    let environment = |name: &str| {
        let database = name.ends_with("_DB_URL");
        let key = "a-key-of-more-than-sixteen-letters";
        let url = "postgres://reader:secret@127.0.0.1/orders";
        Some(if database { url } else { key }.to_owned())
    };
    match wire(file, &environment) {
        Ok(wired) => wired,
        Err(problems) => panic!("{name}: {problems:#?}"),
    }
}

/// The text with its commented keys in force: `#key:` becomes `key:`, and so do items. Prose has a space behind `#`.
fn with_examples(text: &str) -> String {
    let line = |line: &str| {
        let code = line.trim_start();
        let indent = &line[..line.len() - code.len()];
        match code.strip_prefix('#') {
            Some(key) if !key.starts_with(' ') => format!("{indent}{key}\n"),
            _ => format!("{line}\n"),
        }
    };
    text.lines().map(line).collect()
}

#[test]
fn every_file_passes_the_check() {
    for name in [
        "minimal.yaml",
        "demo.yaml",
        "waypost.yaml",
        "conformance.yaml",
    ] {
        let file = read(name, &text(name));
        let wired = wired(name, &file);
        assert_eq!(wired.warnings, [], "{name}");
        assert!(wired.router.names().count() > 0, "{name}");
    }
}

#[test]
fn the_whole_file_passes_the_check_with_its_examples_too() {
    let mut file = read("waypost.yaml", &with_examples(&text("waypost.yaml")));
    // Its PEM files are nobody's.
    assert!(file.server.tls.take().is_some());
    // So are the files of its prompts and resources.
    let named = |media: &Option<mcp::library::MediaSettings>| {
        media.as_ref().is_some_and(|media| media.file.is_some())
    };
    for prompt in file.mcp.prompts.values_mut() {
        let messages = &mut prompt.messages;
        messages.retain(|it| !named(&it.image) && !named(&it.audio));
    }
    file.mcp.resources.retain(|_, it| it.file.is_none());
    assert!(matches!(file.access, Some(access::Settings::Keys(_))));
    wired("waypost.yaml", &file);
}

#[test]
fn the_whole_file_names_every_key_of_the_schema() {
    let schema: Value = serde_json::from_str(&json_schema::<File>()).unwrap();
    let yaml: Value = serde_saphyr::from_str(&with_examples(&text("waypost.yaml"))).unwrap();
    let mut missing = BTreeSet::new();
    walk(&schema, &schema, &[&yaml], "", &mut missing);
    assert_eq!(
        missing,
        BTreeSet::new(),
        "give them their lines in config/waypost.yaml"
    );
}

/// Collects the keys of `schema` that none of `values` has.
fn walk(
    root: &Value,
    schema: &Value,
    values: &[&Value],
    path: &str,
    missing: &mut BTreeSet<String>,
) {
    if let Some(reference) = schema["$ref"].as_str() {
        let pointer = reference.trim_start_matches('#');
        let Some(target) = root.pointer(pointer) else {
            panic!("the schema has no {reference}");
        };
        return walk(root, target, values, path, missing);
    }
    for shape in schema["anyOf"].as_array().into_iter().flatten() {
        walk(root, shape, values, path, missing);
    }
    walk_kinds(root, schema, values, path, missing);
    let known = schema["properties"].as_object();
    for (key, schema) in known.into_iter().flatten() {
        let found: Vec<&Value> = values.iter().filter_map(|value| value.get(key)).collect();
        let path = format!("{path}.{key}");
        if found.is_empty() {
            missing.insert(path);
        } else {
            walk(root, schema, &found, &path, missing);
        }
    }
    let items: Vec<&Value> = values
        .iter()
        .filter_map(|value| value.as_array())
        .flatten()
        .collect();
    let members = values
        .iter()
        .filter_map(|value| value.as_object())
        .flatten();
    let members: Vec<&Value> = members.map(|(_, value)| value).collect();
    for (word, inner) in [("items", items), ("additionalProperties", members)] {
        if schema[word].is_object() {
            walk(root, &schema[word], &inner, &format!("{path}.*"), missing);
        }
    }
}

/// Shapes told apart by their `kind`. What all of them have, one of them must show; the rest each for itself.
/// Other uses of `oneOf` are the words of an enum.
fn walk_kinds(
    root: &Value,
    schema: &Value,
    values: &[&Value],
    path: &str,
    missing: &mut BTreeSet<String>,
) {
    let shapes = schema["oneOf"].as_array().into_iter().flatten();
    let shapes: Vec<_> = shapes
        .filter_map(|shape| {
            let kind = shape["properties"]["kind"]["const"].as_str()?;
            Some((kind, shape["properties"].as_object()?))
        })
        .collect();
    let Some((_, first)) = shapes.first() else {
        return;
    };
    let is_common = |key: &String| shapes.iter().all(|(_, shape)| shape.contains_key(key));
    let part = |keys: &serde_json::Map<String, Value>, common: bool| {
        let keys = keys.iter().filter(|(key, _)| is_common(key) == common);
        let keys: serde_json::Map<_, _> = keys.map(|(k, v)| (k.clone(), v.clone())).collect();
        serde_json::json!({ "properties": keys })
    };
    walk(root, &part(first, true), values, path, missing);
    for (kind, shape) in &shapes {
        let same = values.iter().filter(|value| value["kind"] == *kind);
        let same: Vec<&Value> = same.copied().collect();
        let path = format!("{path}<{kind}>");
        if same.is_empty() {
            missing.insert(path);
        } else {
            walk(root, &part(shape, false), &same, &path, missing);
        }
    }
}

#[test]
fn the_whole_file_states_true_defaults() {
    let file = read("waypost.yaml", &text("waypost.yaml"));
    assert_eq!(file.server, http::Settings::default());
    assert_eq!(file.upstream, upstream::Settings::default());
    assert_eq!(file.mcp, mcp::Settings::default());
    assert_eq!(file.store, store::Settings::default());
    assert_eq!(file.telemetry, telemetry::Settings::default());
    assert_eq!(file.access, None);

    let route = &file.routes["example"];
    let targets = route.targets.clone();
    assert!(targets.iter().all(|target| target.weight() == 1));
    assert_eq!(
        *route,
        route::Settings {
            targets,
            ..route::Settings::default()
        }
    );

    let example = &file.providers["example"];
    assert_eq!(example.quirks, Some(Quirks::default()));
    assert_eq!(example.models["model"], Default::default());
    for (name, written) in &file.providers {
        let bare = CardSettings {
            dialect: written.dialect,
            base_url: written.base_url.clone(),
            models: written.models.clone(),
            ..CardSettings::default()
        };
        let card = |settings| format!("{:?}", resolve(name, settings, None).unwrap());
        assert_eq!(card(written), card(&bare), "{name}");
    }
}

#[test]
fn the_schema_file_is_fresh() {
    assert!(
        text("schema.json") == json_schema::<File>(),
        "config/schema.json is stale. Regenerate it:\n\n    cargo run -- schema > config/schema.json\n"
    );
}
