// The first TypeScript client, which knows only the revisions with a handshake.
//
//   typescript_v1.mjs legacy PROGRAM [ARGUMENT ...]
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { ElicitRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import { capabilities, converse } from './lines.mjs';

const [command, ...args] = process.argv.slice(3);
const client = new Client({ name: 'typescript-v1', version: '1' }, { capabilities });
const transport = new StdioClientTransport({ command, args });
let agreed;
transport.setProtocolVersion = (version) => {
  agreed = version;
};
await converse(client, transport, {
  call: (request, options) => client.callTool(request, undefined, options),
  version: () => agreed,
  onQuestion: (answer) => client.setRequestHandler(ElicitRequestSchema, answer),
});
