// Asks a server with the official Node SDK; prints each event as it came and what the SDK made of all.
// usage: sdk_client.mjs URL, with the packages in the directory that it is run in

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const require = createRequire(`${process.cwd()}/`);
const { OpenAI } = await import(pathToFileURL(require.resolve("openai")));
const { ResponsesWS } = await import(pathToFileURL(require.resolve("openai/resources/responses/ws")));

process.on("warning", (warning) => {
  throw warning;
});
const client = new OpenAI({ baseURL: process.argv[2], apiKey: "none", maxRetries: 0 });
const asked = { model: "gpt-5.5", input: "Go on." };

const events = [];
for await (const event of await client.responses.create({ ...asked, stream: true })) events.push(event);
const stream = client.responses.stream(asked);
let last;
for await (const event of stream) last = event.response;
console.log(JSON.stringify({ events, last, final: await stream.finalResponse() }));

for (const [kind, status] of [["response.failed", "failed"], ["response.incomplete", "incomplete"], ["error"]]) {
  let last;
  for await (const event of await client.responses.create({ ...asked, stream: true })) last = event;
  assert.equal(last.type, kind);
  assert.equal(last.response?.status, status);
}
const response = await client.responses.create(asked);
assert.equal(response.output_text, "Whole.");
assert.equal(response.output[1].name, "f");
const compacted = await client.responses.compact(asked);
assert.equal(compacted.output[0].encrypted_content, "gAAAAAfake");
assert.deepEqual((await client.models.list()).data.map((model) => model.id), ["fake-model"]);
const refused = await client.responses.create(asked).catch((error) => error);
assert.ok(refused instanceof OpenAI.RateLimitError);
assert.equal(refused.code, "rate_limit_exceeded");
assert.equal(refused.headers.get("retry-after"), "1");

const socket = new ResponsesWS(client);
const ask = (body) =>
  new Promise((resolve, reject) => {
    socket.once("error", reject);
    socket.once("response.completed", (event) => resolve(event.response));
    socket.send({ type: "response.create", ...body });
  });
const first = await ask(asked);
const output = { type: "function_call_output", call_id: "call_1", output: "a.txt" };
const second = await ask({ model: "gpt-5.5", previous_response_id: first.id, input: [output] });
assert.equal(second.output[0].content[0].text, "Over a WebSocket.");
socket.close();
