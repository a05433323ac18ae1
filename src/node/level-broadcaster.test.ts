import { expect, it } from "vitest";
import type { ChannelSignal } from "../../actors/ports.ts";
import { LEVEL } from "../lib/level.ts";
import { whileUnderstood } from "./level-broadcaster.ts";

const signals = ["typing", "receipts", "channel:head"].map(
  (event) => ({ event, payload: {} }) as ChannelSignal,
);

it("rule E7: keeps typing and receipts back until no gateway of 0.1.0 is left, and events never", () => {
  const said: string[] = [];
  const cluster = { level: 1 };
  const broadcaster = whileUnderstood(
    {
      publish: (_channelId, epoch) => void said.push(`events of ${epoch}`),
      signal: ({ event }) => void said.push(event),
    },
    cluster,
  );
  const sayAll = () => {
    broadcaster.publish("c" as never, 7, []);
    for (const signal of signals) broadcaster.signal(signal);
    return said.splice(0);
  };
  expect(sayAll()).toEqual(["events of 7", "channel:head"]);
  cluster.level = LEVEL;
  expect(sayAll()).toEqual(["events of 7", "typing", "receipts", "channel:head"]);
});
