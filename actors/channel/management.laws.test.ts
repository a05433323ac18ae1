import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type ChannelKind, type Member, ROLES, type Role } from "../../protocol/channel.ts";
import type { ChannelEvent } from "../../protocol/events.ts";
import type { UserId } from "../../protocol/ids.ts";
import type { ChannelCommand } from "../commands.ts";
import { client, said, user } from "../doubles.ts";
import { Played } from "../playing.ts";
import { apply } from "./apply.ts";
import { commandOf } from "./salvage.ts";
import { restore } from "./state.ts";

const people = [1, 2, 3, 4, 5, 6].map(user);
const [founder, ada] = people as [UserId, UserId];
const START_MS = 1_700_000_000_000;

/** Whoever owns the channel at that moment acts more often than others: what they ask is not refused. */
const person = fc.constantFrom<UserId | "owner">("owner", "owner", ...people);
const someone = fc.constantFrom(...people);
/** Some ends come within the run, some have come, some never come. */
const end = fc.constantFrom(null, 0, 1, START_MS + 100_000, START_MS + 200_000, START_MS + 1e9);
const perhaps = <T>(one: fc.Arbitrary<T>) => fc.option(one, { nil: undefined });
const overrides = fc.constantFrom(
  {},
  { send: false },
  { removeMembers: true },
  { addMembers: true, send: true },
);
const role = fc.constantFrom<Role>(...ROLES);

/** Mostly seconds; sometimes so long that a channel archives itself. */
const pauseMs = fc.constantFrom(0, 7_000, 7_000, 7_000, 7_000, 7_000, 90_000_000);

type Step = { command: ChannelCommand; by: UserId | "owner"; pauseMs: number };
const step = (weight: number, content: fc.Arbitrary<object>) => ({
  weight,
  arbitrary: fc
    .tuple(person, content, pauseMs)
    .map(([by, rest, pause]) => ({ by, command: { by, ...rest }, pauseMs: pause }) as Step),
});
const steps = fc.array(
  fc.oneof(
    step(
      6,
      fc.record({
        type: fc.constant("change_member"),
        userId: someone,
        role: perhaps(role),
        overrides: perhaps(overrides),
        mutedUntilMs: perhaps(end),
      }),
    ),
    step(3, fc.record({ type: fc.constant("change_member"), userId: someone, role: fc.constant("owner") })),
    step(5, fc.record({ type: fc.constant("remove_member"), userId: someone, bannedUntilMs: perhaps(end) })),
    step(5, fc.record({ type: fc.constant("invite"), userId: someone, role: perhaps(role) })),
    step(8, fc.record({ type: fc.constantFrom("join", "join", "leave") })),
    step(
      3,
      fc.record({
        type: fc.constant("update"),
        name: perhaps(fc.constantFrom("a", "b")),
        archived: perhaps(fc.boolean()),
        settings: perhaps(
          fc.constantFrom({ slowModeSeconds: 5 }, { autoArchiveDays: 1 }, { memberLimit: 3 }),
        ),
      }),
    ),
    step(
      3,
      fc.nat(20).map((n) => ({ type: "send", attempt: 1, message: said(client(n)) })),
    ),
  ),
  { maxLength: 60 },
);
const kind = fc.constantFrom<ChannelKind>("topic", "announcement", "private", "group", "dm", "space");

type Members = Map<UserId, Member>;

function membersOf(played: Played): Members {
  const members: Members = new Map();
  for (const { event } of played.log) if ("member" in event) members.set(event.member.userId, event.member);
  return members;
}

const ownersOf = (members: Members) => [...members.values()].filter((member) => member.role === "owner");

function inSpace(played: Played): Played {
  for (const userId of people) played.inSpace.set(userId, userId === founder ? "moderator" : "member");
  return played;
}

type Check = (step: { played: Played; command: ChannelCommand; before: Members; from: number }) => void;

/** Plays the steps; `check` sees each that was accepted, with the members before it and the length of the log. */
function run(
  of: ChannelKind,
  taken: readonly Step[],
  check?: Check,
  pause?: (played: Played) => void,
): Played {
  const played = inSpace(Played.of(of, founder, { other: ada }));
  for (const { command, by, pauseMs } of taken) {
    pause?.(played);
    played.nowMs += pauseMs;
    const before = membersOf(played);
    const actor = by === "owner" ? (ownersOf(before)[0]?.userId ?? founder) : by;
    const asked = { ...command, by: actor } as ChannelCommand;
    const from = played.log.length;
    const answer = played.do(asked);
    if (answer.ok) check?.({ played, command: asked, before, from });
    else expect(played.log.slice(from).every(({ event }) => event.type === "channel:archived")).toBe(true);
  }
  return played;
}

const law = (check: (of: ChannelKind, taken: Step[]) => void) => () =>
  fc.assert(fc.property(kind, steps, check), { numRuns: 400 });

/** How someone counts against others: outside, they are no more than they would come back as. */
function standing(member: Member): Role {
  const isInside = member.status === "active" || member.status === "pending";
  return isInside || member.role === "guest" ? member.role : "member";
}
const above = (own: Role, other: Role) => ROLES.indexOf(own) < ROLES.indexOf(other);
const sanctionsOf = ({ role: now, overrides: limits, mutedUntilMs, bannedUntilMs }: Member) => ({
  role: now,
  limits: limits ?? {},
  mutedUntilMs,
  bannedUntilMs,
});

describe("any run of management by any people", () => {
  it(
    "leaves exactly one owner, who is in; and none in a dm",
    law((of, taken) => {
      run(of, taken, ({ played }) => {
        const owners = ownersOf(membersOf(played));
        if (of === "dm") expect(owners).toEqual([]);
        else expect(owners).toMatchObject([{ status: "active" }]);
      });
    }),
  );

  it(
    "changes nobody's role, overrides, mute or ban but from above, and grants nothing but what is below",
    law((of, taken) => {
      run(of, taken, ({ played, before, from }) => {
        const events = played.log.slice(from).map(({ event }) => event);
        for (const event of events) {
          if (event.type !== "member:updated" && event.type !== "member:left") continue;
          const old = before.get(event.member.userId);
          if (old === undefined || event.by === event.member.userId) continue;
          const own = before.get(event.by)!;
          expect(own.status).toBe("active");
          const isChanged = !isSame(sanctionsOf(old), sanctionsOf(event.member));
          const isInvited = event.member.status === "pending" && old.status !== "pending";
          if (isChanged && !isInvited) expect(above(own.role, standing(old))).toBe(true);
          if (old.role !== event.member.role && event.member.role !== "owner" && !isInvited)
            expect(above(own.role, event.member.role)).toBe(true);
        }
        expectOwnChanges(events, before);
      });
    }),
  );

  it(
    "counts active members as a recount does",
    law((of, taken) => {
      run(of, taken, ({ played }) => {
        const active = [...membersOf(played).values()].filter(({ status }) => status === "active");
        expect(played.state.fold.memberCount).toBe(active.length);
        const last = played.log.at(-1)!.event;
        if ("channel" in last) expect(last.channel.memberCount).toBe(active.length);
      });
    }),
  );

  it(
    "logs nothing for the repeat of what was accepted (rule B1)",
    law((of, taken) => {
      run(of, taken, ({ played, command }) => {
        const { length } = played.log;
        expect(played.do(command).ok).toBe(true);
        expect(played.log).toHaveLength(length);
      });
    }),
  );

  it(
    "replays to the same state",
    law((of, taken) => {
      const { log, state } = run(of, taken);
      const replayed = restore(state.id, state.reign, undefined, state.recent);
      for (const record of log) apply(replayed, record);
      expect(replayed.fold).toEqual(state.fold);
      expect(replayed.pace).toEqual(state.pace);
      for (const [userId, { member }] of replayed.members.byUser)
        expect(state.members.byUser.get(userId)?.member).toEqual(member);
    }),
  );

  it(
    "is decided the same whether or not the channel left memory meanwhile (rules A1, A2, E5)",
    law((of, taken) => {
      const forgetful = run(of, taken, undefined, (played) => played.forget());
      expect(forgetful.log).toEqual(run(of, taken).log);
    }),
  );

  it(
    "is brought to another owner by the commands that salvage makes of it (rule G3)",
    law((of, taken) => {
      const first = run(of, taken);
      const second = inSpace(new Played(first.state.id, 2));
      for (const record of first.log) {
        second.nowMs = record.event.atMs;
        const command = commandOf(record);
        if (command) expect(second.do(command)).toMatchObject({ ok: true });
      }
      const plain = ({ joinedAtMs: _, ...member }: Member) => member;
      const all = (played: Played) => [...membersOf(played).values()].map(plain);
      expect(all(second)).toEqual(all(first));
      const { seq: _seq, epoch: _epoch, ...channel } = first.state.fold.channel!;
      expect(second.state.fold.channel).toMatchObject(channel);
    }),
  );
});

/** Oneself: coming, going, and becoming an admin by handing the channel over. */
function expectOwnChanges(events: readonly ChannelEvent[], before: Members): void {
  for (const event of events) {
    if (event.type !== "member:updated" || event.by !== event.member.userId) continue;
    expect(before.get(event.by)?.role).toBe("owner");
    expect(event.member.role).toBe("admin");
    expect(events[0]).toMatchObject({ type: "member:updated", member: { role: "owner" } });
  }
}

function isSame(a: ReturnType<typeof sanctionsOf>, b: ReturnType<typeof sanctionsOf>): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
