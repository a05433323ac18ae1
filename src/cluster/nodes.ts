/** What a node says of itself in its lease, and how the others read it. */
import { randomBytes } from "node:crypto";
import { assert } from "../lib/assert.ts";
import { LEASE_TTL_MS } from "../lib/lease.ts";
import type { Traffic } from "../ports.ts";
import type { NodeFields } from "./control.ts";

const ROLES = ["gateway", "actors", "worker"] as const;
export type NodeRole = (typeof ROLES)[number];

/** A configured name and a nonce drawn at boot: a process that starts again is another node. */
export function drawIncarnation(name: string): string {
  assert(/^[\w-]{1,64}$/.test(name), "a node's name is 1 to 64 letters, digits, - and _");
  return `${name}.${randomBytes(4).toString("hex")}`;
}

/** What a node says about itself. */
export type NodeRecord = {
  name: string;
  /** Where clients reach it; carries the port. Empty: it has no gateway. */
  url: string;
  metricsUrl: string;
  pid: number;
  roles: NodeRole[];
  version: string;
  /** What it knows of entries, commands and columns (rule E7). Absent: it is of 0.1.0. */
  level?: number;
  startedAtMs: number;
  draining: boolean;
  /** Messages × audience per second, over its shards. */
  load: number;
  /** Event-loop utilisation, 0 to 1. */
  utilisation: number;
  /** Delay of the event loop, p99 of the last sample. */
  lagMs: number;
  unflushedEvents: number;
  unflushedAgeMs: number;
  /** The table that `serving` goes with. */
  tableVersion: number;
  /** Shards whose barrier stands and whose actors answer. */
  serving: ReadonlySet<number>;
  /** Load by shard, where there is any. */
  loads: ReadonlyMap<number, number>;
  /** Absent until it has been counted. */
  traffic?: Traffic;
};

/** A node with a lease, as read from Redis. */
export type LiveNode = NodeRecord & { id: string; leaseAgeMs: number };

/** The fields of the lease's hash. */
export function toFields(node: NodeRecord): Record<string, string> {
  const { roles, draining, serving, loads, traffic, ...plain } = node;
  return {
    ...Object.fromEntries(
      Object.entries({ ...plain, ...traffic }).map(([field, value]) => [field, String(value)]),
    ),
    roles: roles.join(","),
    draining: draining ? "1" : "0",
    shards: String(serving.size),
    serving: toBits(serving),
    loads: [...loads]
      .filter(([, load]) => load > 0)
      .map(([shard, load]) => `${shard}:${load.toFixed(1)}`)
      .join(","),
  };
}

export function fromFields({ id, remainingMs, fields }: NodeFields): LiveNode {
  const number = (field: string) => Number(fields[field] ?? 0);
  const loads = (fields.loads ?? "").split(",").filter((entry) => entry !== "");
  return {
    id,
    leaseAgeMs: Math.max(0, LEASE_TTL_MS - remainingMs),
    name: fields.name ?? id,
    url: fields.url ?? "",
    metricsUrl: fields.metricsUrl ?? "",
    pid: number("pid"),
    roles: ROLES.filter((role) => fields.roles?.split(",").includes(role)),
    version: fields.version ?? "",
    ...(fields.level !== undefined && { level: number("level") }),
    startedAtMs: number("startedAtMs"),
    draining: fields.draining === "1",
    load: number("load"),
    utilisation: number("utilisation"),
    lagMs: number("lagMs"),
    unflushedEvents: number("unflushedEvents"),
    unflushedAgeMs: number("unflushedAgeMs"),
    tableVersion: number("tableVersion"),
    serving: fromBits(fields.serving ?? ""),
    loads: new Map(loads.map((entry) => entry.split(":").map(Number) as [number, number])),
    ...(fields.connections !== undefined && {
      traffic: {
        connections: number("connections"),
        messagesPerSecond: number("messagesPerSecond"),
        deliveriesPerSecond: number("deliveriesPerSecond"),
      },
    }),
  };
}

/** A set of small numbers as hexadecimal digits, the least four first. */
function toBits(set: ReadonlySet<number>): string {
  const digits: number[] = [];
  for (const n of set) {
    while (digits.length <= n >> 2) digits.push(0);
    digits[n >> 2]! |= 1 << (n & 3);
  }
  return digits.map((digit) => digit.toString(16)).join("");
}

function fromBits(text: string): Set<number> {
  const set = new Set<number>();
  for (let i = 0; i < text.length; i++) {
    const digit = Number.parseInt(text[i]!, 16);
    for (let bit = 0; bit < 4; bit++) if (digit & (1 << bit)) set.add(i * 4 + bit);
  }
  return set;
}
