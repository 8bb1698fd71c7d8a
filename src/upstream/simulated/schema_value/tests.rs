//! Values against their schemas.

use std::collections::HashSet;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn make(schema: &str, seed: u64) -> String {
    let schema: Raw = serde_json::from_str(schema).unwrap();
    let topic = Topic::of("Please look up the weather in Oslo tomorrow");
    value(&schema, &topic, &mut Dice::seeded(seed))
}

/// Values of 40 seeds match the schema.
fn check(schema: &str) {
    let validator = jsonschema::options()
        .should_validate_formats(true)
        .build(&serde_json::from_str(schema).unwrap())
        .unwrap();
    for seed in 0..40 {
        let made = make(schema, seed);
        let parsed: Value = serde_json::from_str(&made).unwrap();
        let errors: Vec<String> = validator
            .iter_errors(&parsed)
            .map(|error| error.to_string())
            .collect();
        assert!(errors.is_empty(), "{schema}\n{made}\n{errors:?}");
    }
}

fn check_value(schema: &str, expected: &str) {
    assert_eq!(make(schema, 1), expected, "{schema}");
}

#[test]
fn nothing_is_made_of_what_allows_nothing() {
    check_value("false", "null");
    check_value(r##"{"$ref":"#/$defs/gone"}"##, "null");
    check_value(r##"{"$ref":"https://example.com/schema"}"##, "null");
    check_value(r##"{"$ref":"#"}"##, "null");
    check_value(r#"{"allOf":[{"type":"string"},{"type":"object"}]}"#, "null");
    check_value(r#"{"properties":{"a":false},"required":["a"]}"#, "null");
    check_value(r#"{"enum":[]}"#, "null");
}

#[test]
fn keys_stand_in_the_order_of_the_schema() {
    check_value(
        r#"{"properties":{"z":{"const":1},"a":{"const":[1.0, 2]},"m":{"const":null}},"required":["m","z"]}"#,
        r#"{"z":1,"a":[1.0, 2],"m":null}"#,
    );
    check_value(
        r##"{"allOf":[{"properties":{"b":{"const":1}}},{"$ref":"#/$defs/x"}],"$defs":{"x":{"properties":{"a":{"const":2}}}},"properties":{"c":{"const":3}}}"##,
        r#"{"c":3,"b":1,"a":2}"#,
    );
}

#[test]
fn recursion_ends_where_the_schema_lets_it() {
    let list = r##"{"$ref":"#/$defs/node","$defs":{"node":{"type":"object","properties":{"value":{"const":1},"next":{"anyOf":[{"$ref":"#/$defs/node"},{"type":"null"}]}},"required":["value","next"]}}}"##;
    check_value(list, r#"{"value":1,"next":{"value":1,"next":null}}"#);
    let optional = r##"{"properties":{"value":{"const":1},"next":{"$ref":"#"}}}"##;
    check_value(
        optional,
        r#"{"value":1,"next":{"value":1,"next":{"value":1}}}"#,
    );
    let endless = r##"{"properties":{"next":{"$ref":"#"}},"required":["next"]}"##;
    check_value(endless, "null");
}

#[test]
fn strings_take_up_the_name_and_the_topic() {
    check_value(
        r#"{"properties":{"city":{"type":"string"}}}"#,
        r#"{"city":"Oslo"}"#,
    );
    let made = make(r#"{"properties":{"query":{"type":"string"}}}"#, 3);
    assert_eq!(made, r#"{"query":"look weather Oslo tomorrow"}"#);
}

#[test]
fn values_match_their_schemas() {
    for schema in [
        r#"{"type":"object","properties":{"city":{"type":"string"},"unit":{"type":"string","enum":["celsius","fahrenheit"]}},"required":["city","unit"],"additionalProperties":false}"#,
        r#"{"type":"integer","minimum":18,"maximum":120}"#,
        r#"{"type":"integer","exclusiveMinimum":0,"exclusiveMaximum":2}"#,
        r#"{"type":"number","minimum":0,"maximum":1}"#,
        r#"{"type":"number","exclusiveMinimum":0.29,"exclusiveMaximum":0.3}"#,
        r#"{"type":"number","multipleOf":0.05,"minimum":-3}"#,
        r#"{"type":"integer","multipleOf":7,"maximum":-20}"#,
        r#"{"type":["string","null"],"minLength":30,"maxLength":40}"#,
        r#"{"type":"string","maxLength":3}"#,
        r#"{"type":"string","pattern":"^ORD-[0-9]{6}$"}"#,
        r#"{"type":"string","pattern":"^[a-z][a-z0-9_]*$","minLength":8,"maxLength":12}"#,
        r#"{"type":"string","pattern":"^\\d{4}-\\d{2}$"}"#,
        r#"{"type":"object","properties":{"a":{"type":"string","format":"date"},"b":{"type":"string","format":"date-time"},"c":{"type":"string","format":"email"},"d":{"type":"string","format":"uri"},"e":{"type":"string","format":"uuid"},"f":{"type":"string","format":"ipv4"},"g":{"type":"string","format":"ipv6"},"h":{"type":"string","format":"time"},"i":{"type":"string","format":"duration"},"j":{"type":"string","format":"hostname"}},"required":["a","b","c","d","e","f","g","h","i","j"]}"#,
        r#"{"type":"array","items":{"type":"boolean"},"minItems":5,"maxItems":5}"#,
        r#"{"type":"array","items":{"enum":["a","b","c"]},"minItems":3,"uniqueItems":true}"#,
        r#"{"type":"array","prefixItems":[{"type":"string"},{"type":"integer"}],"items":false,"minItems":2}"#,
        r#"{"$schema":"http://json-schema.org/draft-07/schema#","type":"array","items":[{"type":"string"},{"type":"integer"}]}"#,
        r#"{"anyOf":[{"type":"object","properties":{"kind":{"const":"circle"},"radius":{"type":"number","exclusiveMinimum":0}},"required":["kind","radius"]},{"type":"null"}]}"#,
        r#"{"type":"object","properties":{"id":{"type":"string"}},"oneOf":[{"required":["id","left"]},{"required":["id","right"]}]}"#,
        r#"{"allOf":[{"type":"number","minimum":3},{"type":"integer","maximum":9},{"multipleOf":3}]}"#,
        r##"{"type":"object","properties":{"steps":{"type":"array","items":{"$ref":"#/$defs/step"}},"final_answer":{"type":"string"}},"$defs":{"step":{"type":"object","properties":{"explanation":{"type":"string"},"output":{"type":"string"}},"required":["explanation","output"],"additionalProperties":false}},"required":["steps","final_answer"],"additionalProperties":false}"##,
        r##"{"definitions":{"tree":{"type":"object","properties":{"name":{"type":"string"},"children":{"type":"array","items":{"$ref":"#/definitions/tree"}}},"required":["name","children"]}},"$ref":"#/definitions/tree"}"##,
        r##"{"properties":{"a":{"type":"object","properties":{"x":{"type":"integer"}},"required":["x"]},"b":{"$ref":"#/properties/a"}},"required":["a","b"]}"##,
        r#"{"type":"object","additionalProperties":{"type":"integer"},"required":["one","two"]}"#,
        r#"{"enum":[1,"two",null,{"three":3}],"type":["object","integer"]}"#,
        r#"{"minimum":5}"#,
        r#"{"type":"integer","multipleOf":2.5,"minimum":1}"#,
        "{}",
        "true",
    ] {
        check(schema);
    }
}

#[test]
fn hostile_schemas_end_soon() {
    let deep = format!(
        "{}{}",
        r#"{"items":"#.repeat(10_000),
        "}".repeat(10_000) + ""
    );
    let deep = deep.replacen("\"items\":}", "\"items\":{}}", 1);
    let refs: String = (0..30)
        .map(|n| format!(r##""p{n}":{{"$ref":"#/$defs/a{}"}},"##, n % 9))
        .collect();
    let refs = refs.trim_end_matches(',');
    let defs: Vec<String> = (0..9)
        .map(|n| format!(r#""a{n}":{{"type":"object","properties":{{{refs}}}}}"#))
        .collect();
    let blown = format!(
        r##"{{"$defs":{{{}}},"$ref":"#/$defs/a0"}}"##,
        defs.join(",")
    );
    for schema in [
        deep.as_str(),
        &blown,
        &format!(
            "{}{}",
            r#"{"allOf":["#.repeat(5_000),
            "{}".to_owned() + &"]}".repeat(5_000)
        ),
        r#"{"items":{"items":{"items":{"minLength":1e9},"minItems":1e9},"minItems":1e9},"minItems":1e9}"#,
        r#"{"type":"number","minimum":1e308,"multipleOf":1e-300}"#,
        r#"{"type":"number","minimum":-1e308,"maximum":1e308,"multipleOf":1e300}"#,
        r#"{"type":"integer","minimum":-5,"maximum":-9}"#,
        r#"{"type":"string","pattern":"((((", "minLength":-4}"#,
        r#"{"type":"string","pattern":"[z-a]{99999999999}"}"#,
        r#"{"type":"array","items":{"const":1},"uniqueItems":true,"minItems":9}"#,
        r#"{"properties":[1],"required":"a","anyOf":{},"enum":7,"type":{},"items":3,"$ref":null}"#,
        r#"{"a":1,"a":2}"#,
        "7",
    ] {
        let made = make(schema, 1);
        assert!(made.len() <= BUDGET);
        assert!(
            serde_json::from_str::<Raw>(&made).is_ok(),
            "{schema:.80} {made:.80}"
        );
    }
}

fn schema_like() -> impl Strategy<Value = Value> {
    let names = prop::sample::select(vec![
        "type",
        "properties",
        "required",
        "items",
        "prefixItems",
        "anyOf",
        "oneOf",
        "allOf",
        "enum",
        "const",
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "multipleOf",
        "minItems",
        "maxItems",
        "minLength",
        "maxLength",
        "pattern",
        "format",
        "$ref",
        "$defs",
        "uniqueItems",
        "additionalProperties",
        "a",
        "b",
    ]);
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        (-3i64..9).prop_map(Value::from),
        prop::sample::select(vec![
            "object",
            "array",
            "string",
            "integer",
            "number",
            "null",
            "#",
            "#/$defs/a",
            "#/a/0",
            "^[a-z]{2,}$",
            "[",
            "uuid",
        ])
        .prop_map(Value::from),
        "\\PC{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 48, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((names.clone(), inner), 0..6).prop_map(|members| members
                .into_iter()
                .map(|(key, value)| (key.to_owned(), value))
                .collect()),
        ]
    })
}

proptest! {
    #[test]
    fn any_schema_gives_json(schema in schema_like(), seed in any::<u64>()) {
        let made = make(&schema.to_string(), seed);
        prop_assert!(serde_json::from_str::<Raw>(&made).is_ok(), "{}", made);
    }

    #[test]
    fn any_pattern_gives_a_text_of_an_allowed_length(pattern in "\\PC{0,12}|[\\^\\[\\]a-c0-3{}+*?,$-]{0,14}", least in 0usize..9, more in 0usize..9) {
        let most = least + more;
        if let Some(text) = pattern::sample(&pattern, least, most, &mut Dice::seeded(1)) {
            prop_assert!((least..=most).contains(&text.chars().count()));
        }
    }
}

#[test]
fn different_seeds_give_different_values() {
    let schema = r#"{"type":"integer","minimum":0,"maximum":99}"#;
    let values: HashSet<String> = (0..50).map(|seed| make(schema, seed)).collect();
    assert!(values.len() > 20);
}

#[test]
fn a_wide_schema_is_read_in_one_go() {
    let members: String = (0..60_000).map(|n| format!(r#""k{n}":{{}},"#)).collect();
    let schema = format!(r#"{{"properties":{{{members}"z":{{}}}}}}"#);
    assert!(serde_json::from_str::<Raw>(&make(&schema, 1)).is_ok());
}
