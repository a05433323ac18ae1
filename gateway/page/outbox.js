/**
 * Messages on their way: kept until the server has them, over reloads and lost connections. Each has a `clientId` from
 * the moment it is written, so that sending it again can never make a second one; one per channel is unanswered at a time.
 */

const ACK_TIMEOUT_MS = 5_000;
/** Between tries: twice as long each time, with jitter, up to this. */
const BACKOFF_FIRST_MS = 2_000;
const BACKOFF_MAX_MS = 30_000;

export class Outbox {
  #socket;
  #key;
  #entries = new Map();
  #busy = new Set();
  #timers = new Map();
  #changed;

  /** `changed(channelId)` is called whenever something of that channel's entries is different. */
  constructor(userId, changed) {
    this.#key = `hubbub.outbox.${userId}.`;
    this.#changed = changed;
    // One key per message: tabs of one person do not write over each other.
    const kept = Object.keys(localStorage)
      .filter((key) => key.startsWith(this.#key))
      .sort();
    for (const key of kept) {
      const entry = JSON.parse(localStorage.getItem(key));
      this.#entries.set(entry.clientId, entry);
    }
  }

  /** Entries of a channel, oldest first: `pending`, `sent` (acknowledged, its event not here yet) or `failed`. */
  of(channelId) {
    return [...this.#entries.values()].filter((entry) => entry.channelId === channelId);
  }

  write(channelId, content) {
    this.#keep({ clientId: uuidv7(), channelId, content, attempt: 0, atMs: Date.now(), state: "pending" });
    this.#next(channelId);
  }

  /** A connection that is ready: what waits goes now. */
  attach(socket) {
    this.#socket = socket;
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
    for (const channelId of new Set([...this.#entries.values()].map((entry) => entry.channelId)))
      this.#next(channelId);
  }

  detach() {
    this.#socket = undefined;
  }

  /** The person gives up a message that was refused. */
  drop(clientId) {
    const entry = this.#entries.get(clientId);
    if (!entry) return;
    this.#entries.delete(clientId);
    localStorage.removeItem(this.#key + clientId);
    this.#changed(entry.channelId);
  }

  /** The person tries again what was refused. */
  retry(clientId) {
    const entry = this.#entries.get(clientId);
    this.#keep({ ...entry, state: "pending", error: undefined });
    this.#next(entry.channelId);
  }

  async #next(channelId) {
    const entry = this.of(channelId).find(({ state }) => state === "pending");
    if (!entry || !this.#socket || this.#busy.has(channelId) || this.#timers.has(channelId)) return;
    this.#busy.add(channelId);
    const sent = { ...entry, attempt: entry.attempt + 1 };
    this.#keep(sent);
    const { clientId, content, attempt } = sent;
    const answer = await this.#ask({ channelId, clientId, attempt, content });
    this.#busy.delete(channelId);
    this.#answered(sent, answer);
  }

  /** Silence and a lost connection read like "later". */
  async #ask(request) {
    try {
      return await this.#socket.timeout(ACK_TIMEOUT_MS).emitWithAck("message:send", request);
    } catch {
      return { ok: false, error: { retry: "later" } };
    }
  }

  #answered(entry, answer) {
    const { channelId } = entry;
    if (answer.ok) {
      this.#keep({ ...entry, state: "sent" });
      // Acknowledged is kept by the server: a reload need not know of it.
      localStorage.removeItem(this.#key + entry.clientId);
    } else if (answer.error.retry === "never") {
      this.#keep({ ...entry, state: "failed", error: answer.error.message });
    } else {
      const backoffMs =
        Math.min(BACKOFF_MAX_MS, BACKOFF_FIRST_MS * 2 ** (entry.attempt - 1)) * (0.75 + Math.random() / 2);
      const timer = setTimeout(
        () => {
          this.#timers.delete(channelId);
          this.#next(channelId);
        },
        Math.max(backoffMs, answer.error.retryAfterMs ?? 0),
      );
      this.#timers.set(channelId, timer);
      return;
    }
    this.#next(channelId);
  }

  #keep(entry) {
    this.#entries.set(entry.clientId, entry);
    localStorage.setItem(this.#key + entry.clientId, JSON.stringify(entry));
    this.#changed(entry.channelId);
  }
}

let lastMs = 0;

/** RFC 9562: Unix milliseconds, then randomness. Grows with every call in this tab. */
export function uuidv7() {
  lastMs = Math.max(Date.now(), lastMs + 1);
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  for (let i = 5, rest = lastMs; i >= 0; i--, rest = Math.floor(rest / 256)) bytes[i] = rest % 256;
  bytes[6] = 0x70 | (bytes[6] & 0x0f);
  bytes[8] = 0x80 | (bytes[8] & 0x3f);
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}
