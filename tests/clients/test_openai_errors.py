"""OpenAI's Python SDK: every refusal becomes the exception its users already catch."""

import openai
import pytest

import keys
from clients import openai_client

HELLO = [{"role": "user", "content": "hello"}]


def fault(name: str) -> list[dict]:
    return [{"role": "user", "content": f"[[sim fault={name}]] hello"}]


def refused(client, kind, model="once", messages=HELLO, **options):
    """The error, after checking that it has the envelope's shape."""
    with pytest.raises(kind) as caught:
        client.chat.completions.create(model=model, messages=messages, **options)
    error = caught.value
    assert type(error) is kind
    assert error.response.headers["content-type"].startswith("application/json")
    assert set(error.body) == {"message", "type", "param", "code"}
    assert error.body["message"]
    assert error.request_id
    return error


@pytest.mark.parametrize("key", ["wp-wrong-0123456789abcdef", keys.CI[:-1], keys.CI + "0"])
def test_a_wrong_key(gateway, key):
    with openai_client(gateway, key) as client:
        error = refused(client, openai.AuthenticationError)
        assert (error.status_code, error.code) == (401, "invalid_api_key")
        with pytest.raises(openai.AuthenticationError):
            client.models.list()


def test_a_route_the_key_may_not_use(gateway):
    with openai_client(gateway, keys.NARROW) as client:
        error = refused(client, openai.PermissionDeniedError, model="talk")
        assert error.status_code == 403
        refused(client, openai.PermissionDeniedError, model="sim/fast")
        assert "talk" not in {model.id for model in client.models.list()}
        assert client.embeddings.create(model="vectors", input="allowed").data


def test_a_model_nobody_has(client):
    error = refused(client, openai.NotFoundError, model="no-such-model")
    assert (error.status_code, error.code) == (404, "model_not_found")
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("no-such-model")


def test_a_path_nobody_serves(client):
    with pytest.raises(openai.NotFoundError) as caught:
        client.fine_tuning.jobs.list()
    assert caught.value.body["message"]


@pytest.mark.parametrize(
    ("options", "param"),
    [
        ({"messages": [{"role": "wizard", "content": "x"}]}, "messages"),
        ({"messages": "hello"}, "messages"),
        ({"messages": [{"role": "user", "content": 7}]}, "messages"),
        ({"temperature": "warm"}, "temperature"),
        ({"max_tokens": -1}, "max_tokens"),
    ],
)
def test_a_malformed_request_names_its_fault(client, options, param):
    error = refused(client, openai.BadRequestError, **options)
    assert error.type == "invalid_request_error"
    assert (error.param or "").startswith(param)


@pytest.mark.parametrize(
    ("name", "kind", "status", "code"),
    [
        ("invalid_request", openai.BadRequestError, 400, None),
        ("context_length", openai.BadRequestError, 400, "context_length_exceeded"),
        ("auth", openai.AuthenticationError, 401, "invalid_api_key"),
        ("rate_limit", openai.RateLimitError, 429, "rate_limit_exceeded"),
        ("server_error", openai.InternalServerError, 500, None),
        ("error_first", openai.InternalServerError, 500, None),
        ("overloaded", openai.InternalServerError, 503, "overloaded"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_a_providers_refusal_keeps_its_class(gateway, name, kind, status, code, stream):
    # Whom a rate limit puts to rest must not be the one the other tests ask.
    model = "limited" if name == "rate_limit" else "once"
    with openai_client(gateway, max_retries=0) as client:
        error = refused(client, kind, model=model, messages=fault(name), stream=stream)
    if name == "error_first" and stream:
        assert error.status_code >= 500  # the provider said 200 first, so the number is ours to choose
    else:
        assert error.status_code == status
    if code:
        assert error.code == code
    if status >= 429:
        assert error.response.headers["x-should-retry"] == "false"
        assert float(error.response.headers["retry-after"]) >= 0


def test_a_key_beyond_its_rate_is_told_when_to_come_back(gateway):
    with openai_client(gateway, keys.BRIEF, max_retries=0) as client:
        for _ in range(2):
            client.chat.completions.create(model="talk", messages=HELLO)
        error = refused(client, openai.RateLimitError, model="talk")
    assert error.code == "rate_limit_exceeded"
    assert 0 < float(error.response.headers["retry-after"]) <= 60


def test_an_exhausted_chain_is_final_for_the_sdk(start_gateway):
    gateway = start_gateway("""
providers:
  ill: { dialect: simulated, first_token: 5ms, faults: [server_error, server_error, server_error, server_error] }
  worse: { dialect: simulated, first_token: 5ms, faults: [overloaded, overloaded, overloaded, overloaded] }
routes:
  doomed: { targets: [ill/m], fallback: [worse/m], retry: { attempts: 2 } }
""")
    with openai_client(gateway, max_retries=5) as client:
        error = refused(client, openai.InternalServerError, model="doomed")
    assert error.response.headers["x-should-retry"] == "false"
    assert error.response.headers["x-waypost-attempts"] == "2"
    attempts = gateway.record(error.request_id)["attempts"]
    assert [attempt["target"] for attempt in attempts] == ["ill/m", "worse/m"]
    assert [attempt["end"] for attempt in attempts] == ["server_error", "overloaded"]
    # One request came in and two attempts went out: the SDK, ready for five retries, made none.
    assert gateway.count("waypost_requests_total") == 1
    assert gateway.count("waypost_attempts_total") == 2
