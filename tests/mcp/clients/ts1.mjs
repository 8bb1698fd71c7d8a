// TypeScript SDK 1: 2025-11-25 and older. Prints one OK line when everything held.
//   node ts1.mjs URL KEY
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';

const [url, key] = process.argv.slice(2);
const transport = new StreamableHTTPClientTransport(new URL(url), {
  requestInit: { headers: { Authorization: `Bearer ${key}` } },
});
const client = new Client({ name: 'ts1', version: '0' });
await client.connect(transport);
const names = (await client.listTools()).tools.map((tool) => tool.name);
const said = await client.callTool({ name: 'echo', arguments: { text: 'hi' } });
const steps = [];
const counted = await client.callTool({ name: 'slow', arguments: { n: 3, ms: 60 } }, undefined, {
  onprogress: (heard) => steps.push(heard.progress),
});
if (said.structuredContent.text !== 'hi' || String(steps) !== '1,2,3') {
  throw new Error(JSON.stringify({ said, counted, steps }));
}
console.log('OK legacy', transport.sessionId ? 'session' : 'no session', names.length, 'tools');
await transport.terminateSession();
await client.close();
