"""Very many calls of a server that misbehaves, by raw requests, and what came of each."""

import asyncio
import dataclasses
import json
import random
import time

import httpx2

# What is asked for, and how often in a thousand calls. The first are harmless: only others can spoil them.
HARMLESS = {"answer": 740, "slow": 80, "twice": 30, "drift": 8, "complain": 8, "forget": 8}
HARM = {"fault": 50, "stranger": 30, "hang": 20, "flood": 8, "giant": 8, "garbage": 8, "die": 2}
ACTS = HARMLESS | HARM


@dataclasses.dataclass
class Came:
    """What came of one call."""

    server: str
    what: str
    seconds: float
    # `good`, `failed` (in words: a tool error or an error of the protocol), or what should never be.
    how: str


class Storm:
    def __init__(self, url: str, key: str, servers: list[str], at_once: int):
        self.servers, self.at_once, self.url = servers, at_once, url
        headers = {
            "authorization": f"Bearer {key}",
            "accept": "application/json, text/event-stream",
            "content-type": "application/json",
            "mcp-protocol-version": "2026-07-28",
            "mcp-method": "tools/call",
        }
        limits = httpx2.Limits(max_connections=at_once, max_keepalive_connections=at_once)
        self.http = httpx2.AsyncClient(headers=headers, limits=limits, timeout=30)

    async def run(self, count: int, seed: int) -> list[Came]:
        """Makes this many calls, the same for the same seed."""
        chance = random.Random(seed)
        plan = enumerate(chance.choices(list(ACTS), weights=list(ACTS.values()), k=count))
        came: list[Came] = []

        async def worker():
            # The plan is shared: whoever is free takes the next.
            for n, what in plan:
                came.append(await self.call(self.servers[n % len(self.servers)], what))

        await asyncio.gather(*(worker() for _ in range(self.at_once)))
        return came

    async def call(self, server: str, what: str) -> Came:
        id = f"{random.getrandbits(64):x}"
        name = f"{server}__act"
        meta = {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
            "progressToken": id,
        }
        params = {"name": name, "arguments": {"what": what, "id": id}, "_meta": meta}
        body = {"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params}
        began = time.monotonic()
        try:
            answer = await self.http.post(self.url, json=body, headers={"mcp-name": name})
            how = judged(answer, id)
        except (httpx2.HTTPError, ValueError) as error:
            how = f"no answer: {error!r}"
        return Came(server, what, time.monotonic() - began, how)

    async def close(self):
        await self.http.aclose()


def judged(answer, id: str) -> str:
    """What an answer is worth to who asked for this id."""
    messages = [answer.text]
    if "event-stream" in answer.headers.get("content-type", ""):
        messages = [line[5:] for line in answer.text.splitlines() if line.startswith("data:")]
    answers = [message for message in map(json.loads, filter(str.strip, messages)) if message.get("id") == id]
    if len(answers) != 1:
        return f"{len(answers)} answers, status {answer.status_code}"
    result = answers[0].get("result")
    if result is None or result.get("isError"):
        return "failed"
    said = result["content"][0]["text"]
    return "good" if said == id else f"another's answer: {said[:40]}"
