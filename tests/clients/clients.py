"""The official SDKs, pointed at a gateway: only base URL and key differ from the real thing."""

import anthropic
import openai

import keys
from processes import Gateway


def openai_client(gateway: Gateway, key: str = keys.CI, **options) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=key, **options)


def async_openai_client(gateway: Gateway, key: str = keys.CI, **options) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key=key, **options)


def anthropic_client(gateway: Gateway, key: str = keys.CI, **options) -> anthropic.Anthropic:
    return anthropic.Anthropic(base_url=gateway.url, api_key=key, **options)
