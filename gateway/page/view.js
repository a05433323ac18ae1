/** What is on the screen. Draws what it is given; knows nothing of sockets. */

const byId = (id) => document.getElementById(id);
const TIME = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const DAY = new Intl.DateTimeFormat(undefined, {
  day: "numeric",
  month: "short",
  hour: "2-digit",
  minute: "2-digit",
});
/** Pixels from the end within which a reader counts as reading the newest. */
const NEAR_END_PX = 120;

export function show(what) {
  byId("log-in").hidden = what !== "log-in";
  byId("chat").hidden = what !== "chat";
  if (what === "log-in") document.querySelector("#log-in-form input").focus();
}

export function connectionState(state, text) {
  byId("connection").dataset.state = state;
  byId("connection").textContent = text;
}

/** One line under the conversation; empty: none. */
export function notice(text) {
  byId("notice").textContent = text;
}

export function logInError(text) {
  byId("log-in-error").textContent = text;
}

/** Fills in the log-in, so that only the button is left to press. */
export function prefill(login, password) {
  const [name, secret] = document.querySelectorAll("#log-in-form input");
  name.value = login;
  secret.value = password;
  document.querySelector("#log-in-form button").focus();
}

/** `sections`: `{ title, entries: [{ key, name, unread, current, choose }] }`; `otherwise` is said when all are empty. */
export function conversations(sections, otherwise) {
  const focused = document.activeElement?.dataset?.key;
  const lists = sections
    .filter(({ entries }) => entries.length > 0)
    .flatMap(({ title, entries }) => {
      const list = element("ul");
      list.append(...entries.map(conversation));
      return [element("h2", "", title), list];
    });
  if (lists.length === 0) lists.push(element("p", "empty", otherwise));
  byId("conversations").replaceChildren(...lists);
  // Drawing again must not take the keyboard away.
  if (focused) document.querySelector(`#conversations [data-key="${CSS.escape(focused)}"]`)?.focus();
}

function conversation({ key, name, unread, current, choose }) {
  const item = element("li");
  const open = button("", choose);
  open.dataset.key = key;
  if (current) open.setAttribute("aria-current", "true");
  open.append(element("span", "name", name));
  if (unread > 0) {
    const count = element("span", "unread", unread > 99 ? "99+" : String(unread));
    count.setAttribute("aria-label", `${unread} unread`);
    open.append(count);
  }
  item.append(open);
  return item;
}

/** Turns to a conversation, or back to the list on a narrow screen. Without `writable`, there is nothing to write in yet. */
export function talk(name, { writable = name !== undefined } = {}) {
  byId("chat").toggleAttribute("data-open", name !== undefined);
  byId("composer").hidden = !writable;
  byId("channel-name").textContent = name ?? "Choose a conversation";
  document.title = name === undefined ? "Hubbub" : `${name} · Hubbub`;
  notice("");
  shown.clear();
  byId("messages").replaceChildren();
  if (writable && matchMedia("(hover: hover)").matches) byId("text").focus();
}

/** What each list entry was drawn from, by key: unchanged ones are left alone, so that a screen reader hears new ones only. */
const shown = new Map();

/** `lines`: messages and entries of the outbox in order, each `{ key, source, draw }`. */
export function messages(lines, { hasOlder }) {
  const history = byId("history");
  const list = byId("messages");
  byId("older").hidden = !hasOlder;
  const wasAtEnd = history.scrollHeight - history.scrollTop - history.clientHeight < NEAR_END_PX;
  const height = history.scrollHeight;
  const firstBefore = list.firstElementChild;
  const keys = new Set(lines.map(({ key }) => key));
  for (const [key, { node }] of shown)
    if (!keys.has(key)) {
      node.remove();
      shown.delete(key);
    }
  let next = list.firstElementChild;
  for (const { key, source, draw } of lines) {
    const known = shown.get(key);
    const node = known?.source === source ? known.node : draw();
    if (known && known.node !== node) {
      if (known.node === next) next = node;
      known.node.replaceWith(node);
    }
    shown.set(key, { source, node });
    if (node === next) next = next.nextElementSibling;
    else list.insertBefore(node, next);
  }
  if (wasAtEnd || !firstBefore) history.scrollTo({ top: history.scrollHeight, behavior: "instant" });
  else if (list.firstElementChild !== firstBefore)
    history.scrollTo({ top: history.scrollTop + history.scrollHeight - height, behavior: "instant" });
}

/** A message of the channel. `html` was rendered and sanitised by the server; the policy of the page runs no script in it. */
export function messageLine(message, { author, mine }) {
  const body = element("div", "body");
  if (message.deletedAtMs !== undefined) body.append(element("p", "state", "This message was deleted."));
  else body.innerHTML = message.html;
  return line({ author, mine, atMs: message.atMs, body, state: mine ? "sent" : "" });
}

/** One that is on its way. */
export function outboxLine(entry, { author, retry, drop }) {
  const body = element("div", "body plain", entry.content);
  const item = line({
    author,
    mine: true,
    atMs: entry.atMs,
    body,
    state:
      entry.state === "failed" ? `not sent: ${entry.error}` : entry.state === "sent" ? "sent" : "sending…",
  });
  item.classList.add(entry.state);
  if (entry.state === "failed")
    item
      .querySelector(".state")
      .append(button("Try again", retry, "small"), button("Discard", drop, "small"));
  return item;
}

function line({ author, mine, atMs, body, state }) {
  const item = element("li", mine ? "message mine" : "message");
  const header = element("header");
  const time = element("time", "", (Date.now() - atMs > 43_200_000 ? DAY : TIME).format(atMs));
  time.dateTime = new Date(atMs).toISOString();
  header.append(element("b", "", author), time);
  item.append(header, body);
  if (state) item.append(element("div", "state", state));
  return item;
}

function element(tag, className = "", text = undefined) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function button(text, click, className = "") {
  const made = element("button", className, text);
  made.type = "button";
  made.addEventListener("click", click);
  return made;
}
