/**
 * Parts that break one rule each, put in at assembly in the place of the right ones. With any of them the simulation must find a
 * violation: so we know that it looks, and what the rule is for.
 */
import type { ChannelFacts, Reign, ShardActors, StartActors } from "../../actors/ports.ts";
import type { LogEntry } from "../../src/cluster/log/entry.ts";
import type { LogLink, LogStore } from "../../src/cluster/log/log-store.ts";
import type { Lease, OpenShard, ShardHost } from "../../src/cluster/shard-host.ts";
import type { Reigns } from "../../src/ports.ts";

/** What a node is put together from, as far as a rule can be broken there. */
export type Breakable = {
  reigns: Reigns;
  facts: ChannelFacts;
  log: LogStore;
  startActors: StartActors;
  openShard: (parts: Omit<Breakable, "openShard">) => OpenShard;
  lease: Lease;
};

/** How often a part that forgets looks at its lease, milliseconds. */
const LOOK_EVERY_MS = 50;

/** By rule: what is wrong, and the part that does it. */
export const WRONG_PARTS = {
  claim: {
    rule: "L2",
    wrong: "the epoch is the log's last and one more, and Postgres neither draws nor asks for it",
    breaks: ({ reigns, ...rest }: Breakable): Breakable => ({ ...rest, reigns: undrawn(reigns) }),
  },
  verify: {
    rule: "L3",
    wrong: "a reign is said to stand, whatever Postgres knows",
    breaks: ({ reigns, ...rest }: Breakable): Breakable => ({
      ...rest,
      reigns: { claim: reigns.claim, stands: async () => true },
    }),
  },
  tail: {
    rule: "L3",
    wrong: "the log is said to end with what this node wrote last",
    breaks: ({ log, ...rest }: Breakable): Breakable => ({ ...rest, log: new TrustingStore(log) }),
  },
  gateAll: {
    rule: "G1",
    wrong: "an answer that changes nothing leaves at once",
    breaks: ({ startActors, ...rest }: Breakable): Breakable => ({
      ...rest,
      startActors: (reign, retained) => startActors(leaky(reign), retained),
    }),
  },
  keep: {
    rule: "P0",
    wrong: "a node whose lease has lapsed forgets its shards",
    breaks: ({ openShard, ...rest }: Breakable): Breakable => ({
      ...rest,
      openShard: (parts) => forgetful(openShard(parts), parts.lease),
    }),
  },
  memory: {
    rule: "S1",
    wrong: "what an author has sent is forgotten as soon as it is answered, before Postgres has it",
    breaks: ({ startActors, ...rest }: Breakable): Breakable => ({
      ...rest,
      startActors: hasty(startActors),
    }),
  },
  lookup: {
    rule: "S1",
    wrong: "a member comes without their greatest clientId, and no earlier send is found",
    breaks: ({ facts, ...rest }: Breakable): Breakable => ({ ...rest, facts: oblivious(facts) }),
  },
} as const;

export type RuleOff = keyof typeof WRONG_PARTS;

function undrawn(reigns: Reigns): Reigns {
  return {
    claim: async (shard, atLeastEpoch) => {
      const { flushed } = await reigns.claim(shard, 0);
      return { epoch: atLeastEpoch + 1, flushed };
    },
    stands: async () => true,
  };
}

class TrustingStore implements LogStore {
  readonly #store: LogStore;
  readonly #links = new WeakMap<LogLink, LogLink>();
  readonly #written = new Map<number, LogEntry>();

  constructor(store: LogStore) {
    this.#store = store;
  }

  watch(shard: number, changed: () => void): () => void {
    return this.#store.watch(shard, changed);
  }

  link(shard: number): LogLink | undefined {
    const link = this.#store.link(shard);
    if (link === undefined) return undefined;
    const known = this.#links.get(link) ?? this.#trusting(link);
    this.#links.set(link, known);
    return known;
  }

  #trusting(link: LogLink): LogLink {
    return {
      get server() {
        return link.server;
      },
      get alive() {
        return link.alive;
      },
      get isPressed() {
        return link.isPressed;
      },
      append: (shard, compose, done) => {
        let entry: LogEntry | undefined;
        const keep = () => {
          entry = compose();
          return entry;
        };
        link.append(shard, keep, (outcome) => {
          if (outcome.kind === "done" && entry) this.#written.set(shard, entry);
          done(outcome);
        });
      },
      put: async (shard, entry) => {
        const outcome = await link.put(shard, entry);
        if (outcome.kind === "done") this.#written.set(shard, entry);
        return outcome;
      },
      last: async (shard) => {
        const last = await link.last(shard);
        const written = this.#written.get(shard);
        // It is asked by a take-over too, which must see what others wrote.
        return written && (last === undefined || last.id[0] <= written.id[0]) ? later(written, last) : last;
      },
      identify: () => link.identify(),
      at: (shard, id) => link.at(shard, id),
      page: (shard, after, limit) => link.page(shard, after, limit),
      trim: (shard, upTo) => link.trim(shard, upTo),
    };
  }
}

function later(a: LogEntry, b: LogEntry | undefined): LogEntry {
  return b && (b.id[0] > a.id[0] || (b.id[0] === a.id[0] && b.id[1] > a.id[1])) ? b : a;
}

function leaky(reign: Reign): Reign {
  return {
    shard: reign.shard,
    epoch: reign.epoch,
    hasRoom: () => reign.hasRoom(),
    enter: (records, release) => (records.length > 0 ? reign.enter(records, release) : release()),
    whenFlushed: (then) => reign.whenFlushed(then),
  };
}

/** Ends its hosts when the lease has lapsed, as if others had them already. */
function forgetful(open: OpenShard, lease: Lease): OpenShard {
  return (shard, events) => {
    let isAsked = false;
    const host = open(shard, {
      onServing: () => events.onServing(seen),
      onEnded: (_, why) => {
        clearInterval(look);
        events.onEnded(seen, why === "released" && !isAsked ? "fenced" : why);
      },
    });
    const release: ShardHost["release"] = (options) => {
      isAsked = true;
      return host.release(options);
    };
    const look = setInterval(() => {
      if (!lease.holds()) void host.release({ withinMs: 0, flush: false });
    }, LOOK_EVERY_MS);
    const seen: ShardHost = new Proxy(host, {
      get: (target, name: keyof ShardHost) => {
        if (name === "release") return release;
        const value = target[name];
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
    return seen;
  };
}

function hasty(startActors: StartActors): StartActors {
  return async (reign, retained) => {
    let actors: ShardActors | undefined;
    const forgetting: Reign = {
      shard: reign.shard,
      epoch: reign.epoch,
      hasRoom: () => reign.hasRoom(),
      enter: (records, release) =>
        reign.enter(records, () => {
          release();
          if (records.length > 0) actors?.flushed(records);
        }),
      whenFlushed: (then) => reign.whenFlushed(then),
    };
    const started = await startActors(forgetting, retained);
    actors = started.actors;
    return started;
  };
}

function oblivious(facts: ChannelFacts): ChannelFacts {
  return new Proxy(facts, {
    get: (target, name: keyof ChannelFacts) => {
      if (name === "sent") return async () => undefined;
      if (name === "member")
        return async (...args: Parameters<ChannelFacts["member"]>) => {
          const row = await target.member(...args);
          return row && { ...row, lastClientId: undefined };
        };
      return target[name];
    },
  });
}
