import fc from "fast-check";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { ConnectionId, UserId } from "../../protocol/ids.ts";
import type { Frame } from "../adapter/frame.ts";
import { messageEvent, newChannel, newUser } from "../doubles.ts";
import { Audience } from "./audience.ts";
import { CROWD_MIN, GATHER_MS } from "./crowd.ts";
import type { Outlet, RoomConnection } from "./listener.ts";

const channelId = newChannel();
/** What each connection was given: a list of seqs per frame. */
let given: Map<RoomConnection, number[][]>;
let audience: Audience;
let people: RoomConnection[];
let seq = 0;

/** Read once, not once per listener. */
const read = new WeakMap<Frame, number[]>();
function seqsOf(frame: Frame): number[] {
  const known = read.get(frame);
  if (known) return known;
  const [, { events }] = JSON.parse(frame.text.slice(1)) as [string, { events: { seq: number }[] }];
  const seqs = events.map((event) => event.seq);
  read.set(frame, seqs);
  return seqs;
}

beforeEach(() => vi.useFakeTimers());
afterEach(() => {
  audience.close();
  vi.useRealTimers();
});

function begin(): void {
  given = new Map();
  people = [];
  seq = 0;
  const outlet: Outlet = {
    offer(connection, frame) {
      given.get(connection)!.push(seqsOf(frame));
      return true;
    },
    pass: () => true,
    tellBehind: () => {},
    connectionsOf: (userId) => people.filter((person) => person.userId === userId),
    entered: () => {},
    left: () => {},
  };
  audience = new Audience(channelId, outlet, { delivered: () => {}, skipped: () => {} });
}

/** A listener from here on; told of all that was said before. */
function comes(userId: UserId = newUser()): RoomConnection {
  const connection = { id: `connection-${people.length}` as ConnectionId, userId };
  people.push(connection);
  given.set(connection, []);
  audience.goLive(audience.add(connection), { seq, epoch: 1 });
  return connection;
}

function crowdOf(count: number): RoomConnection[] {
  return Array.from({ length: count }, () => comes());
}

const stranger = newUser();
const say = (by: UserId = stranger) =>
  audience.deliver({ epoch: 1, events: [messageEvent(channelId, ++seq, by)] });

test("row A6: the first message goes to all at once, the next ones in one frame to those who only listen", () => {
  begin();
  const [listener] = crowdOf(CROWD_MIN);
  say();
  expect(given.get(listener!)).toEqual([[1]]);
  for (const _ of [2, 3, 4]) say();
  expect(given.get(listener!)).toEqual([[1]]);
  vi.advanceTimersByTime(GATHER_MS);
  expect(given.get(listener!)).toEqual([[1], [2, 3, 4]]);
  say();
  vi.advanceTimersByTime(2 * GATHER_MS);
  say();
  expect(given.get(listener!), "a quiet crowd waits for nothing").toEqual([[1], [2, 3, 4], [5], [6]]);
});

test("row A6: who has spoken lately hears everything at once, also what waited when they began", () => {
  begin();
  const [listener, speaker] = crowdOf(CROWD_MIN);
  say();
  say();
  expect(given.get(speaker!)).toEqual([[1]]);
  say(speaker!.userId);
  expect(given.get(speaker!)).toEqual([[1], [2], [3]]);
  say();
  expect(given.get(speaker!)).toEqual([[1], [2], [3], [4]]);
  expect(given.get(listener!)).toEqual([[1], [2]]);
  vi.advanceTimersByTime(GATHER_MS);
  expect(given.get(listener!)).toEqual([[1], [2], [3, 4]]);
  expect(given.get(speaker!)).toHaveLength(4);
});

test("fewer than a crowd: every message goes to everyone at once", () => {
  begin();
  const [listener] = crowdOf(CROWD_MIN - 1);
  for (const _ of [1, 2, 3]) say();
  expect(given.get(listener!)).toEqual([[1], [2], [3]]);
});

test("whatever happens, everyone is given each message from their coming on in order and once", {
  timeout: 30_000,
}, () => {
  const deed = fc.constantFrom("say", "say", "say", "speak", "come", "go", "wait", "release", "behind");
  fc.assert(
    fc.property(fc.array(fc.tuple(deed, fc.nat(20)), { maxLength: 60 }), (deeds) => {
      begin();
      crowdOf(CROWD_MIN + 3);
      const from = new Map<RoomConnection, number>();
      let known = people.slice(0, 10);
      for (const connection of known) from.set(connection, 0);
      for (const [what, n] of deeds) {
        const one = known[n % known.length]!;
        if (what === "say") say();
        else if (what === "speak") say(one.userId);
        else if (what === "wait") vi.advanceTimersByTime(n * 25);
        else if (what === "release") audience.release();
        else if (what === "come") {
          const before = seq;
          const comer = comes(one.userId);
          from.set(comer, before);
          known.push(comer);
        } else if (what === "go") {
          const gone = people.pop()!;
          audience.remove(audience.get(gone)!);
          known = known.filter((connection) => connection !== gone);
        } else {
          audience.leaveAllBehind();
          for (const connection of people) audience.goLive(audience.get(connection)!, { seq, epoch: 1 });
        }
      }
      vi.advanceTimersByTime(GATHER_MS);
      for (const connection of known) {
        const after = from.get(connection)!;
        const seqs = Array.from({ length: seq - after }, (_, i) => after + i + 1);
        expect(given.get(connection)!.flat()).toEqual(seqs);
      }
      audience.close();
    }),
    { numRuns: 25 },
  );
});
