/** The page: who is logged in, which conversation is open, and what happens when someone clicks. */
import { Connection } from "./connection.js";
import { Outbox } from "./outbox.js";
import { get, logInAs, logOut, me, post, Refused } from "./rest.js";
import * as view from "./view.js";

/** Conversations listened to at once: a demo has few, and each costs one request after connecting. */
const LISTENED_MAX = 30;

const byId = (id) => document.getElementById(id);
/** What a log-in has: gone when it ends. */
let session;

function start() {
  const on = {
    state: view.connectionState,
    ready: (socket, ready) => becameReady(socket, ready),
    away: () => session?.outbox.detach(),
    changed: (channelId) => drawIfOpen(channelId),
    loggedOut: () => end(),
  };
  session = {
    connection: new Connection(on),
    outbox: new Outbox(me().id, (channelId) => drawIfOpen(channelId)),
    entries: [],
    people: new Map([[me().id, me()]]),
    asked: new Set(),
    dmNames: new Map(),
    current: undefined,
  };
  byId("my-name").textContent = me().displayName;
  view.show("chat");
  view.talk(undefined);
  session.connection.connect();
}

function end() {
  session?.connection.close();
  session = undefined;
  view.show("log-in");
}

/** Connected: reads the list of conversations, listens to those not resumed, and sends what waits. */
async function becameReady(socket, ready) {
  const { connection, outbox } = session;
  outbox.attach(socket);
  try {
    await readConversations();
  } catch (error) {
    // The list that is shown stays; the next connection reads it again.
    if (!(error instanceof Refused || error instanceof TypeError)) throw error;
  }
  const unread = new Map(ready.channels.map((channel) => [channel.id, channel.unread]));
  const mine = session.entries.filter(({ membership }) => membership).slice(0, LISTENED_MAX);
  for (const { channel } of mine) {
    if (connection.stores.has(channel.id)) continue;
    const store = await connection.open(channel.id);
    if (store) store.unread = unread.get(channel.id) ?? 0;
  }
  if (session.current) markRead(session.current);
  drawConversations();
}

async function readConversations() {
  const { spaces } = await get("/spaces");
  const lists = await Promise.all([
    get("/channels"),
    ...spaces.map(({ id }) => get(`/channels?spaceId=${id}`)),
  ]);
  const entries = new Map(
    lists.flatMap(({ channels }) => channels).map((entry) => [entry.channel.id, entry]),
  );
  session.entries = [...entries.values()];
  const members = await Promise.all(spaces.map(({ id }) => get(`/spaces/${id}/members?limit=50`)));
  for (const { user } of members.flatMap((page) => page.members)) session.people.set(user.id, user);
  const dms = session.entries.filter(
    ({ channel }) => channel.kind === "dm" && !session.dmNames.has(channel.id),
  );
  await Promise.all(dms.map(({ channel }) => nameDm(channel.id)));
}

/** A dm is called after the other person. */
async function nameDm(channelId) {
  const { members } = await get(`/channels/${channelId}/members`);
  const other = members.map(({ user }) => user).find((user) => user.id !== me().id);
  if (!other) return;
  session.people.set(other.id, other);
  session.dmNames.set(channelId, other);
}

function nameOf(channel) {
  if (channel.kind === "dm") return session.dmNames.get(channel.id)?.displayName ?? "Conversation";
  return channel.name ?? "Group";
}

function drawConversations() {
  if (!session) return;
  const { entries, people, dmNames, connection, current } = session;
  const entry = ({ channel, membership }) => ({
    key: channel.id,
    name: membership ? nameOf(channel) : `${nameOf(channel)} (join)`,
    unread: channel.id === current ? 0 : (connection.stores.get(channel.id)?.unread ?? 0),
    current: channel.id === current,
    choose: () => choose(channel, membership ? "channel:open" : "channel:join"),
  });
  const known = new Set([me().id, ...[...dmNames.values()].map(({ id }) => id)]);
  const strangers = [...people.values()].filter(({ id }) => !known.has(id));
  view.conversations([
    { title: "Channels", entries: entries.filter(({ channel }) => channel.kind !== "dm").map(entry) },
    { title: "People", entries: entries.filter(({ channel }) => channel.kind === "dm").map(entry) },
    {
      title: "Write to",
      entries: strangers.map((user) => ({
        key: user.id,
        name: user.displayName,
        unread: 0,
        choose: () => writeTo(user),
      })),
    },
  ]);
}

async function writeTo(user) {
  const { channel } = await post("/dm", { userId: user.id });
  session.dmNames.set(channel.id, user);
  if (!session.entries.some((entry) => entry.channel.id === channel.id))
    session.entries.push({ channel, membership: {} });
  await choose(channel);
}

async function choose(channel, event = "channel:open") {
  const { connection } = session;
  session.current = channel.id;
  view.talk(nameOf(channel));
  if (!connection.stores.has(channel.id) && (await connection.open(channel.id, event))) {
    session.entries = session.entries.map((entry) =>
      entry.channel.id === channel.id ? { ...entry, membership: entry.membership ?? {} } : entry,
    );
  }
  if (session.current === channel.id) drawIfOpen(channel.id);
}

/** Something of this channel is different: its messages if they are on screen, else its count. */
function drawIfOpen(channelId) {
  if (!session) return;
  dropHeard(channelId);
  if (channelId === session.current) {
    drawMessages(channelId);
    markRead(channelId);
  }
  drawConversations();
}

/** What the channel has said is no longer the outbox's to show. */
function dropHeard(channelId) {
  const store = session.connection.stores.get(channelId);
  for (const { clientId, state } of session.outbox.of(channelId))
    if (state === "sent" && store?.heard(clientId)) session.outbox.drop(clientId);
}

function markRead(channelId) {
  const store = session.connection.stores.get(channelId);
  if (!store || store.unread === 0 || document.visibilityState !== "visible") return;
  store.unread = 0;
  session.connection.markRead(channelId, store.seq);
}

function drawMessages(channelId) {
  const store = session.connection.stores.get(channelId);
  if (!store) return;
  const messages = store.inOrder();
  for (const { authorId } of messages) askName(authorId);
  const heard = messages.map((message) => {
    const author = session.people.get(message.authorId)?.displayName ?? "…";
    const mine = message.authorId === me().id;
    return {
      key: message.clientId,
      source: author === "…" ? {} : message,
      draw: () => view.messageLine(message, { author, mine }),
    };
  });
  const said = new Set(messages.map(({ clientId }) => clientId));
  const waiting = session.outbox
    .of(channelId)
    .filter(({ clientId }) => !said.has(clientId))
    .map((entry) => ({
      key: entry.clientId,
      source: entry.state,
      draw: () =>
        view.outboxLine(entry, {
          author: me().displayName,
          retry: () => session.outbox.retry(entry.clientId),
          drop: () => session.outbox.drop(entry.clientId),
        }),
    }));
  view.messages([...heard, ...waiting], { hasOlder: store.older !== undefined });
}

/** Whose message is it? Asked once per person. */
async function askName(userId) {
  if (session.people.has(userId) || session.asked.has(userId)) return;
  session.asked.add(userId);
  try {
    const { user } = await get(`/users/${userId}`);
    session.people.set(user.id, user);
    drawIfOpen(session.current);
  } catch (error) {
    if (!(error instanceof Refused || error instanceof TypeError)) throw error;
    session.asked.delete(userId);
  }
}

async function readOlder() {
  const store = session.connection.stores.get(session.current);
  if (!store?.older) return;
  store.prepend(await get(`/channels/${store.id}/messages?before=${store.older}`));
  drawIfOpen(store.id);
}

function send() {
  const content = byId("text").value.trim();
  if (content === "" || !session.current) return;
  byId("text").value = "";
  session.outbox.write(session.current, content);
}

async function enter(login, password) {
  view.logInError("");
  try {
    await logInAs(login, password);
  } catch (error) {
    if (error instanceof Refused || error instanceof TypeError)
      return view.logInError(error instanceof Refused ? error.message : "The server cannot be reached.");
    throw error;
  }
  start();
}

byId("log-in-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const form = new FormData(event.target);
  enter(form.get("login"), form.get("password"));
});
byId("log-out").addEventListener("click", () => logOut().then(end));
byId("back").addEventListener("click", () => {
  session.current = undefined;
  view.talk(undefined);
  drawConversations();
});
byId("older").addEventListener("click", readOlder);
byId("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  send();
});
byId("text").addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  send();
});
addEventListener("visibilitychange", () => session?.current && drawIfOpen(session.current));

/** `/#ada:password`, as `npm start` prints it: fills in the form, and is gone from the address at once. */
function prefillFromAddress() {
  const [login, password] = location.hash.slice(1).split(":").map(decodeURIComponent);
  if (!login || !password) return;
  history.replaceState(undefined, "", location.pathname);
  view.prefill(login, password);
}

if (me()) start();
else view.show("log-in");
prefillFromAddress();
addEventListener("hashchange", prefillFromAddress);
