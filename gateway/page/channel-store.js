/** What this page holds of one channel: messages by id, and the position up to which it has heard everything. */

export class ChannelStore {
  constructor(id) {
    this.id = id;
    this.channel = undefined;
    /** Position of the last event (seq, epoch): names one event for ever. */
    this.seq = 0;
    this.epoch = 0;
    this.messages = new Map();
    /** Cursor of the page before the oldest message here. */
    this.older = undefined;
    this.unread = 0;
    this.opened = false;
  }

  /** Starts again from an answer to `channel:open` or `channel:join`; older pages are asked for again. */
  open({ channel, recent, seq, epoch }) {
    this.channel = channel;
    this.seq = seq;
    this.epoch = epoch;
    this.messages = new Map(recent.messages.map((message) => [message.id, message]));
    this.older = recent.older;
    this.opened = true;
  }

  /** A page from before the oldest message here. */
  prepend({ messages, older }) {
    const later = [...this.messages];
    this.messages = new Map([...messages.map((message) => [message.id, message]), ...later]);
    this.older = older;
  }

  /**
   * Takes in one `channel:events`. `known`: nothing new. `gap`: events are missing before it, nothing was taken. `fork`: a
   * later reign decided anew what is held here, nothing was taken; a sync answers `reset`.
   */
  fold({ epoch, events }) {
    if (epoch < this.epoch) return "known";
    const [first] = events;
    if (!first) return "known";
    if (first.seq > this.seq + 1) return "gap";
    if (epoch > this.epoch && first.seq <= this.seq) return "fork";
    const fresh = events.filter((event) => event.seq > this.seq);
    for (const event of fresh) this.#apply(event, epoch);
    return fresh.length > 0 ? "folded" : "known";
  }

  /** Events of an answer to a sync, which may span reigns; then the position that it names. */
  catchUp({ events, seq, epoch }) {
    for (const event of events) if (event.seq === this.seq + 1) this.#apply(event, epoch);
    this.seq = Math.max(this.seq, seq);
    this.epoch = epoch;
  }

  /** In the order of the channel. */
  inOrder() {
    return [...this.messages.values()].sort((a, b) => a.seq - b.seq);
  }

  /** The message that was sent under `clientId`, once the channel has said so. */
  heard(clientId) {
    return [...this.messages.values()].some((message) => message.clientId === clientId);
  }

  #apply(event, epoch) {
    this.seq = event.seq;
    this.epoch = epoch;
    if (event.channel) this.channel = event.channel;
    if (event.memberCount !== undefined && this.channel)
      this.channel = { ...this.channel, memberCount: event.memberCount };
    switch (event.type) {
      case "message:new":
        this.messages.set(event.message.id, event.message);
        break;
      case "message:updated":
        this.#change(event.messageId, {
          content: event.content,
          html: event.html,
          editedAtMs: event.editedAtMs,
        });
        break;
      case "message:deleted":
        for (const id of event.messageIds ?? [event.messageId])
          this.#change(id, { content: "", html: "", deletedAtMs: event.atMs });
        break;
    }
  }

  #change(id, changed) {
    const message = this.messages.get(id);
    if (message && message.deletedAtMs === undefined) this.messages.set(id, { ...message, ...changed });
  }
}
