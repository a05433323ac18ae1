/** Faults of what lies between: one node and the stores, or clients and a node. */
import { setTimeout as sleep } from "node:timers/promises";
import type { TestProxy, Weather } from "../support/proxy.ts";
import { aWhile, type Fault, type Faults } from "./fault.ts";

/** An answer that is on its way when the line is cut: some turns of the loop. */
const IN_FLIGHT_MS = 300;
/** Cuts in one run of a fault that is over in a moment. */
const TIMES = 5;
const BETWEEN_MS = [500, 1_500] as const;
/** Of each piece so much goes byte by byte: some hundred packets. */
const DRIP_BYTES = 256;
const NARROW_BYTES_PER_SECOND = 32_768;
/** A client that stops reading: one in so many. */
const ONE_IN = 2;

type Line = "redis" | "postgres" | "clients";
type Storm = (line: TestProxy, draw: Parameters<Fault["run"]>[1]) => Promise<void>;

/** One node's line has this weather for a while; then it is calm. */
function between(line: Line, says: string, storm: Storm): Fault {
  const run: Fault["run"] = (ground, draw) =>
    ground.hold(ground.any(draw.next()), async (node) => {
      const proxy = ground.wires(node)[line];
      await storm(proxy, draw);
      proxy.calm();
    });
  return { says, on: line === "clients" ? "clients" : "node", wired: true, run };
}

const lasting =
  (weather: Weather): Storm =>
  async (proxy, draw) => {
    proxy.change(weather);
    await aWhile(draw);
  };

const away: Storm = async (proxy, draw) => {
  proxy.change({ refused: true });
  proxy.reset();
  await aWhile(draw);
};

/** What was asked arrives and is done; the answer does not come, and then the line is cut: several times. */
const answersCut: Storm = async (proxy, draw) => {
  for (let i = 0; i < TIMES; i++) {
    proxy.change({ swallowed: ["down"] });
    await sleep(IN_FLIGHT_MS);
    proxy.reset();
    proxy.calm();
    await aWhile(draw, BETWEEN_MS);
  }
};

const delayed = lasting({ delayMs: 150 });
const oneWay = lasting({ held: ["down"] });
const otherWay = lasting({ held: ["up"] });

const tearing: Storm = async (proxy, draw) => {
  for (let i = 0; i < TIMES; i++) {
    proxy.tearFrames();
    await sleep(IN_FLIGHT_MS);
    proxy.calm();
    await aWhile(draw, BETWEEN_MS);
  }
};

const halfOpened: Storm = async (proxy, draw) => {
  proxy.halfOpen();
  await aWhile(draw);
};

const stopReading: Storm = async (proxy, draw) => {
  proxy.changeSome(ONE_IN, { held: ["down"] });
  await aWhile(draw);
};

export const NETWORK_FAULTS: Faults = {
  "redis-unreachable": between("redis", "one node cannot reach Redis, the others can", away),
  "redis-slow": between("redis", "150 ms each way between a node and Redis", delayed),
  "redis-one-way": between("redis", "a node's commands reach Redis, the answers do not", oneWay),
  "redis-other-way": between("redis", "a node's commands do not reach Redis", otherWay),
  "redis-half-open": between(
    "redis",
    "Redis has forgotten a node's connections, the node has not",
    halfOpened,
  ),
  "redis-answers-cut": between("redis", "cut between an append and its answer", answersCut),
  "pg-slow": {
    says: "150 ms each way between every node and Postgres",
    on: "postgres",
    wired: true,
    run: async (ground, draw) => {
      const lines = ground.living.map((node) => ground.wires(node).postgres);
      await Promise.all(lines.map((line) => delayed(line, draw)));
      for (const line of lines) line.calm();
    },
  },
  "pg-unreachable": between("postgres", "one node cannot reach Postgres, the others can", away),
  "pg-answers-cut": between("postgres", "cut between a commit and its answer", answersCut),
  "clients-slow": between("clients", "150 ms each way between clients and a node", delayed),
  "clients-one-way": between("clients", "clients reach a node, its answers do not come", oneWay),
  "clients-half-open": between("clients", "a node has lost connections that clients still hold", halfOpened),
  "clients-torn": between("clients", "connections are reset inside a frame", tearing),
  "clients-drip": between("clients", "one byte at a time", lasting({ dripBytes: DRIP_BYTES })),
  "clients-narrow": between("clients", "32 kB/s", lasting({ bytesPerSecond: NARROW_BYTES_PER_SECOND })),
  "clients-stop-reading": between("clients", "every second client of a node stops reading", stopReading),
};
