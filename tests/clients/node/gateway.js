// What the Node suites share: the SDK pointed at the gateway that `with_gateway.py` started, and its records.

import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import OpenAI from 'openai';

const { WAYPOST_URL, WAYPOST_ADMIN, WAYPOST_CI_KEY } = process.env;
assert.ok(WAYPOST_URL, 'run these tests by tests/run, which starts a gateway for them');

/** The official client; only base URL and key differ from the real thing. */
export function connect(options = {}) {
  return new OpenAI({ baseURL: `${WAYPOST_URL}/v1`, apiKey: WAYPOST_CI_KEY, ...options });
}

/** A conversation of one message. */
export function user(content) {
  return [{ role: 'user', content }];
}

/** An id to find a request again whose answer, and so whose headers, never came. */
export function requestId() {
  return `test-${crypto.randomUUID()}`;
}

/** The explain record of a request that has ended. */
export async function record(id) {
  const deadline = Date.now() + 5_000;
  for (;;) {
    const answer = await fetch(`${WAYPOST_ADMIN}/admin/requests/${id}`);
    assert.ok(answer.ok || answer.status === 404, `/admin/requests answers ${answer.status}`);
    const found = answer.ok ? await answer.json() : { end: 'open' };
    if (found.end !== 'open') return found;
    assert.ok(Date.now() < deadline, `request ${id} is not closed`);
    await pause(20);
  }
}
