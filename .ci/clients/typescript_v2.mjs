// The second TypeScript client, which knows both eras.
//
//   typescript_v2.mjs ERA PROGRAM [ARGUMENT ...]
import { Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { capabilities, converse } from './lines.mjs';

const modes = { legacy: 'legacy', auto: 'auto', modern: { pin: '2026-07-28' } };
const [era, command, ...args] = process.argv.slice(2);
const options = { capabilities, versionNegotiation: { mode: modes[era] } };
const client = new Client({ name: 'typescript-v2', version: '1' }, options);
await converse(client, new StdioClientTransport({ command, args }), {
  call: (request, options) => client.callTool(request, options),
  version: () => client.getNegotiatedProtocolVersion(),
  onQuestion: (answer) => client.setRequestHandler('elicitation/create', answer),
});
