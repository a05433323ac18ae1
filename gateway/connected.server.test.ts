import { afterEach, beforeEach, expect, it } from "vitest";
import type { StagedGateway } from "../test/support/gateway-stage.ts";
import { listenerOf, type Meeting, memberOf, openMeeting } from "../test/support/meeting.ts";
import { joinedEvent, leftEvent, newChannel, newUser } from "./doubles.ts";

let meeting: Meeting;
beforeEach(async () => {
  meeting = await openMeeting();
});
afterEach(() => meeting.stage.close());

it("row P4: a gateway knows the members who are connected to it, whether they listen or not, until they go", async () => {
  const { stage, one, two, channelId } = meeting;
  const stranger = newUser();
  await stage.client(one, stranger);
  const listener = await listenerOf(stage, one, [channelId]);
  const bystander = await memberOf(stage, one, [channelId]);
  const elsewhere = await memberOf(stage, two, [channelId]);
  const at = (gateway: StagedGateway) => [...gateway.connected(channelId).userIds].sort();
  await expect.poll(() => at(one)).toEqual([listener.userId, bystander.userId].sort());
  await expect.poll(() => at(two)).toEqual([elsewhere.userId]);
  expect(one.connected(channelId).count).toBe(2);
  expect(one.connected(newChannel())).toEqual({ userIds: [], count: 0 });

  // Somebody comes in who was connected already, and somebody goes: every node hears of both.
  two.broadcaster.publish(channelId, 1, [joinedEvent(1, stranger), leftEvent(2, listener.userId)]);
  await expect.poll(() => at(one)).toEqual([bystander.userId, stranger].sort());
  bystander.close();
  await expect.poll(() => at(one)).toEqual([stranger]);
});
