// TypeScript SDK 1: 2025-11-25 and older. Calls one tool and prints the text of its result.
//   node ts1.mjs URL KEY TOOL ARGUMENTS
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';

const [url, key, tool, given] = process.argv.slice(2);
const transport = new StreamableHTTPClientTransport(new URL(url), {
  requestInit: { headers: { Authorization: `Bearer ${key}` } },
});
const client = new Client({ name: 'ts1', version: '0' });
await client.connect(transport);
const names = (await client.listTools()).tools.map((each) => each.name);
if (!names.includes(tool)) throw new Error(`${tool} is not among ${names}`);
const said = await client.callTool({ name: tool, arguments: JSON.parse(given) });
await transport.terminateSession();
await client.close();
console.log(said.content[0].text);
