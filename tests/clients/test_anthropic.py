"""Anthropic's Python SDK on `/v1/messages`, with a provider behind it that speaks OpenAI."""

import json

import anthropic
import pydantic
import pytest

import keys
from clients import anthropic_client

TOOLS = [
    {
        "name": "weather",
        "description": "The weather of a city",
        "input_schema": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "days": {"type": "integer", "minimum": 1, "maximum": 7}},
            "required": ["city", "days"],
        },
    },
    {"name": "now", "input_schema": {"type": "object", "properties": {}}},
]


def user(text) -> list[dict]:
    return [{"role": "user", "content": text}]


def ask(text="hello", **options) -> dict:
    return {"model": "talk", "max_tokens": 500, "messages": user(text)} | options


def test_a_message(claude):
    message = claude.messages.create(**ask("[[sim tokens=37]] the tides"))
    assert (message.type, message.role, message.stop_reason) == ("message", "assistant", "end_turn")
    assert [block.type for block in message.content] == ["text"]
    assert "tides" in message.content[0].text
    assert message.usage.output_tokens == 37 and message.usage.input_tokens > 0


def test_headers_say_who_answered(claude, gateway, request_id):
    raw = claude.messages.with_raw_response.create(**ask(), extra_headers={"x-request-id": request_id})
    assert raw.headers["x-request-id"] == request_id
    assert raw.headers["x-waypost-route"] == "talk"
    assert raw.headers["x-waypost-target"] == "sim/fast"
    assert raw.headers["x-waypost-attempts"] == "1"
    assert float(raw.headers["x-waypost-cost-usd"]) > 0
    assert gateway.record(request_id)["surface"] == "messages"


def test_the_sdk_knows_the_requests_id(claude, request_id):
    """Anthropic's SDK reads `request-id`; it is what its users quote when they complain."""
    message = claude.messages.create(**ask(), extra_headers={"x-request-id": request_id})
    assert message._request_id == request_id


def test_the_key_may_come_in_either_header(gateway):
    lone = {"Authorization": anthropic.Omit(), "x-api-key": keys.CI}
    with anthropic_client(gateway, key=None, default_headers=lone) as client:
        assert client.messages.create(**ask()).content
    with anthropic_client(gateway, key=None, auth_token=keys.CI) as client:
        assert client.messages.create(**ask()).content


def test_system_prompts_and_blocks_arrive(claude):
    bare = claude.messages.create(**ask("[[sim echo]]x y"))
    system = claude.messages.create(**ask("[[sim echo]]x y", system="Be as brief as the sea is wide. " * 5))
    blocks = claude.messages.create(
        **ask(
            [{"type": "text", "text": "[[sim echo]]x y"}],
            system=[{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
        )
    )
    assert {each.content[0].text for each in (bare, system, blocks)} == {"x y"}
    assert system.usage.input_tokens > bare.usage.input_tokens + 20
    assert blocks.usage.input_tokens > bare.usage.input_tokens


def test_the_token_limit_ends_an_answer(claude):
    message = claude.messages.create(**ask("[[sim tokens=50]] go on", max_tokens=5))
    assert (message.stop_reason, message.usage.output_tokens) == ("max_tokens", 5)


def test_a_stream_has_text_a_final_message_and_usage(claude):
    with claude.messages.stream(**ask("[[sim echo]]Grüße, 世界 🌍")) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()
    assert text == "Grüße, 世界 🌍" == final.content[0].text
    assert final.stop_reason == "end_turn"
    assert final.usage.output_tokens > 0 and final.usage.input_tokens > 0


def test_the_events_come_in_anthropics_order(claude):
    events = [event.type for event in claude.messages.create(**ask("[[sim tokens=20]] sea"), stream=True)]
    assert events[:2] == ["message_start", "content_block_start"]
    assert events[-3:] == ["content_block_stop", "message_delta", "message_stop"]
    assert set(events[2:-3]) == {"content_block_delta"}


def check_calls(message, names):
    calls = [block for block in message.content if block.type == "tool_use"]
    assert message.stop_reason == "tool_use"
    assert [call.name for call in calls] == names
    assert len({call.id for call in calls}) == len(names)
    for call in calls:
        assert isinstance(call.input, dict)
        if call.name == "weather":
            assert isinstance(call.input["city"], str) and 1 <= call.input["days"] <= 7
    return calls


@pytest.mark.parametrize("stream", [False, True])
def test_tools_are_called_and_their_results_used(claude, stream):
    def turn(messages):
        options = ask(tools=TOOLS, messages=messages)
        if not stream:
            return claude.messages.create(**options)
        with claude.messages.stream(**options) as events:
            return events.get_final_message()

    messages = user("[[sim tools=weather,now,weather]] Oslo?")
    first = turn(messages)
    calls = check_calls(first, ["weather", "now", "weather"])
    results = [
        {"type": "tool_result", "tool_use_id": calls[0].id, "content": "result number 0"},
        {"type": "tool_result", "tool_use_id": calls[1].id, "content": [{"type": "text", "text": "result number 1"}]},
        {"type": "tool_result", "tool_use_id": calls[2].id, "content": "result number 2", "is_error": True},
    ]
    second = turn([*messages, {"role": "assistant", "content": first.content}, *user(results)])
    assert second.stop_reason == "end_turn"
    for at in range(3):
        assert f"result number {at}" in second.content[0].text


@pytest.mark.parametrize(
    ("choice", "names"),
    [
        ({"type": "tool", "name": "now"}, ["now"]),
        ({"type": "any", "disable_parallel_tool_use": True}, None),
        ({"type": "none"}, []),
    ],
)
def test_the_choice_of_tools_is_obeyed(claude, choice, names):
    message = claude.messages.create(**ask("any weather now?", tools=TOOLS, tool_choice=choice))
    called = [block.name for block in message.content if block.type == "tool_use"]
    assert called == names if names is not None else len(called) == 1


class Invoice(pydantic.BaseModel):
    number: str
    total: float
    paid: bool


def test_structured_output_becomes_the_model(claude):
    message = claude.messages.parse(**ask("an invoice"), output_format=Invoice)
    assert isinstance(message.parsed_output, Invoice)


def refused(client, kind, **options):
    with pytest.raises(kind) as caught:
        client.messages.create(**ask(model="once") | options)
    error = caught.value
    assert error.body["type"] == "error"
    assert error.body["error"]["message"]
    assert error.response.headers["x-request-id"]
    return error


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("kind", "status", "name", "options"),
    [
        (anthropic.NotFoundError, 404, "not_found_error", {"model": "no-such-model"}),
        (anthropic.BadRequestError, 400, "invalid_request_error", {"messages": [{"role": "wizard", "content": ""}]}),
        (anthropic.BadRequestError, 400, "invalid_request_error", {"messages": user("[[sim fault=context_length]]")}),
        (anthropic.AuthenticationError, 401, "authentication_error", {"messages": user("[[sim fault=auth]]")}),
        (anthropic.RateLimitError, 429, "rate_limit_error", {"model": "limited", "messages": user("[[sim fault=rate_limit]]")}),
        (anthropic.InternalServerError, 500, "api_error", {"messages": user("[[sim fault=server_error]]")}),
        (anthropic.InternalServerError, 529, "overloaded_error", {"messages": user("[[sim fault=overloaded]]")}),
    ],
)
def test_refusals_become_typed_exceptions(gateway, kind, status, name, options, stream):
    with anthropic_client(gateway, max_retries=0) as client:
        error = refused(client, kind, stream=stream, **options)
    assert (error.status_code, error.type) == (status, name)


def test_keys_are_checked(gateway):
    with anthropic_client(gateway, "wp-wrong-0123456789abcdef") as client:
        assert refused(client, anthropic.AuthenticationError).type == "authentication_error"
    with anthropic_client(gateway, keys.NARROW) as client:
        assert refused(client, anthropic.PermissionDeniedError).type == "permission_error"


@pytest.mark.parametrize("fault", ["cut", "no_terminator"])
def test_a_torn_stream_is_an_error_and_never_a_clean_end(claude, gateway, request_id, fault):
    events = []
    with pytest.raises(anthropic.APIStatusError) as caught:
        options = ask(f"[[sim tokens=60 fault={fault}]] sea", model="once", stream=True)
        for event in claude.messages.create(**options, extra_headers={"x-request-id": request_id}):
            events.append(event.type)
    assert caught.value.body["error"]["type"] == "api_error"
    assert "content_block_delta" in events and "message_stop" not in events
    assert gateway.record(request_id)["end"] == "server_error"


def test_a_client_that_stops_reading_stops_the_provider(claude, gateway, request_id):
    headers = {"x-request-id": request_id}
    with claude.messages.stream(**ask("[[sim tokens=400]] sea", model="slow"), extra_headers=headers) as stream:
        texts = iter(stream.text_stream)
        assert next(texts) and next(texts)
    record = gateway.record(request_id, seconds=5.0)
    assert record["end"] == "cancelled" and record["total_ms"] < 5_000
    assert json.dumps(record).count("sea") == 0, "a record holds no prompt"
