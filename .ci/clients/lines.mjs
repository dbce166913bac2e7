// The lines that session.py speaks, for both clients in TypeScript.
import { createInterface } from 'node:readline';

const say = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);

// These clients look at a note only after the answer that came in the same read, and then know it no more.
const late = 'Received a progress notification for an unknown token';

// What the clients say they can do: ask the person before them.
export const capabilities = { elicitation: {} };

// `call`, `version` and `onQuestion` are where the two clients differ.
export async function converse(client, transport, { call, version, onQuestion }) {
  let asked = [];
  let answers = [];
  onQuestion((request) => {
    asked.push({ message: request.params.message, form: request.params.requestedSchema });
    return answers.shift();
  });
  const complaints = [];
  client.onerror = (error) => error.message.startsWith(late) || complaints.push(String(error));
  await client.connect(transport);
  const { tools } = await client.listTools();
  say({ version: version(), instructions: client.getInstructions(), tools });
  for await (const line of createInterface({ input: process.stdin })) {
    const { tool, arguments: given, cancel, answers: later } = JSON.parse(line);
    [asked, answers] = [[], later];
    const progress = [];
    const ending = new AbortController();
    const onprogress = (note) => {
      progress.push(note);
      if (cancel) ending.abort('enough');
    };
    try {
      const result = await call({ name: tool, arguments: given }, { onprogress, signal: ending.signal });
      say({ result, progress, asked });
    } catch (error) {
      say(ending.signal.aborted ? { cancelled: true } : { code: error.code, message: error.message });
    }
  }
  await client.close();
  say({ complaints });
}
