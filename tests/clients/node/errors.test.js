// OpenAI's Node SDK: typed errors, torn streams, aborts and timeouts.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import OpenAI from 'openai';
import { connect, record, requestId, user } from './gateway.js';

const client = connect({ maxRetries: 0 });
const LONG = user('[[sim tokens=400]] tell me a long story'); // 20 s at 20 tokens a second

/** The error of a request, which must be exactly of this kind. */
const refused = async (kind, options = {}, through = client) => {
  const request = { model: 'once', messages: user('hello'), ...options };
  const error = await through.chat.completions.create(request).then(
    () => assert.fail('the request was answered'),
    (error) => error,
  );
  assert.equal(error.constructor, kind, String(error));
  return error;
};

const fault = (name) => ({ messages: user(`[[sim tokens=60 fault=${name}]] the harbour`) });

test('a wrong key', async () => {
  const stranger = connect({ apiKey: 'wp-wrong-0123456789abcdef' });
  const error = await refused(OpenAI.AuthenticationError, {}, stranger);
  assert.deepEqual([error.status, error.code], [401, 'invalid_api_key']);
});

test('a route the key may not use', async () => {
  const narrow = connect({ apiKey: process.env.WAYPOST_NARROW_KEY });
  assert.equal((await refused(OpenAI.PermissionDeniedError, { model: 'talk' }, narrow)).status, 403);
});

test('a model nobody has', async () => {
  const error = await refused(OpenAI.NotFoundError, { model: 'no-such-model' });
  assert.deepEqual([error.status, error.code], [404, 'model_not_found']);
});

test('a malformed request', async () => {
  const error = await refused(OpenAI.BadRequestError, { messages: [{ role: 'wizard', content: 'x' }] });
  assert.equal(error.type, 'invalid_request_error');
  assert.match(error.param, /^messages/);
});

for (const [name, kind, status, code] of [
  ['context_length', OpenAI.BadRequestError, 400, 'context_length_exceeded'],
  ['auth', OpenAI.AuthenticationError, 401, 'invalid_api_key'],
  ['rate_limit', OpenAI.RateLimitError, 429, 'rate_limit_exceeded'],
  ['server_error', OpenAI.InternalServerError, 500, undefined],
  ['overloaded', OpenAI.InternalServerError, 503, 'overloaded'],
]) {
  test(`a provider's ${name} keeps its class`, async () => {
    for (const stream of [false, true]) {
      // Whom a rate limit puts to rest must not be the one the other tests ask.
      const model = name === 'rate_limit' ? 'limited' : 'once';
      const error = await refused(kind, { ...fault(name), model, stream });
      assert.equal(error.status, status);
      if (code) assert.equal(error.code, code);
      assert.ok(error.requestID);
    }
  });
}

test('a key beyond its rate is told when to come back', async () => {
  const brief = connect({ apiKey: process.env.WAYPOST_BRIEF_NODE_KEY, maxRetries: 0 });
  for (let at = 0; at < 2; at += 1) {
    await brief.chat.completions.create({ model: 'talk', messages: user('hello') });
  }
  const error = await refused(OpenAI.RateLimitError, { model: 'talk' }, brief);
  const seconds = Number(error.headers.get('retry-after'));
  assert.ok(seconds > 0 && seconds <= 60, `retry-after: ${seconds}`);
});

test('an exhausted chain is final for the SDK', async () => {
  let calls = 0;
  const counted = (...args) => ((calls += 1), fetch(...args));
  const eager = connect({ maxRetries: 5, fetch: counted });
  const error = await refused(OpenAI.InternalServerError, fault('server_error'), eager);
  assert.equal(error.headers.get('x-should-retry'), 'false');
  assert.equal(calls, 1);
});

for (const name of ['cut', 'no_terminator']) {
  test(`a stream with ${name} is an error and never a clean end`, async () => {
    const id = requestId();
    const request = { model: 'once', stream: true, ...fault(name) };
    const stream = await client.chat.completions.create(request, { headers: { 'x-request-id': id } });
    let pieces = 0;
    await assert.rejects(async () => {
      for await (const chunk of stream) pieces += chunk.choices[0].delta.content ? 1 : 0;
    }, OpenAI.APIError);
    assert.ok(pieces > 0);
    assert.equal((await record(id)).end, 'server_error');
  });
}

test('an abort in mid-stream stops the provider', async () => {
  const id = requestId();
  const controller = new AbortController();
  const options = { signal: controller.signal, headers: { 'x-request-id': id } };
  const stream = await client.chat.completions.create({ model: 'slow', messages: LONG, stream: true }, options);
  let pieces = 0;
  for await (const chunk of stream) {
    pieces += chunk.choices.length;
    if (pieces === 2) controller.abort();
  }
  assert.ok(pieces < 100);
  const found = await record(id);
  assert.equal(found.end, 'cancelled');
  assert.ok(found.total_ms < 5_000);
});

test('leaving the loop in mid-stream stops the provider', async () => {
  const id = requestId();
  const request = { model: 'slow', messages: LONG, stream: true };
  for await (const chunk of await client.chat.completions.create(request, { headers: { 'x-request-id': id } })) {
    if (chunk.choices[0].delta.content) break;
  }
  assert.equal((await record(id)).end, 'cancelled');
});

test('an abort before the answer stops the provider', async () => {
  for (const stream of [false, true]) {
    const id = requestId();
    const controller = new AbortController();
    const options = { signal: controller.signal, headers: { 'x-request-id': id } };
    const answer = client.chat.completions.create({ model: 'once', stream, ...fault('hang') }, options);
    const rejected = assert.rejects(answer, OpenAI.APIUserAbortError);
    await pause(200);
    controller.abort();
    await rejected;
    assert.equal((await record(id)).end, 'cancelled');
  }
});

test('a client that gives up waiting times out and is noticed', async () => {
  const id = requestId();
  const options = { timeout: 500, headers: { 'x-request-id': id } };
  await assert.rejects(
    client.chat.completions.create({ model: 'once', ...fault('hang') }, options),
    OpenAI.APIConnectionTimeoutError,
  );
  assert.ok(['cancelled', 'timeout'].includes((await record(id)).end));
});
