"""Routing as an application sees it through the SDKs: rules, wishes, limits, checked answers, keys, circuits, caps."""

import concurrent.futures
import json
import subprocess
import threading

import openai
import pydantic
import pytest

from clients import anthropic_client, openai_client
from processes import WAYPOST, get
from scripted import calls, fails, says

HELLO = [{"role": "user", "content": "hello"}]
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


class Invoice(pydantic.BaseModel):
    number: str
    total: float


GOOD = '{"number":"7","total":3.5}'


def ask(gateway, model: str, messages=HELLO, **more):
    """The raw answer of one request; an error is raised at once."""
    with openai_client(gateway, max_retries=0) as client:
        return client.chat.completions.with_raw_response.create(model=model, messages=messages, **more)


def target(gateway, model: str, **more) -> str:
    """Who answered."""
    return ask(gateway, model, **more).headers["x-waypost-target"]


def refusal(gateway, model: str, **more) -> openai.APIStatusError:
    with pytest.raises(openai.APIStatusError) as caught:
        ask(gateway, model, **more)
    return caught.value


def record_of(gateway, answer) -> dict:
    """The record of what was answered, or refused."""
    headers = getattr(answer, "response", answer).headers
    return gateway.record(headers["x-request-id"])


def reasons(record: dict) -> dict:
    return {each["target"]: each["reason"] for each in record["candidates"]}


@pytest.fixture
def pair(start_gateway, scripted):
    """Two scripted providers behind one gateway: `a` is cheap, `b` is dear and has a large window."""
    a, b = scripted(), scripted()

    def start(routes: str, more_of_a: str = "auth: none"):
        gateway = start_gateway(f"""
providers:
  a: {{ base_url: '{a.url}', {more_of_a}, models: {{ m: {{ context: 4000, price: {{ input: 1, output: 2 }} }} }} }}
  b: {{ base_url: '{b.url}', auth: none, models: {{ m: {{ context: 200000, price: {{ input: 10, output: 20 }} }} }} }}
{routes}""")
        return gateway, a, b

    return start


def test_rules_choose_by_tool_by_format_by_last_result_and_by_metadata(pair):
    gateway, *_ = pair("""
routes: { auto: { targets: [a/m] }, strong: { targets: [b/m] } }
rules:
  - { name: tool, when: 'request.tool == "extract_invoice"', route: strong }
  - { name: result, when: 'tool.digesting == "sql.query"', route: strong }
  - { name: schema, when: 'request.response_format == "json_schema" && request.schema_name == "Invoice"', route: strong }
  - { name: team, when: 'has(request.metadata.team) && request.metadata.team == "red"', route: strong }
""")

    def check(rule: str | None, **request):
        answer = ask(gateway, "auto", **request)
        assert answer.headers["x-waypost-target"] == ("b/m" if rule else "a/m")
        assert record_of(gateway, answer).get("rule") == rule

    check(None)
    check("tool", extra_headers={"x-waypost-tool": "extract_invoice"})
    check("tool", metadata={"x-waypost-tool": "extract_invoice"})
    check("team", metadata={"team": "red"})
    call = {"id": "c", "type": "function", "function": {"name": "sql.query", "arguments": "{}"}}
    turns = [{"role": "assistant", "tool_calls": [call]}, {"role": "tool", "tool_call_id": "c", "content": "rows"}]
    check("result", messages=HELLO + turns)
    seen = [{"role": "assistant", "content": "These are the rows."}]
    check(None, messages=HELLO + turns + seen + HELLO)
    with anthropic_client(gateway) as claude:
        asked = {"model": "auto", "max_tokens": 10, "messages": HELLO}
        tool = {"x-waypost-tool": "extract_invoice"}
        answer = claude.messages.with_raw_response.create(**asked, extra_headers=tool)
    assert answer.headers["x-waypost-target"] == "b/m"
    assert gateway.count("waypost_rule_matches_total", rule="tool") == 3
    assert gateway.count("waypost_rule_errors_total") == 0


def test_wishes_narrow_and_order_and_a_bad_one_is_refused_by_name(pair):
    gateway, *_ = pair("routes: { r: { targets: [b/m, a/m] } }")

    def wish(**provider) -> dict:
        return {"extra_body": {"provider": provider}}

    assert target(gateway, "r") == "b/m"
    for wishes in [
        {"extra_headers": {"x-waypost-strategy": "cheapest"}},
        wish(sort="price"),
        wish(only=["a"]),
        wish(ignore=["b"]),
        wish(order=["a/m"]),
        wish(max_price={"prompt": 5}),
    ]:
        assert target(gateway, "r", **wishes) == "a/m", wishes
    assert target(gateway, "a/m", extra_body={"models": ["r"]}) == "a/m"
    for param, wishes in {
        "x-waypost-strategy": {"extra_headers": {"x-waypost-strategy": "cheep"}},
        "x-waypost-tool": {"extra_headers": {"x-waypost-tool": "two words"}},
        "provider.sort": wish(sort="prize"),
    }.items():
        error = refusal(gateway, "r", **wishes)
        assert type(error) is openai.BadRequestError and error.param == param
    error = refusal(gateway, "r", **wish(only=["nobody"]))
    assert type(error) is openai.PermissionDeniedError
    assert reasons(record_of(gateway, error)) == {"a/m": "caller_excludes", "b/m": "caller_excludes"}


def test_a_limit_nobody_keeps_is_an_error_that_says_who_and_why_unless_it_may_be_relaxed(pair):
    gateway, a, b = pair("""
routes:
  strict: { strategy: cheapest-within, targets: [b/m, a/m], within: { max_price: 0.000001 } }
  lenient: { strategy: cheapest-within, targets: [b/m, a/m], within: { max_price: 0.000001, relax: [max_price] } }
""")
    error = refusal(gateway, "strict")
    assert type(error) is openai.BadRequestError and error.code == "no_target_qualifies"
    assert "a/m (too_dear)" in error.message
    record = record_of(gateway, error)
    assert (record["route"], record["strategy"]) == ("strict", "cheapest-within")
    assert reasons(record) == {"a/m": "too_dear", "b/m": "too_dear"}
    assert gateway.count("waypost_decisions_total", route="strict", reason="too_dear") == 2
    assert not a.asked and not b.asked
    answer = ask(gateway, "lenient")
    assert answer.headers["x-waypost-target"] == "a/m"
    assert reasons(record_of(gateway, answer)) == {"a/m": "relaxed", "b/m": "relaxed"}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    "first, known, answerer",
    [
        (fails(400, "context_length_exceeded"), "context_length", "b/m"),
        (fails(400, "content_filter"), "content_policy", None),
        (fails(429, "rate_limit_exceeded", retry_after="9"), "rate_limit", "b/m"),
        (says(""), "invalid_answer", "b/m"),
    ],
)
def test_what_comes_after_a_failure_is_the_routes_to_say(pair, first, known, answerer, stream):
    gateway, a, _ = pair("""
routes:
  r:
    targets: [a/m, a/other]
    fallback_on: { context_length: [b/m], content_policy: [], rate_limit: [b/m], invalid_answer: [b/m] }
""")
    a.script = lambda body, key: first
    if answerer:
        answer = ask(gateway, "r", stream=stream)
        assert answer.headers["x-waypost-target"] == answerer
        record = record_of(gateway, answer)
    else:
        error = refusal(gateway, "r", stream=stream)
        assert error.code == "content_filter"
        record = record_of(gateway, error)
    assert record["attempts"][0]["end"] == known
    assert a.models == ["m"]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    "first, verdict, answerer",
    [
        ("I would say that it is seven.", "not_json", "b/m"),
        (f"Here you are:\n```json\n{GOOD}\n```", "repaired", "a/m"),
        ('{"number":"7","total":3.5,}', "repaired", "a/m"),
        ('{"number":"7"}', "off_schema", "b/m"),
        (GOOD, "pass", "a/m"),
    ],
)
def test_parse_gets_what_fits_whatever_the_first_model_says(pair, first, verdict, answerer, stream):
    gateway, a, b = pair("routes: { r: { targets: [a/m, b/m] } }")
    a.script = lambda body, key: says(first)
    b.script = lambda body, key: says(GOOD)
    asked = {"model": "r", "messages": HELLO, "response_format": Invoice, "extra_headers": {"x-request-id": "parse"}}
    with openai_client(gateway, max_retries=0) as client:
        if stream:
            with client.chat.completions.stream(**asked) as events:
                answer = events.get_final_completion()
        else:
            answer = client.chat.completions.parse(**asked)
    assert answer.choices[0].message.parsed == Invoice(number="7", total=3.5)
    record = gateway.record("parse")
    assert (record["target"], record["attempts"][0]["verdict"]) == (answerer, verdict)


@pytest.mark.parametrize("stream", [False, True])
def test_a_call_of_a_tool_that_is_not_there_never_reaches_the_caller(pair, stream):
    gateway, a, b = pair("routes: { r: { targets: [a/m, b/m] } }")
    a.script = lambda body, key: calls("wetter", "{}")
    b.script = lambda body, key: calls("weather", '{"city":"Ulm"}')
    answer = ask(gateway, "r", tools=[WEATHER], stream=stream)
    if stream:
        deltas = [choice.delta for chunk in answer.parse() for choice in chunk.choices]
        made = [call.function.name for delta in deltas for call in delta.tool_calls or []]
    else:
        made = [call.function.name for call in answer.parse().choices[0].message.tool_calls]
    assert made == ["weather"]
    assert record_of(gateway, answer)["attempts"][0]["verdict"] == "unknown_tool"


def test_of_two_keys_the_one_that_works_is_used(pair, tmp_path):
    for name in ("dead-key", "live-key"):
        (tmp_path / name).write_text(f"the-{name}")
    keys = "api_keys: [file:dead-key, file:live-key]"
    gateway, a, _ = pair("routes: { r: { targets: [a/m] } }", keys)
    a.script = lambda body, key: says("ok") if key == "the-live-key" else fails(401, "invalid_api_key")
    for _ in range(3):
        assert target(gateway, "r") == "a/m"
    assert sorted(key for _, key in a.asked) == ["the-dead-key"] + 3 * ["the-live-key"]
    (state,) = [each for each in json.loads(get(f"{gateway.admin}/admin/targets")) if each["target"] == "a/m"]
    assert [key.get("because") for key in state["keys"]] == ["auth", None]
    assert 290_000 < state["keys"][0]["aside_ms"] <= 310_000

    # With no key left it is not for the caller to send less: the gateway's operator has something to do.
    a.script = lambda body, key: fails(401, "invalid_api_key")
    assert type(refusal(gateway, "r")) is openai.AuthenticationError
    error = refusal(gateway, "r")
    assert (error.status_code, error.code) == (503, "no_target_ready")
    (candidate,) = record_of(gateway, error)["candidates"]
    assert candidate["reason"] == "cooling_down" and candidate["facts"]["because"] == "auth"


def test_a_rate_limit_is_waited_out_elsewhere(pair):
    gateway, a, _ = pair("routes: { r: { targets: [a/m, b/m] }, alone: { targets: [a/m] } }")
    a.script = lambda body, key: fails(429, "rate_limit_exceeded", retry_after="30")
    assert [target(gateway, "r") for _ in range(3)] == ["b/m"] * 3
    assert len(a.asked) == 1
    error = refusal(gateway, "alone")
    assert type(error) is openai.RateLimitError and error.code == "no_target_ready"
    assert 25 < int(error.response.headers["retry-after"]) <= 33
    assert error.response.headers["x-should-retry"] == "false"


def test_a_circuit_opens_and_is_seen_to(pair):
    gateway, a, _ = pair("routes: { r: { targets: [a/m, b/m], breaker: { consecutive: 3, open_for: 60s } } }")
    a.script = lambda body, key: fails(500)
    for _ in range(3):
        assert target(gateway, "r") == "b/m"
    answer = ask(gateway, "r")
    assert answer.headers["x-waypost-attempts"] == "1" and len(a.asked) == 3
    assert reasons(record_of(gateway, answer)) == {"a/m": "circuit_open", "b/m": "list_order"}
    assert gateway.count("waypost_breaker_state", provider="a") == 3
    assert gateway.count("waypost_breaker_transitions_total", provider="a", to="open") == 1
    state = {each["target"]: each for each in json.loads(get(f"{gateway.admin}/admin/targets"))}["a/m"]
    assert state["circuit"]["state"] == "open" and 0 < state["circuit"]["remaining_ms"] <= 90_000


def test_in_a_total_outage_callers_are_told_at_once_and_do_not_come_back_by_themselves(pair):
    gateway, a, b = pair("routes: { r: { targets: [a/m, b/m], breaker: { consecutive: 1, open_for: 60s } } }")
    a.script = b.script = lambda body, key: fails(500)
    first = refusal(gateway, "r")
    assert first.status_code == 500
    # Each was asked, so the record keeps why it was: not that its circuit is open since.
    assert set(reasons(record_of(gateway, first)).values()) == {"list_order"}
    refused = [refusal(gateway, "r") for _ in range(12)]
    assert all(error.response.headers["x-should-retry"] == "false" for error in refused)
    # One in twenty finds out whether it still lasts.
    untold = [error for error in refused if error.status_code == 503]
    assert len(untold) >= 6
    for error in untold:
        assert error.code == "no_target_ready" and int(error.response.headers["retry-after"]) > 1
        assert set(reasons(record_of(gateway, error)).values()) == {"circuit_open"}
    assert gateway.count("waypost_requests_total", route="r", outcome="overloaded") == len(untold)


def test_a_cap_queues_then_turns_to_others_then_refuses(pair):
    cap = "auth: none, concurrency: { limit: 1, queue: 150ms }"
    gateway, a, _ = pair("routes: { r: { targets: [a/m, b/m] }, alone: { targets: [a/m] } }", cap)
    there, go = threading.Event(), threading.Event()

    def slow(body, key):
        there.set()
        go.wait(10)
        return says("ok")

    a.script = slow
    with concurrent.futures.ThreadPoolExecutor() as pool:
        held = pool.submit(target, gateway, "alone")
        assert there.wait(10)
        answer = ask(gateway, "r")
        assert answer.headers["x-waypost-target"] == "b/m"
        assert reasons(record_of(gateway, answer))["a/m"] == "busy"
        error = refusal(gateway, "alone")
        assert error.status_code == 503 and "as many requests as it may have" in error.message
        queued = pool.submit(ask, gateway, "alone")
        go.set()
        assert held.result() == "a/m"
        assert queued.result().headers["x-waypost-target"] == "a/m"
    assert gateway.count("waypost_saturated_total", provider="a") == 1


def explain(*arguments: str, request: dict) -> tuple[int, str]:
    done = subprocess.run(
        [WAYPOST, "explain", *arguments, "--request", "-"], input=json.dumps(request), capture_output=True, text=True
    )
    return done.returncode, done.stdout + done.stderr


def test_explain_tells_of_rules_and_refusals_cold_and_of_a_running_gateway(pair, tmp_path):
    gateway, a, _ = pair("""
routes: { auto: { targets: [a/m] }, both: { targets: [b/m, a/m], breaker: { consecutive: 1, open_for: 60s } } }
rules: [ { name: sql, when: 'request.tool == "sql"', route: both, strategy: cheapest } ]
""")
    a.script = lambda body, key: fails(500)
    refusal(gateway, "both", extra_body={"provider": {"only": ["a"]}})
    asked = len(a.asked)
    config = str(tmp_path / "waypost-0.yaml")
    by_rule = {"model": "auto", "messages": [], "metadata": {"x-waypost-tool": "sql"}}
    for where in [("--config", config), ("--url", gateway.admin)]:
        code, said = explain(*where, request=by_rule)
        assert code == 0 and "model auto → rule sql → route both, strategy cheapest" in said, said
        code, said = explain(*where, request={"model": "both", "provider": {"only": ["c"]}})
        assert code == 2 and "→ route both, strategy priority" in said and "caller_excludes" in said, said
        code, said = explain(*where, request={"model": "nobody"})
        assert code == 2 and "does not exist" in said and "one target" not in said, said
    _, said = explain("--url", gateway.admin, request={"model": "both"})
    assert "circuit_open" in said, said
    assert len(a.asked) == asked
