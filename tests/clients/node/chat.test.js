// OpenAI's Node SDK: chat, streams, tools, structured output, embeddings, models.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { zodFunction, zodResponseFormat } from 'openai/helpers/zod';
import { z } from 'zod';
import { connect, record, requestId, user } from './gateway.js';

const client = connect();

const tool = (name, properties) => ({
  type: 'function',
  function: { name, parameters: { type: 'object', properties, required: Object.keys(properties) } },
});
const tools = [
  tool('weather', { city: { type: 'string' } }),
  tool('clock', { zone: { type: 'string', enum: ['UTC', 'CET'] } }),
];
const ask = user('[[sim tools=weather,clock,weather]] How is it in Oslo?');
const names = ['weather', 'clock', 'weather'];

const checkCalls = (calls) => {
  assert.deepEqual(calls.map((call) => call.function.name), names);
  assert.equal(new Set(calls.map((call) => call.id)).size, names.length);
  const [first, second] = calls.map((call) => JSON.parse(call.function.arguments));
  assert.equal(typeof first.city, 'string');
  assert.ok(['UTC', 'CET'].includes(second.zone));
};

test('chat answers and counts tokens', async () => {
  const answer = await client.chat.completions.create({ model: 'talk', messages: user('[[sim tokens=37]] the tides') });
  assert.equal(answer.choices[0].finish_reason, 'stop');
  assert.match(answer.choices[0].message.content, /tides/);
  assert.equal(answer.usage.completion_tokens, 37);
  assert.ok(answer._request_id);
});

test('headers say who answered', async () => {
  const id = requestId();
  const { response } = await client.chat.completions
    .create({ model: 'talk', messages: user('hello') }, { headers: { 'x-request-id': id } })
    .withResponse();
  assert.equal(response.headers.get('x-request-id'), id);
  assert.equal(response.headers.get('x-waypost-route'), 'talk');
  assert.equal(response.headers.get('x-waypost-target'), 'sim/fast');
  assert.equal(response.headers.get('x-waypost-attempts'), '1');
  assert.ok(Number(response.headers.get('x-waypost-cost-usd')) > 0);
  assert.equal((await record(id)).end, 'delivered');
});

test('a stream carries the text and, if asked, a last chunk with the usage', async () => {
  const text = 'Grüße, 世界 🌍';
  const options = { model: 'talk', messages: user(`[[sim echo]]${text}`), stream: true };
  let plain = '';
  for await (const chunk of await client.chat.completions.create(options)) {
    plain += chunk.choices[0].delta.content ?? '';
    assert.ok(!chunk.usage);
  }
  assert.equal(plain, text);
  const chunks = [];
  for await (const chunk of await client.chat.completions.create({ ...options, stream_options: { include_usage: true } })) {
    chunks.push(chunk);
  }
  assert.deepEqual(chunks.at(-1).choices, []);
  assert.ok(chunks.at(-1).usage.completion_tokens > 0);
});

test('the stream helper builds the answer', async () => {
  const stream = client.chat.completions.stream({ model: 'talk', messages: user('[[sim echo]]a b c') });
  let deltas = '';
  stream.on('content', (delta) => (deltas += delta));
  assert.equal(await stream.finalContent(), 'a b c');
  assert.equal(deltas, 'a b c');
});

test('parallel tool calls, whole and streamed', async () => {
  const options = { model: 'talk', messages: ask, tools };
  const whole = await client.chat.completions.create(options);
  assert.equal(whole.choices[0].finish_reason, 'tool_calls');
  checkCalls(whole.choices[0].message.tool_calls);
  const streamed = await client.chat.completions.stream(options).finalChatCompletion();
  assert.equal(streamed.choices[0].finish_reason, 'tool_calls');
  checkCalls(streamed.choices[0].message.tool_calls);
});

test('the tool runner goes through calls, results and the answer', async () => {
  const asked = [];
  const runner = client.chat.completions.runTools({
    model: 'talk',
    messages: user('[[sim tools=weather,clock]] How is it in Oslo?'),
    tools: [
      zodFunction({
        name: 'weather',
        parameters: z.object({ city: z.string() }),
        function: ({ city }) => (asked.push(city), 'result number 0'),
      }),
      zodFunction({ name: 'clock', parameters: z.object({}), function: () => 'result number 1' }),
    ],
  });
  const answer = await runner.finalContent();
  assert.equal(asked.length, 1);
  assert.match(answer, /result number 0/);
  assert.match(answer, /result number 1/);
});

test('structured output fits its Zod schema', async () => {
  const Invoice = z.object({ number: z.string(), total: z.number(), paid: z.boolean(), lines: z.array(z.string()) });
  const options = { model: 'talk', messages: user('an invoice'), response_format: zodResponseFormat(Invoice, 'invoice') };
  const answer = await client.chat.completions.parse(options);
  Invoice.parse(answer.choices[0].message.parsed);
  const streamed = await client.chat.completions.stream(options).finalChatCompletion();
  Invoice.parse(streamed.choices[0].message.parsed);
});

test('embeddings are the same in both encodings', async () => {
  const options = { model: 'vectors', input: ['one text', 'another'] };
  const packed = await client.embeddings.create(options); // the SDK asks for base64
  const plain = await client.embeddings.create({ ...options, encoding_format: 'float' });
  for (const at of [0, 1]) {
    assert.equal(packed.data[at].embedding.length, 256);
    packed.data[at].embedding.forEach((x, i) => assert.ok(Math.abs(x - plain.data[at].embedding[i]) < 1e-6));
  }
});

test('models are listed and found', async () => {
  const ids = [];
  for await (const model of client.models.list()) ids.push(model.id);
  assert.ok(ids.includes('talk') && ids.includes('vectors'));
  assert.equal((await client.models.retrieve('talk')).id, 'talk');
});
