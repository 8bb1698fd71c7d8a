"""LiteLLM's proxy as a provider of Waypost, in OpenAI's and in Anthropic's format, under both SDKs.

    SDK → Waypost (`front`) → LiteLLM → its own mock, or a second Waypost with a simulated provider (`origin`)
"""

import json
import string

import anthropic
import openai
import pytest

import keys
from clients import anthropic_client, openai_client
from conftest import HERE
from processes import LITELLM, Gateway, Program, free_ports, until
from test_openai_tools import ASK, TOOLS, check_calls

LITELLM_KEY = "sk-litellm-upstream"


@pytest.fixture(scope="module")
def origin(tmp_path_factory):
    """The gateway behind LiteLLM: one for all tests, as LiteLLM is."""
    config = (HERE / "gateway.yaml").read_text()
    program = Gateway(config, tmp_path_factory.mktemp("origin"), name="origin", env=keys.ENVIRONMENT)
    yield program
    program.close()


@pytest.fixture(scope="module")
def litellm(origin, tmp_path_factory):
    """LiteLLM's address. It gets no database, sends no telemetry and fetches no price list."""
    folder = tmp_path_factory.mktemp("litellm")
    (port,) = free_ports(1)
    config = string.Template((HERE / "litellm.yaml").read_text())
    (folder / "litellm.yaml").write_text(config.substitute(ORIGIN=origin.url, KEY=keys.CI))
    url = f"http://127.0.0.1:{port}"
    command = [LITELLM, "--config", "litellm.yaml", "--host", "127.0.0.1", "--port", str(port), "--telemetry", "False"]
    env = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "DO_NOT_TRACK": "1"}
    program = Program("litellm", command, folder, env, f"{url}/health/liveliness", 120.0)
    yield url
    program.stop()


@pytest.fixture(scope="module")
def front(litellm, tmp_path_factory):
    folder = tmp_path_factory.mktemp("front")
    config = string.Template((HERE / "front.yaml").read_text()).substitute(LITELLM=litellm)
    program = Gateway(config, folder, name="front", env={"LITELLM_KEY": LITELLM_KEY})
    yield program
    program.close()


@pytest.fixture
def gpt(front):
    with openai_client(front, max_retries=0) as client:
        yield client


@pytest.fixture
def claude(front):
    with anthropic_client(front, max_retries=0) as client:
        yield client


def user(text: str) -> list[dict]:
    return [{"role": "user", "content": text}]


FORMATS = pytest.mark.parametrize("provider", ["open", "claude"])
# LiteLLM translates to chat completions, or passes Anthropic's messages on.
WAYS = pytest.mark.parametrize("target", ["open/via-chat", "open/via-messages", "claude/via-chat", "claude/via-messages"])
STREAM = pytest.mark.parametrize("stream", [False, True])


def gpt_turn(client, stream: bool, **options):
    if not stream:
        return client.chat.completions.create(**options)
    with client.chat.completions.stream(stream_options={"include_usage": True}, **options) as events:
        return events.get_final_completion()


def claude_turn(client, stream: bool, **options):
    options = {"max_tokens": 400} | options
    if not stream:
        return client.messages.create(**options)
    with client.messages.stream(**options) as events:
        return events.get_final_message()


@FORMATS
def test_a_mocked_answer(gpt, claude, provider):
    answer = gpt.chat.completions.with_raw_response.create(model=f"{provider}/plain", messages=user("when?"))
    assert answer.headers["x-waypost-target"] == f"{provider}/plain"
    answer = answer.parse()
    assert answer.choices[0].message.content == "The ferry leaves at nine."
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens > 0

    message = claude_turn(claude, False, model=f"{provider}/plain", messages=user("when?"))
    assert message.content[0].text == "The ferry leaves at nine."
    assert message.stop_reason == "end_turn" and message.usage.output_tokens > 0


def test_a_mocked_stream(gpt, claude):
    answer = gpt_turn(gpt, True, model="open/plain", messages=user("when?"))
    assert answer.choices[0].message.content == "The ferry leaves at nine."
    assert answer.usage.completion_tokens > 0
    message = claude_turn(claude, True, model="open/plain", messages=user("when?"))
    assert message.content[0].text == "The ferry leaves at nine."
    assert message.usage.output_tokens > 0


def test_a_provider_that_ignores_stream_is_never_a_clean_empty_answer(gpt):
    """LiteLLM's mock answers `stream: true` on /v1/messages with one JSON document."""
    try:
        answer = gpt_turn(gpt, True, model="claude/plain", messages=user("when?"))
    except openai.InternalServerError as error:
        assert error.status_code == 502
    else:
        assert answer.choices[0].message.content == "The ferry leaves at nine."


def test_mocked_tool_calls(gpt, claude):
    answer = gpt_turn(gpt, False, model="open/tools", messages=user("weather?"), tools=TOOLS)
    calls = answer.choices[0].message.tool_calls
    assert [(call.id, call.function.name) for call in calls] == [("call_a", "weather"), ("call_b", "weather")]
    assert [json.loads(call.function.arguments) for call in calls] == [{"city": "Oslo"}, {"city": "Rome"}]
    message = claude_turn(claude, False, model="open/tools", messages=user("weather?"), tools=anthropic_tools())
    assert [block.input for block in message.content if block.type == "tool_use"] == [{"city": "Oslo"}, {"city": "Rome"}]


def test_embeddings(gpt):
    for options in ({}, {"encoding_format": "float"}):
        vectors = gpt.embeddings.create(model="open/vectors", input="x", **options)
        assert vectors.data[0].embedding == [0.5, -0.25, 1.0]


@WAYS
@STREAM
def test_text_comes_through_foreign_hands(gpt, claude, target, stream):
    text = "Grüße, 世界 🌍 and \"more\""
    answer = gpt_turn(gpt, stream, model=target, messages=user(f"[[sim echo]]{text}"))
    assert answer.choices[0].message.content == text
    assert answer.choices[0].finish_reason == "stop" and answer.usage.completion_tokens > 0
    message = claude_turn(claude, stream, model=target, messages=user(f"[[sim echo]]{text}"))
    assert "".join(block.text for block in message.content) == text
    assert message.stop_reason == "end_turn" and message.usage.output_tokens > 0


@WAYS
@STREAM
def test_parallel_tools_come_through_foreign_hands_and_back(gpt, target, stream):
    first = gpt_turn(gpt, stream, model=target, messages=ASK, tools=TOOLS)
    assert first.choices[0].finish_reason == "tool_calls"
    calls = first.choices[0].message.tool_calls
    check_calls(calls)
    results = [{"role": "tool", "tool_call_id": call.id, "content": f"result number {at}"} for at, call in enumerate(calls)]
    said = {"role": "assistant", "tool_calls": [call.to_dict(exclude_none=True) for call in calls]}
    for call in said["tool_calls"]:
        call["function"] = {name: call["function"][name] for name in ("name", "arguments")}
        call.pop("index", None)
    second = gpt_turn(gpt, stream, model=target, messages=[*ASK, said, *results], tools=TOOLS)
    for at in range(3):
        assert f"result number {at}" in second.choices[0].message.content


@WAYS
@STREAM
def test_anthropics_sdk_calls_tools_through_foreign_hands(claude, target, stream):
    options = {"model": target, "messages": user(ASK[0]["content"]), "tools": anthropic_tools()}
    message = claude_turn(claude, stream, **options)
    assert message.stop_reason == "tool_use"
    calls = [block for block in message.content if block.type == "tool_use"]
    assert [call.name for call in calls] == ["weather", "clock", "weather"]
    assert all(call.input for call in calls)


@WAYS
def test_a_stream_torn_behind_litellm_is_no_clean_end(gpt, target):
    messages = user("[[sim tokens=60 fault=cut]] the harbour")
    with pytest.raises(openai.APIError):
        for _ in gpt.chat.completions.create(model=target, messages=messages, stream=True):
            pass


@FORMATS
def test_a_client_that_leaves_stops_the_provider_behind_litellm(origin, gpt, provider):
    """The closed connection is seen at the far end, so Waypost closed its own to LiteLLM."""

    def left() -> int:
        return origin.count("waypost_requests_total", route="slow", outcome="cancelled")

    before = left()
    messages = user("[[sim tokens=400]] tell me a long story")
    stream = gpt.chat.completions.create(model=f"{provider}/via-slow", messages=messages, stream=True)
    for _ in range(2):
        next(stream)
    stream.close()
    until("the far provider is left", lambda: left() == before + 1, seconds=10.0)


@FORMATS
@STREAM
@pytest.mark.parametrize(
    ("name", "end", "kind", "claude_kind"),
    [
        ("limited", "rate_limit", openai.RateLimitError, anthropic.RateLimitError),
        ("broken", "server_error", openai.InternalServerError, anthropic.InternalServerError),
    ],
)
def test_litellms_errors_have_their_class_and_fall_back(
    front, gpt, claude, request_id, provider, stream, name, end, kind, claude_kind
):
    if stream:
        name += "-streamed"  # a target that was limited rests, so each has its own
    with pytest.raises(kind):
        gpt_turn(gpt, stream, model=f"{provider}-{name}", messages=user("hello"), extra_headers={"x-request-id": request_id})
    attempts = front.record(request_id)["attempts"]
    assert [attempt["end"] for attempt in attempts] == [end]
    with pytest.raises(claude_kind):
        claude_turn(claude, stream, model=f"{provider}-{name}", messages=user("hello"))
    answer = gpt_turn(gpt, stream, model=f"{provider}-{name}-helped", messages=user("[[sim echo]]still here"))
    assert answer.choices[0].message.content == "still here"


@STREAM
def test_litellms_status_529_is_an_overload(front, gpt, request_id, stream):
    headers = {"x-request-id": request_id}
    with pytest.raises(openai.InternalServerError):
        gpt_turn(gpt, stream, model="open-overloaded", messages=user("hello"), extra_headers=headers)
    assert front.record(request_id)["attempts"][0]["end"] == "overloaded"
    answer = gpt_turn(gpt, stream, model="open-overloaded-helped", messages=user("[[sim echo]]still here"))
    assert answer.choices[0].message.content == "still here"


@FORMATS
def test_litellms_context_error_is_the_callers(gpt, provider):
    with pytest.raises(openai.BadRequestError):
        gpt_turn(gpt, False, model=f"{provider}/too-long", messages=user("hello"))


def anthropic_tools() -> list[dict]:
    functions = [tool["function"] for tool in TOOLS]
    return [{"name": each["name"], "input_schema": each["parameters"]} for each in functions]
