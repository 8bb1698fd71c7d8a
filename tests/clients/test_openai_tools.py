"""OpenAI's Python SDK: parallel tool calls, streamed or not, and the turn after them."""

import json

import openai
import pydantic
import pytest


def tool(name: str, **properties) -> dict:
    parameters = {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
    return {"type": "function", "function": {"name": name, "parameters": parameters}}


TOOLS = [
    tool("weather", city={"type": "string"}, days={"type": "integer", "minimum": 1, "maximum": 7}),
    tool("clock", zone={"type": "string", "enum": ["UTC", "CET"]}),
]
ASK = [{"role": "user", "content": "[[sim tools=weather,clock,weather]] How is it in Oslo?"}]
NAMES = ["weather", "clock", "weather"]


def check_calls(calls):
    assert [call.function.name for call in calls] == NAMES
    assert len({call.id for call in calls}) == 3 and all(call.id for call in calls)
    for call in calls:
        arguments = json.loads(call.function.arguments)
        if call.function.name == "weather":
            assert isinstance(arguments["city"], str) and 1 <= arguments["days"] <= 7
        else:
            assert arguments["zone"] in ("UTC", "CET")


def test_parallel_calls(client):
    answer = client.chat.completions.create(model="talk", messages=ASK, tools=TOOLS)
    assert answer.choices[0].finish_reason == "tool_calls"
    assert {call.type for call in answer.choices[0].message.tool_calls} == {"function"}
    check_calls(answer.choices[0].message.tool_calls)


def test_parallel_calls_streamed_by_hand(client):
    calls: dict[int, dict] = {}
    finish = []
    for chunk in client.chat.completions.create(model="talk", messages=ASK, tools=TOOLS, stream=True):
        choice = chunk.choices[0]
        finish += [choice.finish_reason] if choice.finish_reason else []
        for delta in choice.delta.tool_calls or []:
            call = calls.setdefault(delta.index, {"id": [], "name": [], "arguments": ""})
            call["id"] += [delta.id] if delta.id else []
            call["name"] += [delta.function.name] if delta.function.name else []
            call["arguments"] += delta.function.arguments or ""
    assert finish == ["tool_calls"]
    assert sorted(calls) == [0, 1, 2]
    # Id and name come once, with the first piece; clients that add them up would double them.
    assert [call["name"] for _, call in sorted(calls.items())] == [[name] for name in NAMES]
    assert all(len(call["id"]) == 1 for call in calls.values())
    for call in calls.values():
        json.loads(call["arguments"])


def test_parallel_calls_through_the_stream_helper(client):
    strict = [openai.pydantic_function_tool(weather), openai.pydantic_function_tool(clock)]
    with client.chat.completions.stream(model="talk", messages=ASK, tools=strict) as stream:
        done = [event for event in stream if event.type == "tool_calls.function.arguments.done"]
        final = stream.get_final_completion()
    assert [event.name for event in done] == NAMES
    parsed = [call.function.parsed_arguments for call in final.choices[0].message.tool_calls]
    assert [type(each) for each in parsed] == [weather, clock, weather]


class weather(pydantic.BaseModel):
    """A tool is called by its class's name."""

    city: str
    days: int


class clock(pydantic.BaseModel):
    zone: str


@pytest.mark.parametrize("stream", [False, True])
def test_results_are_used_in_the_next_turn(client, stream):
    first = client.chat.completions.create(model="talk", messages=ASK, tools=TOOLS)
    calls = first.choices[0].message.tool_calls
    results = [
        {"role": "tool", "tool_call_id": call.id, "content": f"result number {at}"}
        for at, call in enumerate(calls)
    ]
    messages = [*ASK, first.choices[0].message.to_dict(), *results]
    if stream:
        with client.chat.completions.stream(model="talk", messages=messages, tools=TOOLS) as events:
            second = events.get_final_completion()
    else:
        second = client.chat.completions.create(model="talk", messages=messages, tools=TOOLS)
    assert second.choices[0].finish_reason == "stop"
    for at in range(3):
        assert f"result number {at}" in second.choices[0].message.content


def test_a_named_tool_is_called(client):
    choice = {"type": "function", "function": {"name": "clock"}}
    answer = client.chat.completions.create(
        model="talk", messages=[{"role": "user", "content": "hi"}], tools=TOOLS, tool_choice=choice
    )
    assert [call.function.name for call in answer.choices[0].message.tool_calls] == ["clock"]


def test_no_tool_is_called_when_none_may_be(client):
    answer = client.chat.completions.create(model="talk", messages=ASK, tools=TOOLS, tool_choice="none")
    assert answer.choices[0].message.tool_calls is None
    assert answer.choices[0].message.content
