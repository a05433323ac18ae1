/**
 * One socket that comes back: connects with a fresh token and the positions that are held, listens to every channel it is
 * told to, finds gaps, and asks for what is missing.
 */
import { ChannelStore } from "./channel-store.js";
import { forget, freshToken } from "./rest.js";
import { io } from "./socket.io.js";

const ANSWER_TIMEOUT_MS = 5_000;
/** Until `session:ready` says otherwise. */
const GAP_GRACE_MS = 1_000;
const RETRY_MS = 2_000;

export class Connection {
  stores = new Map();
  #socket;
  #on;
  #gapGraceMs = GAP_GRACE_MS;
  #gaps = new Map();
  #syncing = new Set();
  #returnTimer;
  #connectionId;

  /** `on`: `state(state, text)`, `ready(socket)`, `away()`, `changed(channelId)`, `loggedOut(why)`. */
  constructor(on) {
    this.#on = on;
    this.#socket = io({
      auth: (done) => this.#introduce(done),
      autoConnect: false,
      reconnectionDelay: 500,
      reconnectionDelayMax: 5_000,
    });
    this.#socket.on("session:ready", (session) => this.#ready(session));
    this.#socket.on("session:closing", (closing) => this.#closing(closing));
    this.#socket.on("channel:events", (envelope) => this.#events(envelope));
    this.#socket.on("channel:behind", ({ channelId }) => this.sync(channelId));
    this.#socket.on("channel:heads", ({ heads }) => {
      for (const { channelId, seq, epoch } of heads) this.#head(channelId, seq, epoch);
    });
    this.#socket.on("connect_error", (error) => this.#refused(error));
    this.#socket.on("disconnect", (reason) => this.#lost(reason));
    addEventListener("online", () => this.#socket.connect());
  }

  connect() {
    this.#on.state("connecting", "Connecting…");
    this.#socket.connect();
  }

  close() {
    clearTimeout(this.#returnTimer);
    this.#socket.disconnect();
  }

  /** Listens to a channel (as member: joins it), or reads its newest page again. Undefined when that was refused. */
  async open(channelId, event = "channel:open") {
    const answer = await this.#ask(event, { channelId });
    if (!answer.ok) return undefined;
    const store = this.stores.get(channelId) ?? new ChannelStore(channelId);
    this.stores.set(channelId, store);
    store.open(answer);
    this.#on.changed(channelId);
    return store;
  }

  /** Catches up with the channel: events while the server has them, else the newest page. One at a time per channel. */
  async sync(channelId) {
    const store = this.stores.get(channelId);
    if (!store?.opened || this.#syncing.has(channelId)) return;
    this.#syncing.add(channelId);
    try {
      for (let more = true; more; ) {
        const answer = await this.#ask("channel:sync", {
          channelId,
          afterSeq: store.seq,
          epoch: store.epoch,
        });
        if (!answer.ok) {
          if (answer.error.retry !== "never") setTimeout(() => this.sync(channelId), RETRY_MS);
          return;
        }
        more = await this.#caughtUp(store, answer);
      }
    } finally {
      this.#syncing.delete(channelId);
    }
  }

  markRead(channelId, seq) {
    // A server that keeps no marks answers `unsupported`; then the count is this page's own.
    this.#ask("channel:read", { channelId, seq });
  }

  /** Silence is an answer of its own: try later. */
  async #ask(event, request) {
    try {
      return await this.#socket.timeout(ANSWER_TIMEOUT_MS).emitWithAck(event, request);
    } catch {
      return { ok: false, error: { retry: "later" } };
    }
  }

  async #introduce(done) {
    try {
      done({ token: await freshToken(), protocol: 1, device: "page", resume: this.#points() });
    } catch (error) {
      if (error.code === "unauthenticated") this.#endLogIn();
      // The server cannot be reached: the handshake fails as well, and is tried again.
      else done({ token: "none", protocol: 1 });
    }
  }

  async #ready(session) {
    this.#gapGraceMs = session.limits.gapGraceMs;
    this.#on.state("online", `Connected to ${session.node}`);
    await this.#resumed(session.resumed ?? { channels: {}, left: [] });
    this.#on.ready(this.#socket);
    this.#resumeRest(session.connectionId, new Set(Object.keys(session.resumed?.channels ?? {})));
  }

  /** Positions of the channels that are held, `heard` ones apart. */
  #points(heard = new Set()) {
    const stores = [...this.stores.values()].filter(({ id, opened }) => opened && !heard.has(id));
    return Object.fromEntries(stores.map(({ id, seq, epoch }) => [id, [seq, epoch]]));
  }

  /** Channels whose owner could not be reached are in no list: they are asked for until this connection has them all. */
  async #resumeRest(connectionId, heard) {
    this.#connectionId = connectionId;
    for (;;) {
      const channels = this.#points(heard);
      if (Object.keys(channels).length === 0) return;
      const answer = await this.#ask("session:resume", { channels });
      if (this.#connectionId !== connectionId) return;
      if (answer.ok) {
        await this.#resumed(answer);
        for (const id of Object.keys(answer.channels)) heard.add(id);
      }
      if (Object.keys(this.#points(heard)).length > 0)
        await new Promise((done) => setTimeout(done, RETRY_MS));
    }
  }

  async #resumed({ channels, left }) {
    for (const channelId of left) this.stores.delete(channelId);
    for (const [channelId, answer] of Object.entries(channels)) {
      const store = this.stores.get(channelId);
      if (store && (await this.#caughtUp(store, answer))) this.sync(channelId);
    }
  }

  /** True: there is more to ask for. */
  async #caughtUp(store, answer) {
    if (answer.reset) {
      // The owner may have gone meanwhile: the sync that follows is answered `reset` again.
      if (!(await this.open(store.id))) setTimeout(() => this.sync(store.id), RETRY_MS);
      return false;
    }
    store.catchUp(answer);
    this.#on.changed(store.id);
    return answer.more;
  }

  #events(envelope) {
    const store = this.stores.get(envelope.channelId);
    if (!store?.opened) return;
    const folded = store.fold(envelope);
    if (folded === "folded") {
      for (const event of envelope.events) if (event.type === "message:new") store.unread++;
      this.#on.changed(store.id, envelope.events);
    } else if (folded === "fork") this.sync(store.id);
    else if (folded === "gap") this.#missing(store);
  }

  /** What is missing may be on its way: it counts as lost after the time that the server named. */
  #missing(store) {
    if (this.#gaps.has(store.id)) return;
    this.#gaps.set(
      store.id,
      setTimeout(() => {
        this.#gaps.delete(store.id);
        this.sync(store.id);
      }, this.#gapGraceMs),
    );
  }

  #head(channelId, seq, epoch) {
    const store = this.stores.get(channelId);
    if (store?.opened && (seq > store.seq || epoch !== store.epoch)) this.#missing(store);
  }

  #closing({ reason, reconnectAfterMs = RETRY_MS }) {
    if (reason === "revoked") return this.#endLogIn();
    if (reason === "replaced" || reason === "policy") {
      this.close();
      return this.#on.state("offline", "The server ended this connection; reload the page");
    }
    this.#returnIn(reason === "expired" ? 0 : reconnectAfterMs);
  }

  #refused(error) {
    this.#on.state("offline", "Not connected: trying again");
    if (error.data?.code === "unauthenticated") {
      freshToken({ force: true }).then(
        () => this.#returnIn(RETRY_MS),
        (refused) => refused.code === "unauthenticated" && this.#endLogIn(),
      );
    } else if (error.data) this.#returnIn(error.data.retryAfterMs ?? RETRY_MS);
  }

  #lost(reason) {
    this.#connectionId = undefined;
    this.#on.away();
    this.#on.state("offline", "Not connected: trying again");
    // Socket.IO comes back by itself except when the server ended it.
    if (reason === "io server disconnect" && this.#returnTimer === undefined) this.#returnIn(RETRY_MS);
  }

  #returnIn(ms) {
    clearTimeout(this.#returnTimer);
    this.#returnTimer = setTimeout(
      () => {
        this.#returnTimer = undefined;
        if (!this.#socket.connected) this.#socket.connect();
      },
      ms + Math.random() * 500,
    );
  }

  #endLogIn() {
    this.close();
    forget();
    this.#on.loggedOut("Your log-in has ended: log in again.");
  }
}
