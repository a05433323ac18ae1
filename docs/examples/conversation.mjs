// Two people talk, without an SDK. Needs: npm install socket.io-client uuid
// node conversation.mjs [http://localhost:3000 [the same, or another node of the cluster]]
import { setTimeout as pause } from "node:timers/promises";
import { io } from "socket.io-client";
import { v7 as uuidv7 } from "uuid";

const [base = "http://localhost:3000", other = base] = process.argv.slice(2);
const post = async (path, body, token) => {
  const response = await fetch(`${base}/api/v1${path}`, {
    method: "POST",
    headers: { "content-type": "application/json", ...(token && { authorization: `Bearer ${token}` }) },
    body: JSON.stringify(body),
  });
  const answer = await response.json();
  if (!response.ok) throw new Error(`${path}: ${answer.code}: ${answer.detail}`);
  return answer;
};

// 1. Two accounts, a space, a topic in it.
const name = (who) => `${who}-${uuidv7().slice(-12)}`;
const ann = await post("/auth/register", { username: name("ann"), password: "correct horse" });
const ben = await post("/auth/register", { username: name("ben"), password: "battery staple" });
const { space } = await post("/spaces", { name: "Lab" }, ann.token);
const { channel } = await post("/channels", { kind: "topic", spaceId: space.id, name: "tides" }, ann.token);
await post(`/spaces/${space.id}/join`, {}, ben.token);
const channelId = channel.id;

// 2. A connection is good after `session:ready`. Each request is acknowledged: { ok: true, … } or { ok: false, error }.
function connect(url, token, resume) {
  const socket = io(url, { auth: { token, protocol: 1, ...(resume && { resume }) } });
  const ready = new Promise((resolve, reject) => {
    socket.once("session:ready", resolve);
    socket.once("connect_error", reject);
  });
  const ask = async (event, request) => {
    const answer = await socket.timeout(5_000).emitWithAck(event, request);
    if (!answer.ok) throw new Error(`${event}: ${answer.error.code}: ${answer.error.message}`);
    return answer;
  };
  return { socket, ready, ask };
}
const anns = connect(base, ann.token);
let bens = connect(base, ben.token);
await anns.ready;
const { limits } = await bens.ready;

// 3. Ben's copy of the channel: what was said, by id, and the position of the last event in it.
const said = new Map();
let seq = 0;
let epoch = 0;
function take(event, reign) {
  [seq, epoch] = [event.seq, reign];
  if (event.type === "message:new") said.set(event.message.id, event.message.content);
  if (event.type === "message:updated") said.set(event.messageId, event.content);
  console.log(`${event.type}: ${said.get(event.message?.id ?? event.messageId)}`);
}
function load({ messages, ...page }) {
  said.clear();
  for (const { id, content } of messages) said.set(id, content);
  [seq, epoch] = [page.seq, page.epoch];
  settle();
}

// 4. Events wait until it is their turn. What is known is dropped. What still waits after the grace has a gap before it.
const waiting = new Map();
let losing = false;
let lost = 0;
let asking = false;
function hear({ channelId: of, epoch: reign, events }) {
  if (of !== channelId) return;
  if (losing) {
    lost += events.length;
    return;
  }
  for (const event of events) waiting.set(event.seq, { event, reign });
  if (epoch > 0) settle();
}
function settle() {
  for (let next = waiting.get(seq + 1); next?.reign >= epoch; next = waiting.get(seq + 1))
    take(next.event, next.reign);
  for (const [at, { reign }] of waiting)
    if (reign < epoch || (reign === epoch && at <= seq)) waiting.delete(at);
  if (waiting.size === 0 || asking) return;
  asking = true;
  setTimeout(sync, limits.gapGraceMs);
}
async function sync() {
  settle();
  if (waiting.size > 0) await fillGap();
  asking = false;
  settle();
}
async function fillGap() {
  console.log(`gap: ${waiting.size} waiting`);
  waiting.clear();
  for (let more = true; more; ) {
    const answer = await bens.ask("channel:sync", { channelId, afterSeq: seq, epoch });
    catchUp(answer);
    if (answer.reset) load((await bens.ask("channel:open", { channelId })).recent);
    more = answer.more && !answer.reset;
  }
}
function catchUp({ events, epoch: reign }) {
  for (const event of events) if (event.seq > seq) take(event, reign);
}
const until = async (holds) => {
  while (!holds()) await pause(20);
};

// 5. Ben joins. He listens before he asks, so that nothing falls between the page and the first event.
bens.socket.on("channel:events", hear);
load((await bens.ask("channel:join", { channelId })).recent);

// 6. Ann says something. Without an answer, or after `retry: "later"`: the same again, `attempt` + 1. It is stored once.
const hello = { channelId, clientId: uuidv7(), content: "the tide is **in**" };
const sent = await anns.ask("message:send", hello);
const again = await anns.ask("message:send", { ...hello, attempt: 2 });
await until(() => said.has(sent.message.id));
console.log(
  `sent: ${sent.durability}; again: duplicate ${again.duplicate}, same ${again.message.id === sent.message.id}`,
);

// 7. Two events are lost on their way to Ben. The third shows him the gap.
const say = (content) => anns.ask("message:send", { channelId, clientId: uuidv7(), content });
losing = true;
await say("one");
await say("two");
await until(() => lost === 2);
losing = false;
await say("three");
await until(() => seq === sent.message.seq + 3);

// 8. An edit and a reaction are events as well. A reaction comes with its count: nothing is added up.
await anns.ask("message:edit", { messageId: sent.message.id, content: "the tide is **out**" });
const { count } = await bens.ask("reaction:add", { messageId: sent.message.id, emoji: "🌊" });
await until(() => seq === sent.message.seq + 5);
console.log(`reactions: ${count}`);

// 9. Ben's connection ends. He comes back on any node with his position, and finds in `session:ready` what he missed.
bens.socket.disconnect();
await say("are you there?");
bens = connect(other, ben.token, { [channelId]: [seq, epoch] });
bens.socket.on("channel:events", hear);
const { resumed } = await bens.ready;
const missed = resumed.channels[channelId];
if (missed.reset) load((await bens.ask("channel:open", { channelId })).recent);
else catchUp(missed);

// 10. Everything up to here is read, on all of his devices.
const { unread } = await bens.ask("channel:read", { channelId, seq });
console.log(`unread: ${unread}`);
for (const { socket } of [anns, bens]) socket.disconnect();
