// TypeScript SDK 2: both generations. Prints one OK line when everything held.
//   node ts2.mjs legacy|modern|auto URL KEY
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';

const [mode, url, key] = process.argv.slice(2);
const negotiation = { legacy: 'legacy', auto: 'auto', modern: { pin: '2026-07-28' } }[mode];
const transport = new StreamableHTTPClientTransport(new URL(url), {
  requestInit: { headers: { Authorization: `Bearer ${key}` } },
});
const client = new Client({ name: 'ts2', version: '0' }, { versionNegotiation: { mode: negotiation } });
await client.connect(transport);
const names = (await client.listTools()).tools.map((tool) => tool.name);
const said = await client.callTool({ name: 'echo', arguments: { text: 'hi' } });
const steps = [];
const counted = await client.callTool({ name: 'slow', arguments: { n: 3, ms: 60 } }, {
  onprogress: (heard) => steps.push(heard.progress),
});
if (said.structuredContent.text !== 'hi' || String(steps) !== '1,2,3') {
  throw new Error(JSON.stringify({ said, counted, steps }));
}
console.log('OK', mode, client.getProtocolEra?.() ?? '', names.length, 'tools');
await client.close();
