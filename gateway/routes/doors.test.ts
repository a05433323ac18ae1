/** REST and events are one thing: the same request, through either door, asks the same of the same owner and hears the same. */
import { describe, expect, test } from "vitest";
import type { ChannelCommand } from "../../actors/commands.ts";
import type { Answer } from "../../protocol/refusals.ts";
import { REQUESTS, type RequestName } from "../../protocol/requests.ts";
import type { Asker, Handler, Surroundings } from "../handlers/handler.ts";
import { SAMPLES } from "../handlers/samples.ts";
import { HANDLERS } from "../handlers/table.ts";
import {
  createRestWorld,
  id,
  listHistory,
  type Owner,
  someChannel,
  someMember,
  someMessage,
  someOpened,
} from "./rest-doubles.ts";
import { CHANNEL, MESSAGE, PERSON } from "./rest-samples.ts";

const ANN = id<Asker["userId"]>(1);
const member = someMember(id(2));
const message = someMessage(CHANNEL as never, 1);

/** An owner who agrees to everything. */
const agrees: Owner = {
  send: () => ({ ok: true, message, durability: "logged" }),
  message: () => ({ ok: true, message }),
  edit: () => ({ ok: true, message }),
  delete: () => ({ ok: true }),
  pin: () => ({ ok: true }),
  react: () => ({ ok: true, count: 3 }),
  join: (channelId, { by }) => ({ ok: true, ...someOpened(someChannel(channelId, { seq: 4 }), by) }),
  leave: () => ({ ok: true }),
  update: (channelId) => ({ ok: true, channel: someChannel(channelId) }),
  invite: () => ({ ok: true, member }),
  change_member: () => ({ ok: true, member }),
  remove_member: () => ({ ok: true, member }),
  mark: () => ({ ok: true, unread: 2 }),
};

/** A room that lets everyone in. */
const entry = {
  room: { about: { learn() {} } },
  withdraw() {},
  refuse() {},
  allows: () => true,
  open() {},
};

type Rest = { line: string; body?: object };
/** Each write as an event and as a route. */
const BOTH: [RequestName, Record<string, unknown>, Rest][] = [
  [
    "message:send",
    { channelId: CHANNEL, clientId: id(7), content: "hi @bob" },
    { line: `POST /channels/${CHANNEL}/messages`, body: { clientId: id(7), content: "hi @bob" } },
  ],
  [
    "message:edit",
    { messageId: MESSAGE, content: "**hi** @bob" },
    { line: `PATCH /messages/${MESSAGE}`, body: { content: "**hi** @bob" } },
  ],
  ["message:delete", { messageId: MESSAGE }, { line: `DELETE /messages/${MESSAGE}` }],
  [
    "message:delete",
    { channelId: CHANNEL, messageIds: [MESSAGE, `${CHANNEL}.2`, MESSAGE] },
    {
      line: `POST /channels/${CHANNEL}/messages/delete`,
      body: { messageIds: [MESSAGE, `${CHANNEL}.2`, MESSAGE] },
    },
  ],
  ["message:pin", { messageId: MESSAGE }, { line: `PUT /messages/${MESSAGE}/pin` }],
  ["message:unpin", { messageId: MESSAGE }, { line: `DELETE /messages/${MESSAGE}/pin` }],
  [
    "reaction:add",
    { messageId: MESSAGE, emoji: "👍" },
    { line: `POST /messages/${MESSAGE}/reactions`, body: { emoji: "👍" } },
  ],
  [
    "reaction:remove",
    { messageId: MESSAGE, emoji: ":+1:" },
    { line: `DELETE /messages/${MESSAGE}/reactions?emoji=${encodeURIComponent(":+1:")}` },
  ],
  ["channel:join", { channelId: CHANNEL }, { line: `POST /channels/${CHANNEL}/join` }],
  ["channel:leave", { channelId: CHANNEL }, { line: `POST /channels/${CHANNEL}/leave` }],
  ["channel:read", { channelId: CHANNEL, seq: 1 }, { line: `PUT /messages/${MESSAGE}/read` }],
  [
    "channel:update",
    { channelId: CHANNEL, name: "two", settings: { slowModeSeconds: 5, memberLimit: null } },
    {
      line: `PATCH /channels/${CHANNEL}`,
      body: { name: "two", settings: { slowModeSeconds: 5, memberLimit: null } },
    },
  ],
  [
    "member:invite",
    { channelId: CHANNEL, userId: PERSON, role: "guest" },
    { line: `POST /channels/${CHANNEL}/members`, body: { userId: PERSON, role: "guest" } },
  ],
  [
    "member:update",
    { channelId: CHANNEL, userId: PERSON, mutedUntilMs: null },
    { line: `PATCH /channels/${CHANNEL}/members/${PERSON}`, body: { mutedUntilMs: null } },
  ],
  [
    "member:remove",
    { channelId: CHANNEL, userId: PERSON },
    { line: `DELETE /channels/${CHANNEL}/members/${PERSON}` },
  ],
  [
    "member:remove",
    { channelId: CHANNEL, userId: PERSON, bannedUntilMs: null },
    { line: `DELETE /channels/${CHANNEL}/members/${PERSON}?bannedUntilMs=forever` },
  ],
  [
    "member:remove",
    { channelId: CHANNEL, userId: PERSON, bannedUntilMs: 0 },
    { line: `DELETE /channels/${CHANNEL}/members/${PERSON}?bannedUntilMs=0` },
  ],
];

/** Of sockets alone: what listens, what only a connection has, and what REST has under other names. */
const SOCKETS_ALONE: RequestName[] = [
  "channel:open",
  "channel:close",
  "channel:sync",
  "channel:delivered",
  "typing:start",
  "typing:stop",
  "presence:update",
  "presence:watch",
  "presence:unwatch",
  "session:resume",
  "health:check",
];

async function world() {
  const rest = await createRestWorld(agrees);
  const { headers } = await rest.person(1, "ann");
  const { user: bob } = await rest.person(2, "bob");
  const asked: ChannelCommand[] = [];
  const surroundings = {
    router: {
      async askChannel(channelId: never, command: ChannelCommand) {
        asked.push(command);
        const answer = agrees[command.type] as ((id: never, command: ChannelCommand) => Answer) | undefined;
        return answer!(channelId, command);
      },
    },
    rates: { takeMessage: async () => ({ ok: true }) },
    history: listHistory([]),
    accounts: { byUsernames: async () => [bob] },
    userExists: async () => true,
    rooms: { enter: () => entry },
    spaces: { admits: async () => "member" },
    readMarks: {
      keeps: () => false,
      furthest: (_connection: unknown, _channelId: unknown, seq: number) => seq,
      endsHere: () => false,
    },
  } as unknown as Surroundings;
  const asker = {
    connection: {},
    userId: ANN,
    trace: { requestId: "1" },
    afterAnswer: () => {},
  } as unknown as Asker;
  return {
    async byEvent(name: RequestName, request: object) {
      const parsed = REQUESTS[name].request.parse(request);
      const { ok: _ok, ...answer } = (await (HANDLERS[name] as Handler<RequestName>)(
        parsed as never,
        asker,
        surroundings,
      )) as Answer;
      return { answer, asked: asked.splice(0) };
    },
    async byRest({ line, body }: Rest) {
      const [method, path] = line.split(" ") as ["GET", string];
      const { json } = await rest.app.inject({
        method,
        url: `/api/v1${path}`,
        headers,
        ...(body && { payload: body }),
      });
      return { answer: json(), asked: rest.asked.splice(0).map(({ command }) => command) };
    },
  };
}

/** As it goes over a wire. */
const plain = (value: unknown) => JSON.parse(JSON.stringify(value));

describe("REST and events are one thing", () => {
  test.each(BOTH)("%s %j", async (name, request, rest) => {
    const doors = await world();
    const [event, route] = [await doors.byEvent(name, request), await doors.byRest(rest)];
    // Reading a message over REST asks first whether it is a reply.
    const writes = route.asked.filter(({ type }) => name !== "channel:read" || type !== "message");
    expect(plain(writes)).toEqual(plain(event.asked));
    expect(route.answer).toEqual(plain(event.answer));
    expect(writes.length).toBeGreaterThan(0);
  });

  test("no event is without its route, or the reason why", () => {
    const told = new Set([...BOTH.map(([name]) => name), ...SOCKETS_ALONE]);
    expect([...told].sort()).toEqual(Object.keys(SAMPLES).sort());
  });
});
