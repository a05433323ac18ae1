// A terminal that talks: each line that is typed is sent, and what happens in the channel is printed.
// node talk.mjs <token> <channelId> [http://localhost:3000]
import { createInterface } from "node:readline";
import { io } from "socket.io-client";
import { v7 as uuidv7 } from "uuid";

const [token, channelId, base = "http://localhost:3000"] = process.argv.slice(2);
const socket = io(base, { auth: { token, protocol: 1 } });
const ask = (event, request) => socket.timeout(5_000).emitWithAck(event, request);
const say = (line) => process.stdout.write(`${line}\n`);

const names = new Map();
async function nameOf(userId) {
  if (!names.has(userId)) {
    const headers = { authorization: `Bearer ${token}` };
    const response = await fetch(`${base}/api/v1/users/${userId}`, { headers });
    names.set(userId, (await response.json()).user.displayName);
  }
  return names.get(userId);
}

const said = new Map();
/** How each kind of event reads; what is absent is not printed. */
const LINES = {
  "message:new": ({ message }, who) => {
    said.set(message.id, message.content);
    return `${who}${message.threadId ? ` on "${said.get(message.threadId)}"` : ""}: ${message.content}`;
  },
  "message:updated": ({ messageId, content }, who) => {
    said.set(messageId, content);
    return `${who} changed it: ${content}`;
  },
  "message:deleted": ({ messageId }, who) => `${who} deleted "${said.get(messageId)}"`,
  "reaction:added": ({ messageId, emoji, count }) => `${emoji} ${count} on "${said.get(messageId)}"`,
  "channel:updated": ({ channel }, who) =>
    `${who} set slow mode to ${channel.settings.slowModeSeconds ?? 0} s`,
  "member:updated": ({ member }, who) =>
    `${who} ${member.mutedUntilMs !== undefined ? "muted somebody" : "changed a member"}`,
  "member:left": (_event, who) => `${who} put somebody out`,
};

// One event after the other: a name that is looked up must not let a later line pass.
let turn = Promise.resolve();
socket.on("channel:events", ({ events }) => {
  for (const event of events) {
    turn = turn.then(async () => {
      const line = LINES[event.type]?.(event, await nameOf(event.by));
      if (line) say(line);
    });
  }
});
socket.on("connect_error", ({ message }) => say(`no connection: ${message}`));
socket.on("session:ready", async () => {
  const joined = await ask("channel:join", { channelId });
  say(joined.ok ? `in ${joined.channel.name}` : `no way in (${joined.error.code}): ${joined.error.message}`);
  for (const { id, content } of joined.recent?.messages ?? []) said.set(id, content);
});

const typed = createInterface({ input: process.stdin });
typed.on("close", () => socket.disconnect());
typed.on("line", async (content) => {
  if (content.trim() === "") return;
  const answer = await ask("message:send", { channelId, clientId: uuidv7(), content });
  if (!answer.ok) say(`not sent (${answer.error.code}): ${answer.error.message}`);
});
