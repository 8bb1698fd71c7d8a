"""OpenAI's Python SDK when things go wrong half-way: fallback, torn streams, clients that give up."""

import asyncio
import time

import openai
import pytest

from clients import async_openai_client, openai_client

LONG = [{"role": "user", "content": "[[sim tokens=400]] tell me a long story"}]  # 20 s at 20 tokens a second


def fault(name: str) -> list[dict]:
    return [{"role": "user", "content": f"[[sim tokens=60 fault={name}]] the harbour"}]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("first", ["server_error", "overloaded", "rate_limit", "auth", "context_length", "error_first"])
def test_the_second_target_answers_for_the_first(start_gateway, first, stream):
    gateway = start_gateway(f"""
providers:
  ill: {{ dialect: simulated, first_token: 5ms, faults: [{first}] }}
  well: {{ dialect: simulated, first_token: 5ms }}
routes:
  careful: {{ targets: [ill/m], fallback: [well/m], retry: {{ attempts: 2 }} }}
""")
    with openai_client(gateway, max_retries=0) as client:
        raw = client.chat.completions.with_raw_response.create(
            model="careful", messages=[{"role": "user", "content": "[[sim echo]]all is well"}], stream=stream
        )
        answer = raw.parse()
        if stream:
            text = "".join(chunk.choices[0].delta.content or "" for chunk in answer)
        else:
            text = answer.choices[0].message.content
    assert text == "all is well"
    assert raw.headers["x-waypost-target"] == "well/m"
    assert raw.headers["x-waypost-attempts"] == "2"
    record = gateway.record(raw.headers["x-request-id"])
    assert [attempt["kind"] for attempt in record["attempts"]] == ["primary", "fallback"]
    assert record["end"] == "delivered"


@pytest.mark.parametrize("name", ["cut", "no_terminator"])
def test_a_torn_stream_is_an_error_and_never_a_clean_end(client, gateway, request_id, name):
    pieces, finishes = [], []
    with pytest.raises(openai.APIError) as caught:
        for chunk in client.chat.completions.create(
            model="once", messages=fault(name), stream=True, extra_headers={"x-request-id": request_id}
        ):
            pieces += [choice.delta.content for choice in chunk.choices if choice.delta.content]
            finishes += [choice.finish_reason for choice in chunk.choices if choice.finish_reason]
    assert type(caught.value) is openai.APIError  # told in the stream; a broken connection would be another
    assert caught.value.message
    assert pieces and not finishes
    record = gateway.record(request_id)
    assert record["end"] == "server_error"
    (attempt,) = record["attempts"]
    # The provider never said what this cost; what came through is counted and priced all the same.
    assert attempt["usage"]["estimated"] and attempt["usage"]["output"] > 0 and attempt["cost"] > 0


def test_a_torn_answer_is_an_error(gateway):
    with openai_client(gateway, max_retries=0) as client:
        with pytest.raises(openai.InternalServerError) as caught:
            client.chat.completions.create(model="once", messages=fault("cut"))
    assert caught.value.status_code == 502


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_without_usage_is_counted_by_estimate(client, gateway, request_id, stream):
    headers = {"x-request-id": request_id}
    answer = client.chat.completions.create(model="once", messages=fault("no_usage"), stream=stream, extra_headers=headers)
    if stream:
        assert list(answer)[-1].choices[0].finish_reason == "stop"
    record = gateway.record(request_id)
    assert record["end"] == "delivered" and record["cost"] > 0
    assert record["usage"]["estimated"]
    assert 20 <= record["usage"]["output"] <= 180  # 60 were made; an estimate may err by a factor of three


def test_a_client_that_stops_reading_stops_the_provider(client, gateway, request_id):
    stream = client.chat.completions.create(
        model="slow", messages=LONG, stream=True, extra_headers={"x-request-id": request_id}
    )
    for _ in range(2):
        next(stream)
    stream.close()
    record = gateway.record(request_id, seconds=5.0)
    assert record["end"] == "cancelled"
    assert [attempt["end"] for attempt in record["attempts"]] == ["cancelled"]
    assert record["total_ms"] < 5_000, "the whole answer takes twenty seconds"


def test_a_client_that_gives_up_waiting_times_out_and_is_noticed(gateway, request_id):
    # Told of more patience than there is, the gateway does not say first that time is up.
    headers = {"x-request-id": request_id, "x-stainless-read-timeout": "30", "x-stainless-timeout": "30"}
    with openai_client(gateway, max_retries=0, timeout=0.5) as client:
        began = time.monotonic()
        with pytest.raises(openai.APITimeoutError):
            client.chat.completions.create(model="once", messages=fault("hang"), extra_headers=headers)
        assert time.monotonic() - began < 3
    assert gateway.record(request_id, seconds=5.0)["end"] == "cancelled"


def test_a_cancelled_task_stops_the_provider(gateway, request_id):
    async def give_up():
        async with async_openai_client(gateway, max_retries=0) as client:
            call = client.chat.completions.create(
                model="slow", messages=LONG, extra_headers={"x-request-id": request_id}
            )
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(call, 0.5)

    asyncio.run(give_up())
    record = gateway.record(request_id, seconds=5.0)
    assert record["end"] == "cancelled"
    assert record["total_ms"] < 5_000


def test_a_provider_that_never_answers_is_given_up(start_gateway):
    gateway = start_gateway("""
providers:
  mute: { dialect: simulated, first_token: 5ms, faults: [hang, hang] }
  well: { dialect: simulated, first_token: 5ms }
routes:
  alone: { targets: [mute/m], retry: { attempts: 1 }, timeout: { first_token: 300ms, total: 2s } }
  helped: { targets: [mute/m], fallback: [well/m], retry: { attempts: 2 }, timeout: { first_token: 300ms } }
""")
    with openai_client(gateway, max_retries=0) as client:
        with pytest.raises(openai.InternalServerError) as caught:
            next(client.chat.completions.create(model="alone", messages=LONG, stream=True))
        assert (caught.value.status_code, caught.value.code) == (504, "timeout")
        raw = client.chat.completions.with_raw_response.create(model="helped", messages=LONG, stream=True)
        assert raw.headers["x-waypost-target"] == "well/m"
        raw.parse().close()
