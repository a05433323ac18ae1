/** Faults of one node's process. */
import { setTimeout as sleep } from "node:timers/promises";
import type { TestNode } from "../support/cluster.ts";
import type { Fault, Faults } from "./fault.ts";
import type { Ground } from "./ground.ts";

const SECOND_MS = 1_000;
/** A node at rest takes some 60 MiB of old space. */
const LITTLE_HEAP_MIB = 192;
/** Until a node that eats has died of it, on a busy machine. */
const DIES_WITHIN_MS = 60_000;

type Choose = (ground: Ground) => Promise<TestNode>;
const owner: Choose = (ground) => ground.owner();
const leader: Choose = (ground) => ground.leader();
const gateway: Choose = (ground) => ground.gateway();

function killed(says: string, choose: Choose): Fault {
  const run = async (ground: Ground) => ground.replace(await choose(ground), (node) => node.kill());
  return { says, on: "node", run };
}

function frozen(seconds: number): Fault {
  return {
    says: `SIGSTOP of the busiest owner, SIGCONT after ${seconds} s`,
    on: "node",
    run: async (ground) =>
      ground.hold(await owner(ground), async (node) => {
        node.freeze();
        await sleep(seconds * SECOND_MS);
        node.thaw();
      }),
  };
}

export const PROCESS_FAULTS: Faults = {
  "kill-owner": killed("SIGKILL of the node that owns most channels", owner),
  "kill-leader": killed("SIGKILL of the node that leads placement", leader),
  "kill-gateway": killed("SIGKILL of a node for its connections", gateway),
  "freeze-owner-5": frozen(5),
  "freeze-owner-30": frozen(30),
  "block-owner-5": {
    says: "the event loop of the busiest owner stands for 5 s",
    on: "node",
    run: async (ground) =>
      ground.hold(await owner(ground), async (node) => {
        ground.order(node, { kind: "block", ms: 5 * SECOND_MS });
        await sleep(5 * SECOND_MS);
      }),
  },
  "out-of-memory": {
    says: "the busiest owner grows until V8 ends it",
    on: "node",
    heapMib: LITTLE_HEAP_MIB,
    run: async (ground) =>
      ground.replace(await owner(ground), async (node) => {
        ground.order(node, { kind: "eat" });
        const died = node.exited.then(() => true);
        const dead = await Promise.race([died, sleep(DIES_WITHIN_MS, false, { ref: false })]);
        if (!dead) throw new Error(`${node.name} lives though it ate for ${DIES_WITHIN_MS} ms`);
      }),
  },
};
