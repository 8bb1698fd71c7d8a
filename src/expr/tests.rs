use super::*;

#[derive(Debug)]
struct Fixed;

impl Roots for Fixed {
    fn value(&self, name: &str) -> Option<Value<'_>> {
        Some(match name {
            "request.model" => Value::Text("auto".into()),
            "request.tool" => Value::Text("".into()),
            "request.input_tokens" => Value::Whole(1_200),
            "request.huge" => Value::Whole(u64::MAX),
            "request.stream" => Value::Bool(true),
            "request.tools" => Value::Texts(vec!["search".into(), "sql.query".into()]),
            "request.metadata" => Value::Map(vec![("tier".into(), "gold".into())]),
            _ => return None,
        })
    }
}

fn check(text: &str, expected: Result<bool, EvalError>) {
    let expr = Expr::compile(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    assert_eq!(expr.test(&Fixed), expected, "{text}");
}

fn refused(text: &str, expected: &str) {
    let error = Expr::compile(text).unwrap_err();
    let wanted = error
        .expected
        .clone()
        .map(|wanted| format!("; expected {wanted}"));
    let nearest = error
        .nearest
        .clone()
        .map(|near| format!("; did you mean {near}?"));
    let said = format!(
        "{error}{}{}",
        wanted.unwrap_or_default(),
        nearest.unwrap_or_default()
    );
    assert!(
        said.contains(expected),
        "{text}\n got {said}\nwant {expected}"
    );
}

#[test]
fn conditions_are_true_or_false() {
    check(r#"request.model == "auto""#, Ok(true));
    check(r#"request["model"] == "auto""#, Ok(true));
    check(r#"request.model == "auto" && request.tool == """#, Ok(true));
    check("request.input_tokens > 1000 && request.stream", Ok(true));
    check("request.huge == 9223372036854775807", Ok(true));
    check(r#""sql.query" in request.tools"#, Ok(true));
    check(
        r#"request.tools.exists(tool, tool.startsWith("sql."))"#,
        Ok(true),
    );
    check("size(request.tools) == 2", Ok(true));
    check(r#"request.metadata.tier == "gold""#, Ok(true));
    check(r#"request.metadata["tier"] == "gold""#, Ok(true));
    check(r#""team" in request.metadata"#, Ok(false));
    check(
        "has(request.metadata.tier) && !has(request.metadata.team)",
        Ok(true),
    );
    check("has(request.tool)", Ok(false));
    check("has(request.model)", Ok(true));
    check(
        r#"request.tools.exists(request, request == "search")"#,
        Ok(true),
    );
}

#[test]
fn what_is_no_condition_is_an_error_without_values() {
    check(
        "request.model",
        Err(EvalError::NotBool("string".to_owned())),
    );
    check(r#"request.metadata.team == "a""#, Err(EvalError::Missing));
    check(r#"request.tools[7] == "a""#, Err(EvalError::Missing));
    check("request.unknown == 1", Err(EvalError::Unreadable));
    check("request.input_tokens / 0 == 1", Err(EvalError::Failed));
    let wrong = Expr::compile("request.model > 5")
        .unwrap()
        .test(&Fixed)
        .unwrap_err();
    assert!(wrong.is_of_types(), "{wrong}");
    assert!(!wrong.to_string().contains("auto"), "{wrong}");
}

#[test]
fn what_is_no_expression_is_refused_with_its_place() {
    refused("", "it is empty");
    refused("request.model ==", "at column 17: ");
    refused("request.model = 1", "at column 15: ");
    refused("1 +\n  * 2", "in line 2 at column 3: ");
    refused(
        r#"request.model.startWith("a")"#,
        "at column 15: there is no function `startWith`; did you mean startsWith?",
    );
    refused("Some{a: 1} == 1", "structures cannot be made");
}

#[test]
fn mentions_are_the_names_outside_of_loops() {
    let names = |text: &str| -> Vec<String> {
        let expr = Expr::compile(text).unwrap();
        let names = expr
            .mentions()
            .iter()
            .map(|it| format!("{}@{}", it.name, it.place.column));
        names.collect()
    };
    assert_eq!(
        names("request.tools.exists(t, t == tool.name)"),
        ["request.tools@1", "tool.name@30"]
    );
    assert_eq!(
        names("a && has(b.c) && d[0] == e.f.g"),
        ["a@1", "b.c@10", "d@18", "e.f@26"]
    );
    assert_eq!(names("type(1) == int"), Vec::<String>::new());
}

#[test]
fn patterns_are_linear_and_compiled_once() {
    check(r#"request.model.matches("^a.to$")"#, Ok(true));
    check(r#"matches(request.model, "^b")"#, Ok(false));
    check(
        r#"request.tools.all(tool, tool.matches("(?i)S"))"#,
        Ok(true),
    );
    refused(r#"request.model.matches("(")"#, "unclosed group");
    refused(r#"request.model.matches("(?=a)")"#, "look-around");
    refused(r#"request.model.matches("(a{1000}){1000}")"#, "size limit");
    refused(
        "request.model.matches(request.tool)",
        "a pattern cannot be computed; expected a text in quotes",
    );
    let evil = Expr::compile(r#"request.model.matches("^(a+)+$")"#).unwrap();
    struct Long(String);
    impl Roots for Long {
        fn value(&self, _: &str) -> Option<Value<'_>> {
            Some(Value::Text(self.0.as_str().into()))
        }
    }
    assert_eq!(evil.test(&Long("a".repeat(100_000) + "!")), Ok(false));
}

#[test]
fn hostile_expressions_are_bounded() {
    let many = |word: &str, times: usize| word.repeat(times);
    refused(
        &format!("{}1{}", many("(", 2_000), many(")", 2_000)),
        "it nests too deep",
    );
    refused(&many("[", 4_000), "it nests too deep");
    refused(&many("!(", 2_000), "it nests too deep");
    refused(&many("true ? true : ", 200), "it nests too deep");
    refused(
        &format!("1{} == 1", many(" + 1", 900)),
        "it nests more than 20 deep",
    );
    refused(
        &format!("a{} == 1", many(".b", 2_000)),
        "it nests more than 20 deep",
    );
    refused(&many("a", LONGEST + 1), "at most 4096");
    refused("[1].all(a, [1].all(b, [1].all(c, true)))", "loops nest");
    check(&format!("{}true", many("!", 3_000)), Ok(true));
    check(&format!("true{}", many(" || false", 400)), Ok(true));
    check(
        &format!("[{}1].all(x, x == 1)", many("1,", 1_900)),
        Ok(true),
    );
}

#[test]
fn the_deepest_expression_is_tested_on_a_small_stack() {
    let deep = format!(
        "request.tools.all(a, request.tools.all(b, 1{} > 0))",
        " + 1".repeat(14)
    );
    let expr = Expr::compile(&deep).unwrap();
    let deeper = format!(
        "request.tools.all(a, request.tools.all(b, 1{} > 0))",
        " + 1".repeat(15)
    );
    refused(&deeper, "it nests more than 20 deep");
    let small = std::thread::Builder::new().stack_size(1024 * 1024);
    let tested = small.spawn(move || expr.test(&Fixed)).unwrap().join();
    assert_eq!(tested.unwrap(), Ok(true));
}

proptest::proptest! {
    #[test]
    fn no_text_makes_the_compiler_or_a_test_panic(
        words in proptest::collection::vec(proptest::sample::select(vec![
            "request", ".", "tool", "tools", "==", "(", ")", "[", "]", "{", "}", "\"a\"", "'", "\\", "1", "u", "0x", "e9",
            "-", "!", "&&", "||", "in", "has", "exists", "map", "x", ",", "?", ":", "%", "/", "é", "\n", "`", "null",
            "matches", "size", "b\"\\xff\"", "r'", "@", "1.5", "*", "+", " ",
        ]), 0..24),
    ) {
        if let Ok(expr) = Expr::compile(&words.concat()) {
            let _ = expr.test(&Fixed);
        }
    }
}

/// The arguments of a call, which counts how often it is asked for one.
struct Arguments(serde_json::Value, std::sync::atomic::AtomicUsize);

impl Arguments {
    fn of(value: serde_json::Value) -> Self {
        Self(value, 0.into())
    }
}

impl Roots for Arguments {
    fn value(&self, name: &str) -> Option<Value<'_>> {
        self.1.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let member = name.strip_prefix("input.")?;
        self.0.get(member).map(Value::Json)
    }
}

#[test]
fn loops_over_long_lists_end_soon() {
    let items: Vec<u32> = (0..20_000).collect();
    let text = "a".repeat(100_000);
    let long = Arguments::of(serde_json::json!({
        "a": items, "b": items, "nested": [items], "text": text, "big": {"rows": items},
    }));
    for text in [
        "input.a.map(x, input.a.map(y, 1))",
        "input.a.all(x, input.b.all(y, true))",
        "input.a.all(x, input.b.exists(y, y == x)) || true",
        "input.a.all(x, !(x in input.b) || true)",
        "input.a.map(x, input.big)",
        "input.a.map(x, input.big.rows)",
        "input.a.map(x, input.text + input.text)",
        "input.a.filter(x, input.text.matches('b'))",
        "input.a.exists_one(x, input.text.contains('b'))",
        "input.a.exists(x, input.a == [x])",
        "input.nested.map(x, x.map(y, x))",
        "input.nested.map(x, x.filter(y, x[0] == 1 || x == [y]))",
        "input.a.map(x, [1, 2, 3, 4, 5, 6, 7, 8].map(y, y + 1 + 2 + 3 + 4))",
        "[input.a].map(x, [x, x].map(y, y.map(z, z)))",
    ] {
        let expr = Expr::compile(text);
        let Ok(expr) = expr else {
            assert!(text.starts_with('['), "{text}");
            continue;
        };
        assert_eq!(expr.value(&long), Err(EvalError::TooLong), "{text}");
    }
}

#[test]
fn loops_over_lists_of_ordinary_length_have_their_values() {
    let items: Vec<u32> = (0..250).collect();
    let arguments = Arguments::of(serde_json::json!({
        "a": items, "b": items, "words": ["x", "y"], "map": {"k": {"x": 1}}, "text": "abc",
    }));
    for (text, expected) in [
        ("input.a.all(x, x in input.b)", serde_json::json!(true)),
        ("input.a.all(x, input.b.all(y, x + 999 != y))", true.into()),
        ("input.a.all(x, input.b.exists(y, x == y))", true.into()),
        ("input.a.exists_one(x, x == input.b[7])", true.into()),
        (
            "input.words.map(x, input.map.k[x == 'x' ? x : 'x'])",
            serde_json::json!([1, 1]),
        ),
        (
            "input.words.map(x, x + input.text)",
            serde_json::json!(["xabc", "yabc"]),
        ),
        ("input.words.filter(x, x != 'x')", serde_json::json!(["y"])),
        (
            "input.words.map(x, x != 'x', x + x)",
            serde_json::json!(["yy"]),
        ),
        (
            "input.words.map(x, has(input.map))",
            serde_json::json!([true, true]),
        ),
        (
            "[input.map].map(m, has(m.k.x) && has(m.k))",
            serde_json::json!([true]),
        ),
        (
            "input.a.map(x, {'id': x, 'of': type(x) == int}).size()",
            250.into(),
        ),
        ("input.a.map(x, x + 1).map(x, x * 2)[3]", 8.into()),
    ] {
        let value = Expr::compile(text).unwrap().value(&arguments);
        assert_eq!(value.unwrap(), expected, "{text}");
    }
    let long = Arguments::of(serde_json::json!({"a": (0..50_000).collect::<Vec<_>>()}));
    let value = Expr::compile("input.a.map(x, x + 1)").unwrap().value(&long);
    assert_eq!(value.unwrap()[49_999], 50_000);
}

#[test]
fn a_value_is_read_once_for_each_evaluation() {
    let arguments = Arguments::of(serde_json::json!({"a": [1, 2, 3], "b": {"x": 1}}));
    let expr = Expr::compile("input.a.all(x, input.a.all(y, input.b.x == 1)) && has(input.b)");
    for round in 1..=2 {
        let value = expr.as_ref().unwrap().value(&arguments).unwrap();
        assert_eq!(value, true);
        let asked = arguments.1.load(std::sync::atomic::Ordering::Relaxed);
        assert_eq!(asked, 3 * round, "a, b, and whether b is there");
    }
}

#[test]
fn a_member_of_a_value_is_not_asked_for_as_a_value() {
    let arguments = Arguments::of(serde_json::json!({"b": {"x": {"y": 1}}, "b.x": 2}));
    for (text, expected) in [("input.b.x.y", 1), ("[1].map(i, input.b.x.y)[0]", 1)] {
        let value = Expr::compile(text).unwrap().value(&arguments);
        assert_eq!(value.unwrap(), expected, "{text}");
    }
    assert_eq!(arguments.1.load(std::sync::atomic::Ordering::Relaxed), 2);
}

#[test]
fn a_value_that_is_asked_for_once_is_not_kept() {
    let kept = |text: &str| Expr::compile(text).unwrap().names.kept;
    assert_eq!(kept("request.model == 'a' && request.tool == 'b'"), 0);
    assert_eq!(kept("request.tools.exists(t, t == 'a')"), 0);
    assert_eq!(kept("request.model == 'a' || request.model == 'b'"), 1);
    assert_eq!(kept("request.tools.exists(t, t == request.tool)"), 1);
}
