import { beforeEach, describe, expect, it, vi } from "vitest";
import type { SessionCommand } from "../actors/commands.ts";
import type { UserId } from "../protocol/ids.ts";
import { type Answer, refused } from "../protocol/refusals.ts";
import { Attachments } from "./attachments.ts";
import { type Connection, Connections } from "./connections.ts";
import { newUser } from "./doubles.ts";

const ada = newUser();
let connections: Connections;
let attachments: Attachments;
let said: (SessionCommand & { type: "attach" })[];
let answer: Answer;

beforeEach(() => {
  vi.useFakeTimers();
  connections = new Connections();
  said = [];
  answer = { ok: true };
  attachments = new Attachments({
    connections,
    node: "here",
    nowMs: () => Date.now(),
    router: {
      askUser: async (_userId: UserId, command: SessionCommand) => {
        said.push(command as never);
        return answer as never;
      },
    },
  });
  attachments.start();
  return () => {
    attachments.close();
    vi.useRealTimers();
  };
});

function connect(id: string): Connection {
  const nowMs = Date.now();
  const times = { sinceMs: nowMs, activeAtMs: nowMs, activeToldAtMs: nowMs };
  const connection = { id, userId: ada, ...times } as unknown as Connection;
  connections.add(connection);
  attachments.changed(ada);
  return connection;
}
const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);
/** The ages of what was said to be the last activity. */
const ages = () => said.splice(0).map((each) => each.connections.map((one) => Date.now() - one.activeAtMs));

describe("rule E4: what a session actor is told of connections", () => {
  it("is said at once, every 30 s, when the shard has moved, and no longer when none is left", async () => {
    const connection = connect("1");
    expect(said.splice(0)).toMatchObject([{ node: "here", connections: [{ connectionId: "1" }] }]);
    await pass(29_000);
    expect(said).toHaveLength(0);
    await pass(2_000);
    expect(said.splice(0)).toHaveLength(1);
    attachments.moved(() => true);
    await pass(1_000);
    expect(said.splice(0)).toHaveLength(1);
    connections.remove(connection);
    attachments.changed(ada);
    expect(said.splice(0)).toMatchObject([{ connections: [] }]);
    await pass(60_000);
    expect(said).toHaveLength(0);
  });

  it("is said again soon where the owner could not be asked, that the last has gone as well", async () => {
    answer = refused("unavailable");
    const connection = connect("1");
    await pass(6_000);
    expect(said.splice(0)).toHaveLength(2);
    connections.remove(connection);
    attachments.changed(ada);
    answer = { ok: true };
    await pass(60_000);
    expect(said.splice(0)).toMatchObject([{ connections: [] }, { connections: [] }]);
  });

  it("row P3: brings activity at once after a pause of a minute; else it goes with the next repetition", async () => {
    const [phone, laptop] = [connect("1"), connect("2")];
    said = [];
    for (let second = 0; second < 25; second++) {
      attachments.active(phone);
      await pass(1_000);
    }
    expect(said).toHaveLength(0);
    await pass(5_500);
    expect(ages()).toEqual([[expect.closeTo(6_500, -3), expect.closeTo(30_500, -3)]]);
    await pass(70_000);
    said = [];
    attachments.active(laptop);
    expect(ages()).toEqual([[expect.any(Number), 0]]);
    attachments.active(laptop);
    attachments.active(phone);
    expect(ages()).toEqual([[0, 0]]);
  });
});
