/** What operators do to a cluster, and what befalls it by their hand. */
import { setTimeout as sleep } from "node:timers/promises";
import { aWhile, type Fault, type Faults } from "./fault.ts";

const HOUR_MS = 3_600_000;
/** A frozen leader's lease is another's by then: 6 s, and a try. */
const LEADER_AWAY_MS = 9_000;
/** Time for shards to move before the next step. */
const MOVES_MS = 3_000;

function clockOff(says: string, aheadMs: number): Fault {
  return {
    says,
    on: "node",
    run: (ground, draw) =>
      ground.hold(ground.any(draw.next()), async (node) => {
        ground.order(node, { kind: "clock", aheadMs });
        await aWhile(draw);
        ground.order(node, { kind: "clock", aheadMs: 0 });
      }),
  };
}

export const OPERATION_FAULTS: Faults = {
  "rolling-restart": {
    says: "every node is drained and started again, one after another",
    on: "nodes",
    run: async (ground) => {
      for (const node of [...ground.living]) {
        await ground.replace(node, (each) => each.term());
        await sleep(MOVES_MS);
      }
    },
  },
  "drain-owner": {
    says: "the busiest owner is drained and started again",
    on: "node",
    run: async (ground) => ground.replace(await ground.owner(), (node) => node.term()),
  },
  "node-added": {
    says: "a fourth node joins",
    on: "nodes",
    run: async (ground) => {
      await ground.add("node-new");
      await sleep(MOVES_MS);
    },
  },
  "node-removed": {
    says: "a node is drained and does not come back",
    on: "nodes",
    run: async (ground, draw) => {
      await ground.remove(ground.any(draw.next()), (node) => node.term());
      await sleep(MOVES_MS);
    },
  },
  "two-leaders": {
    says: "a leader wakes when another leads",
    on: "node",
    run: async (ground) =>
      ground.hold(await ground.leader(), async (node) => {
        node.freeze();
        await sleep(LEADER_AWAY_MS);
        await ground.leader();
        node.thaw();
      }),
  },
  "clock-ahead": clockOff("a node's clock jumps an hour ahead, and back", HOUR_MS),
  "clock-behind": clockOff("a node's clock jumps an hour back, and on again", -HOUR_MS),
};
