import { beforeEach, describe, expect, it, vi } from "vitest";
import type { SeenPresence, SessionAnswers, SessionCommand } from "../actors/commands.ts";
import type { UserId } from "../protocol/ids.ts";
import { type Answer, refused } from "../protocol/refusals.ts";
import type { Presence } from "../protocol/signals.ts";
import { type Connection, Connections } from "./connections.ts";
import { newUser } from "./doubles.ts";
import { WATCHED_MAX, Watches } from "./presence.ts";

type Watch = SessionAnswers["watch"];

let connections: Connections;
let watches: Watches;
/** What session actors were asked, and what they answer. */
let asked: { userId: UserId; command: SessionCommand }[];
let answer: (userId: UserId, command: SessionCommand) => Answer<Watch> | Promise<Answer<Watch>>;
/** What connections were told. */
let told: { to: string; presence: Presence }[];

const online = (userId: UserId): Presence => ({ userId, status: "online" });
const offline = (userId: UserId): Presence => ({ userId, status: "offline" });
const seen = (presence: Presence, more: Partial<SeenPresence & Watch> = {}): Answer<Watch> => ({
  ok: true,
  presence,
  ...more,
});

beforeEach(() => {
  vi.useFakeTimers();
  connections = new Connections();
  asked = [];
  told = [];
  answer = (userId) => seen(online(userId));
  watches = new Watches({
    connections,
    node: "here",
    router: {
      askUser: async (userId: UserId, command: SessionCommand) => {
        asked.push({ userId, command });
        return (await answer(userId, command)) as never;
      },
    },
    offer: ({ id }, { text }) =>
      void told.push({ to: id, presence: (JSON.parse(text.slice(1)) as [string, Presence])[1] }),
  });
  watches.start();
  return () => {
    watches.close();
    vi.useRealTimers();
  };
});

let opened = 0;
function connect(userId = newUser()): Connection {
  const connection = { id: `c${++opened}`, userId, watching: new Set() } as unknown as Connection;
  connections.add(connection);
  return connection;
}

const lists = () =>
  asked
    .splice(0)
    .flatMap(({ userId, command }) =>
      command.type === "watch" ? [{ userId, viewers: command.viewers }] : [],
    );
const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);

describe("watching people", () => {
  it("asks each one's session actor, once for all viewers here, and answers how they are", async () => {
    const [ada, bob] = [newUser(), newUser()];
    const [one, two] = [connect(), connect()];
    answer = (userId) => seen(userId === ada ? online(ada) : offline(bob));
    expect(await watches.watch(one, [ada, bob, ada])).toEqual([online(ada), offline(bob)]);
    expect(lists()).toEqual([
      { userId: ada, viewers: [one.userId] },
      { userId: bob, viewers: [one.userId] },
    ]);
    await pass(10);
    expect(await watches.watch(two, [ada])).toEqual([online(ada)]);
    expect(lists()).toEqual([{ userId: ada, viewers: [one.userId, two.userId] }]);
    expect(told).toEqual([]);
  });

  it("asks nobody about who is on another screen of the same viewer already", async () => {
    const ada = newUser();
    const one = connect();
    const two = connect(one.userId);
    await watches.watch(one, [ada]);
    asked = [];
    expect(await watches.watch(two, [ada])).toEqual([online(ada)]);
    expect(asked).toEqual([]);
    watches.tell([one.userId], offline(ada));
    expect(told.map(({ to }) => to)).toEqual([one.id, two.id]);
  });

  it("answers `offline` where the actor cannot be asked, and puts it right as soon as it can", async () => {
    const ada = newUser();
    const one = connect();
    answer = () => refused("unavailable");
    expect(await watches.watch(one, [ada])).toEqual([offline(ada)]);
    answer = (userId) => seen(online(userId));
    await pass(6_000);
    expect(told).toEqual([{ to: one.id, presence: online(ada) }]);
  });

  it("rule E4: takes no `offline` from an actor that is not sure, and keeps what it knew", async () => {
    const ada = newUser();
    const one = connect();
    await watches.watch(one, [ada]);
    answer = (userId) => seen(offline(userId), { unsure: true });
    watches.moved(() => true);
    asked = [];
    await pass(1_000);
    expect(lists()).toEqual([{ userId: ada, viewers: [one.userId] }]);
    expect(told).toEqual([]);
    watches.tell([one.userId], online(ada));
    expect(told).toEqual([]);
    watches.tell([one.userId], offline(ada));
    expect(told).toHaveLength(1);
  });

  it("row P7: shows `offline` to a viewer behind a block, and to nobody else", async () => {
    const ada = newUser();
    const [one, two] = [connect(), connect()];
    answer = (userId) => seen(online(userId), { hiddenFrom: [two.userId] });
    expect(await watches.watch(one, [ada])).toEqual([online(ada)]);
    await pass(10);
    expect(await watches.watch(two, [ada])).toEqual([offline(ada)]);
    await pass(60_000);
    expect(told).toEqual([]);
  });

  it("repeats every list, and tells what a lost word would have told", async () => {
    const ada = newUser();
    const one = connect();
    await watches.watch(one, [ada]);
    asked = [];
    answer = (userId) => seen(offline(userId));
    await pass(31_000);
    expect(lists()).toEqual([{ userId: ada, viewers: [one.userId] }]);
    expect(told).toEqual([{ to: one.id, presence: offline(ada) }]);
  });

  it("does not take an answer for newer than a word that came before it, and asks again", async () => {
    const ada = newUser();
    const one = connect();
    await watches.watch(one, [ada]);
    const { promise, resolve } = Promise.withResolvers<Answer<Watch>>();
    answer = () => promise;
    await pass(31_000);
    watches.tell([one.userId], offline(ada));
    resolve(seen(online(ada)));
    await pass(0);
    expect(told.map(({ presence }) => presence.status)).toEqual(["offline"]);
    answer = (userId) => seen(offline(userId));
    asked = [];
    await pass(1_000);
    expect(lists()).toHaveLength(1);
    expect(told).toHaveLength(1);
  });

  it("says a list without those who left, in the next round, and lets go of whom nobody watches", async () => {
    const ada = newUser();
    const [one, two] = [connect(), connect()];
    await watches.watch(one, [ada]);
    await pass(10);
    await watches.watch(two, [ada]);
    asked = [];
    watches.unwatch(one, [ada]);
    watches.unwatch(one, [ada]);
    watches.tell([one.userId, two.userId], offline(ada));
    expect(told.map(({ to }) => to)).toEqual([two.id]);
    await pass(1_100);
    expect(lists()).toEqual([{ userId: ada, viewers: [two.userId] }]);
    watches.forget(two);
    await pass(1_100);
    expect(lists()).toEqual([{ userId: ada, viewers: [] }]);
    await pass(60_000);
    expect(asked).toEqual([]);
  });

  it("says a long list at most as often as its length allows; newcomers are answered all the same", async () => {
    const ada = newUser();
    const crowd = Array.from({ length: 2_000 }, () => connect());
    const answers = await Promise.all(crowd.map((each) => watches.watch(each, [ada])));
    expect(answers.every((each) => each?.[0]?.status === "online")).toBe(true);
    await pass(2_500);
    asked = [];
    for (let second = 0; second < 10; second++) {
      expect(await watches.watch(connect(), [ada])).toEqual([online(ada)]);
      await pass(1_000);
    }
    const said = lists();
    expect(said.length).toBeGreaterThan(2);
    expect(said.length).toBeLessThanOrEqual(6);
  });

  it("refuses more people than a connection may watch, and takes none of them in", async () => {
    const one = connect();
    const people = Array.from({ length: WATCHED_MAX }, () => newUser());
    expect(await watches.watch(one, people)).toHaveLength(WATCHED_MAX);
    expect(await watches.watch(one, people)).toHaveLength(WATCHED_MAX);
    expect(await watches.watch(one, [people[0]!, newUser()])).toBeUndefined();
    expect(one.watching.size).toBe(WATCHED_MAX);
    watches.unwatch(one, people.slice(0, 1));
    expect(await watches.watch(one, [newUser()])).toHaveLength(1);
  });
});
