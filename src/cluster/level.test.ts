import { describe, expect, it } from "vitest";
import type { ChannelCommand, PreparedMessage, SessionCommand } from "../../actors/commands.ts";
import { isUpgrading, refused } from "../../protocol/refusals.ts";
import { LEVEL } from "../lib/level.ts";
import { ClusterLevel, levelOf, notYet } from "./level.ts";

const send = (message: Partial<PreparedMessage>) =>
  ({ type: "send", message: { type: "text", ...message } }) as ChannelCommand;
const create = (settings: object) =>
  ({ type: "create", channel: { kind: "private", settings } }) as ChannelCommand;

describe("rule E7: what a command needs of the cluster", () => {
  it.each([
    ["a text", send({}), 1],
    ["code", send({ type: "code" }), 2],
    ["a reply", send({ replyTo: "c.1" as never }), 2],
    ["a message in a thread", send({ threadId: "c.1" as never }), 2],
    ["a channel", create({ slowModeSeconds: 5, autoArchiveDays: 3 }), 1],
    ["a channel with automatic slow mode", create({ autoSlowMode: {} }), 2],
    ["a channel with an edit window", create({ editWindowSeconds: 60 }), 2],
    ["a read mark", { type: "mark" } as ChannelCommand, 1],
    ["an edit", { type: "edit" } as ChannelCommand, 2],
    ["an attachment", { type: "attach" } as SessionCommand, 1],
    ["a chosen presence", { type: "choose" } as SessionCommand, 2],
  ])("%s", (_what, command, level) => {
    expect(levelOf(command)).toBe(level);
  });

  it("tells who asks too early to come back", () => {
    expect(notYet().error).toMatchObject({
      code: "unavailable",
      retry: "later",
      retryAfterMs: expect.any(Number),
    });
    expect([notYet(), refused("unavailable")].map(isUpgrading)).toEqual([true, false]);
  });
});

describe("rule E7: the cluster's level", () => {
  it("rises, says so once, and never falls, whatever Redis has forgotten", () => {
    const level = new ClusterLevel();
    const risen: number[] = [];
    level.onRise((to) => risen.push(to));
    expect([level.current, level.isForgotten]).toEqual([1, false]);
    level.rise(LEVEL);
    level.rise(LEVEL);
    expect([level.current, level.isForgotten]).toEqual([LEVEL, true]);
    level.read(String(LEVEL));
    expect(level.isForgotten).toBe(false);
    level.read(undefined);
    level.read("nonsense");
    expect(level.current).toBe(LEVEL);
    expect(risen).toEqual([LEVEL]);
  });
});
