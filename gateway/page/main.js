/** The page: who is logged in, which conversation is open, and what happens when someone clicks. */
import { Connection } from "./connection.js";
import { joined, nameOf, readConversations, sectionsOf } from "./conversations.js";
import { Outbox } from "./outbox.js";
import { get, logInAs, logOut, me, post, Refused } from "./rest.js";
import * as view from "./view.js";

/** Conversations listened to at once: a demo has few, and each costs one request after connecting. */
const LISTENED_MAX = 30;
/** Nobody tells a page of conversations that others open with its person: it looks. */
const LOOK_EVERY_MS = 30_000;
/** Where a tab remembers which conversation was open, for a reload. */
const OPEN = "hubbub.open";

const byId = (id) => document.getElementById(id);
/** What a log-in has: gone when it ends. */
let session;

function start() {
  const on = {
    state: view.connectionState,
    ready: (socket) => becameReady(socket),
    away: () => session?.outbox.detach(),
    changed: (channelId) => drawIfOpen(channelId),
    loggedOut: (why) => end(why),
  };
  session = {
    connection: new Connection(on),
    outbox: new Outbox(me().id, (channelId) => drawIfOpen(channelId)),
    entries: [],
    people: new Map([[me().id, me()]]),
    asked: new Set(),
    dmNames: new Map(),
    current: undefined,
    /** Whether the list of conversations was read. */
    listed: false,
  };
  byId("my-name").textContent = me().displayName;
  view.show("chat");
  view.talk(undefined);
  session.connection.connect();
}

function end(why = "") {
  session?.connection.close();
  session = undefined;
  view.logInError(why);
  view.show("log-in");
}

/** Connected: sends what waits, and listens to all conversations that were not resumed. */
async function becameReady(socket) {
  session.outbox.attach(socket);
  await listenToAll();
}

/** Reads the list of conversations, and listens to those that are new to this page. */
async function listenToAll() {
  const here = session;
  try {
    await readConversations(here);
  } catch (error) {
    // The list that is shown stays until it is read again.
    if (!isPassing(error)) throw error;
  }
  const mine = here.entries.filter(({ membership }) => membership).slice(0, LISTENED_MAX);
  if (here === session && !here.current) reopen(mine);
  for (const { channel, unread = 0 } of mine) {
    if (here !== session) return;
    if (here.connection.stores.has(channel.id)) continue;
    const store = await here.connection.open(channel.id);
    if (store) store.unread = unread;
  }
  if (here !== session) return;
  if (session.current) markRead(session.current);
  drawConversations();
}

/** After a reload: the conversation that was open before it. */
function reopen(entries) {
  const before = entries.find(({ channel }) => channel.id === sessionStorage.getItem(OPEN));
  if (before) choose(before.channel);
}

/** The server is away or said no: nothing here is broken. */
function isPassing(error) {
  return error instanceof Refused || error instanceof TypeError;
}

/** Does what someone asked for with a click, and says so when it cannot be done. */
async function attempt(work) {
  try {
    await work();
  } catch (error) {
    if (!isPassing(error)) throw error;
    view.notice(error instanceof Refused ? error.message : "The server cannot be reached: try again.");
  }
}

function drawConversations() {
  if (!session) return;
  const sections = sectionsOf(session, { choose, writeTo: (user) => attempt(() => writeTo(user)) });
  view.conversations(sections, session.listed ? "You are in no conversation yet." : "Loading…");
}

async function writeTo(user) {
  session.current = undefined;
  view.talk(user.displayName, { writable: false });
  const { channel } = await post("/dm", { userId: user.id });
  session.dmNames.set(channel.id, user);
  if (!session.entries.some((entry) => entry.channel.id === channel.id))
    session.entries.push(joined({ channel }));
  await choose(channel);
}

async function choose(channel, event = "channel:open") {
  const here = session;
  here.current = channel.id;
  sessionStorage.setItem(OPEN, channel.id);
  view.talk(nameOf(here, channel));
  if (!here.connection.stores.has(channel.id)) {
    view.notice("Opening…");
    if (await here.connection.open(channel.id, event)) {
      here.entries = here.entries.map((entry) => (entry.channel.id === channel.id ? joined(entry) : entry));
    } else if (here === session && here.current === channel.id)
      view.notice("This conversation cannot be opened now: choose it again in a moment.");
  }
  if (here === session && here.current === channel.id) drawIfOpen(channel.id);
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
  const lines = [...heard, ...waiting];
  view.messages(lines, { hasOlder: store.older !== undefined });
  view.notice(lines.length === 0 ? "Nobody has written here yet." : "");
}

/** Whose message is it? Asked once per person. */
async function askName(userId) {
  if (session.people.has(userId) || session.asked.has(userId)) return;
  session.asked.add(userId);
  try {
    const { user } = await get(`/users/${userId}`);
    session?.people.set(user.id, user);
    drawIfOpen(session?.current);
  } catch (error) {
    if (!isPassing(error)) throw error;
    session?.asked.delete(userId);
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
    if (!isPassing(error)) throw error;
    return view.logInError(error instanceof Refused ? error.message : "The server cannot be reached.");
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
  sessionStorage.removeItem(OPEN);
  view.talk(undefined);
  drawConversations();
});
byId("older").addEventListener("click", () => attempt(readOlder));
byId("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  send();
});
byId("text").addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  send();
});
function look() {
  if (document.visibilityState !== "visible" || !session?.listed) return;
  if (session.current) drawIfOpen(session.current);
  listenToAll();
}
addEventListener("visibilitychange", look);
setInterval(look, LOOK_EVERY_MS);

/** `/#ada:password`, for a link that is made by hand: fills in the form, and is gone from the address at once. */
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
