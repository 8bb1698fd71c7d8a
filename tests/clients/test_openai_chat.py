"""OpenAI's Python SDK: chat, streams, structured output, embeddings, models, and our headers on the answers."""

import asyncio
from decimal import Decimal

import pydantic
import pytest

from clients import async_openai_client


def user(text: str) -> list[dict]:
    return [{"role": "user", "content": text}]


def test_chat_answers_and_counts_tokens(client):
    answer = client.chat.completions.create(model="talk", messages=user("[[sim tokens=37]] the tides"))
    assert answer.object == "chat.completion"
    assert answer.choices[0].finish_reason == "stop"
    assert answer.choices[0].message.role == "assistant"
    assert "tides" in answer.choices[0].message.content
    assert answer.usage.completion_tokens == 37
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + 37
    assert answer._request_id


def test_the_conversation_arrives_as_sent(client):
    text = "Grüße, 世界 🌍 \"quoted\" \\n {braces} \t tab"
    answer = client.chat.completions.create(
        model="talk",
        messages=[
            {"role": "system", "content": "Repeat."},
            *user("first"),
            {"role": "assistant", "content": "second"},
            {"role": "user", "content": [{"type": "text", "text": f"[[sim echo]]{text}"}]},
        ],
    )
    assert answer.choices[0].message.content == text


def test_the_token_limit_ends_an_answer(client):
    for limit in ("max_tokens", "max_completion_tokens"):
        answer = client.chat.completions.create(
            model="talk", messages=user("[[sim tokens=50]] go on"), **{limit: 5}
        )
        assert (answer.choices[0].finish_reason, answer.usage.completion_tokens) == ("length", 5), limit


def test_a_target_can_be_named_directly(client):
    answer = client.chat.completions.with_raw_response.create(model="sim/fast", messages=user("hello"))
    assert answer.headers["x-waypost-target"] == "sim/fast"
    assert answer.parse().choices[0].message.content


def test_headers_say_who_answered_and_what_it_cost(client, gateway, request_id):
    raw = client.chat.completions.with_raw_response.create(
        model="talk", messages=user("hello"), extra_headers={"x-request-id": request_id}
    )
    usage = raw.parse().usage
    assert raw.headers["x-request-id"] == request_id
    assert raw.headers["x-waypost-route"] == "talk"
    assert raw.headers["x-waypost-target"] == "sim/fast"
    assert raw.headers["x-waypost-attempts"] == "1"
    # $1 per million tokens in, $2 per million tokens out.
    expected = Decimal(usage.prompt_tokens + 2 * usage.completion_tokens) / 1_000_000
    assert Decimal(raw.headers["x-waypost-cost-usd"]) == expected

    record = gateway.record(request_id)
    assert (record["caller"], record["route"], record["target"]) == ("ci", "talk", "sim/fast")
    assert (record["end"], len(record["attempts"])) == ("delivered", 1)


def test_a_stream_without_usage_has_none(client):
    chunks = list(client.chat.completions.create(model="talk", messages=user("[[sim echo]]one two"), stream=True))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "one two"
    assert chunks[0].choices[0].delta.role == "assistant"
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices[0].finish_reason] == ["stop"]
    assert all(chunk.usage is None for chunk in chunks)
    assert {chunk.object for chunk in chunks} == {"chat.completion.chunk"}
    assert len({chunk.id for chunk in chunks}) == 1


def test_usage_comes_in_a_last_chunk_without_choices(client):
    chunks = list(
        client.chat.completions.create(
            model="talk",
            messages=user("[[sim tokens=20]] clouds"),
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    *body, last = chunks
    assert last.choices == []
    assert last.usage.completion_tokens == 20
    assert last.usage.total_tokens == last.usage.prompt_tokens + 20
    assert all(chunk.choices and chunk.usage is None for chunk in body)


def test_the_stream_helper_builds_the_same_answer(client):
    with client.chat.completions.stream(model="talk", messages=user("[[sim echo]]a b c")) as stream:
        deltas = [event.delta for event in stream if event.type == "content.delta"]
        final = stream.get_final_completion()
    assert "".join(deltas) == "a b c" == final.choices[0].message.content


class Invoice(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid")
    number: str
    total: float
    paid: bool
    lines: list[str]


def test_structured_output_becomes_the_model(client):
    answer = client.chat.completions.parse(
        model="talk", messages=user("an invoice"), response_format=Invoice
    )
    assert isinstance(answer.choices[0].message.parsed, Invoice)


def test_structured_output_streams(client):
    with client.chat.completions.stream(
        model="talk", messages=user("an invoice"), response_format=Invoice
    ) as stream:
        assert isinstance(stream.get_final_completion().choices[0].message.parsed, Invoice)


def test_embeddings_are_the_same_in_both_encodings(client):
    texts = ["the first text", "another one"]
    packed = client.embeddings.create(model="vectors", input=texts)  # the SDK asks for base64
    plain = client.embeddings.create(model="vectors", input=texts, encoding_format="float")
    assert [each.index for each in packed.data] == [0, 1]
    assert packed.usage.prompt_tokens > 0
    for left, right in zip(packed.data, plain.data, strict=True):
        assert len(left.embedding) == 256
        assert left.embedding == pytest.approx(right.embedding, abs=1e-6)


def test_models_are_those_the_key_may_use(client, gateway):
    ids = {model.id for model in client.models.list()}
    assert {"talk", "once", "vectors", "slow"} <= ids
    assert client.models.retrieve("talk").id == "talk"
    assert client.models.retrieve("sim/fast").id == "sim/fast"


def test_a_hundred_streams_at_once_keep_their_texts_apart(gateway):
    async def one(client, number: int) -> str:
        text = " ".join(f"{number}-{word}" for word in range(30))
        stream = await client.chat.completions.create(
            model="talk", messages=user(f"[[sim echo]]{text}"), stream=True
        )
        got = "".join([chunk.choices[0].delta.content or "" async for chunk in stream])
        assert got == text
        return got

    async def all_of_them():
        async with async_openai_client(gateway, max_retries=0) as client:
            return await asyncio.gather(*(one(client, number) for number in range(100)))

    assert len(set(asyncio.run(all_of_them()))) == 100
