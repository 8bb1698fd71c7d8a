// TypeScript SDK 2: both generations. Calls one tool and prints the text of its result.
//   node ts2.mjs legacy|modern URL KEY TOOL ARGUMENTS
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';

const [mode, url, key, tool, given] = process.argv.slice(2);
const negotiation = { legacy: 'legacy', modern: { pin: '2026-07-28' } }[mode];
const transport = new StreamableHTTPClientTransport(new URL(url), {
  requestInit: { headers: { Authorization: `Bearer ${key}` } },
});
const client = new Client({ name: 'ts2', version: '0' }, { versionNegotiation: { mode: negotiation } });
await client.connect(transport);
const names = (await client.listTools()).tools.map((each) => each.name);
if (!names.includes(tool)) throw new Error(`${tool} is not among ${names}`);
const said = await client.callTool({ name: tool, arguments: JSON.parse(given) });
await client.close();
console.log(said.content[0].text);
