import { expect, it } from "vitest";
import type { Router } from "../../actors/ports.ts";
import type { ChannelId, UserId } from "../../protocol/ids.ts";
import { whileLeased } from "./lease-router.ts";

const channelId = "01a1fe0e-5f84-709e-8f46-8097ffad199c" as ChannelId;
const by = "01a1fe0e-5ea2-77e2-8874-81486baa12d0" as UserId;

it("rule S1: asks nobody while the lease has lapsed, and asks again once it holds", async () => {
  const asked: string[] = [];
  const router = {
    askChannel: async (_id: ChannelId, command: { type: string }) => {
      asked.push(command.type);
      return { ok: true };
    },
    askUser: async () => ({ ok: true }),
    heads: async () => new Map(),
  } as unknown as Router;
  let holds = false;
  const guarded = whileLeased(router, { holds: () => holds });

  const refused = await guarded.askChannel(channelId, { type: "leave", by });
  expect(refused).toMatchObject({ ok: false, error: { code: "unavailable", retry: "later" } });
  expect(asked).toEqual([]);

  holds = true;
  expect(await guarded.askChannel(channelId, { type: "leave", by })).toEqual({ ok: true });
  expect(asked).toEqual(["leave"]);
});
