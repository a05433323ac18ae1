import { describe, expect, it } from "vitest";
import { restore } from "../../actors/channel/state.ts";
import { client, said, user } from "../../actors/doubles.ts";
import { Played } from "../../actors/playing.ts";
import type { Router } from "../../actors/ports.ts";
import { refused } from "../../protocol/refusals.ts";
import { salvage } from "./salvage.ts";

const ada = user(1);
const bob = user(2);
const edit = (seq: number, content: string) =>
  ({ type: "edit", by: bob, seq, content, html: content }) as const;

/** Ada and bob's group as Postgres has it, in the hands of the owner of `reign`. */
function begun(reign: number): Played {
  const played = Played.of("group", ada);
  played.admit(ada, bob);
  played.flush();
  const { id, recent } = played.state;
  played.state = restore(id, reign, played.store.rows.get(id), recent);
  return played;
}
const routerTo = (played: Played): Pick<Router, "askChannel"> & { asked: string[] } => {
  const asked: string[] = [];
  const askChannel = async (_id: unknown, command: Parameters<Played["do"]>[0]) => {
    asked.push(command.type);
    return played.do(command) as never;
  };
  return { asked, askChannel: askChannel as never };
};

describe("rule G3: salvage", () => {
  it("repeats nothing that the new owner's history holds: people have gone on from there", async () => {
    const played = begun(1);
    played.say(bob, "first");
    const { seq } = played.state.fold;
    played.do(edit(seq, "second"));
    const lost = played.log.slice(-2);
    played.do(edit(seq, "third"));
    const { length } = played.log;
    const router = routerTo(played);
    expect(await salvage(router, lost)).toEqual({ lost: 0 });
    expect(router.asked).toEqual(["sync", "sync"]);
    expect(played.log).toHaveLength(length);
    expect(played.do({ type: "message", by: ada, seq }).message).toMatchObject({ content: "third" });
  });

  it("brings what is missing back, behind what happened meanwhile, and what became of it to where it stands", async () => {
    const old = begun(1);
    old.do({ type: "send", by: bob, message: said(client(50), "mine"), attempt: 1 });
    const { seq } = old.state.fold;
    old.do(edit(seq, "mine, edited"));
    old.do({ type: "react", by: ada, seq, emoji: "👍", on: true });
    const fresh = begun(2);
    fresh.do({ type: "send", by: ada, message: said(client(60), "another's"), attempt: 1 });
    expect(fresh.state.fold.seq).toBe(seq);
    expect(await salvage(routerTo(fresh), old.log.slice(-3))).toEqual({ lost: 0 });
    const messages = [seq, seq + 1].map((each) => fresh.do({ type: "message", by: bob, seq: each }).message);
    expect(messages).toMatchObject([
      { content: "another's", reactions: [] },
      { content: "mine, edited", reactions: [{ emoji: "👍", count: 1 }] },
    ]);
  });

  it("counts what is refused, and lets what became of a refused message go with it", async () => {
    const old = begun(1);
    old.do({ type: "send", by: bob, message: said(client(50), "mine"), attempt: 1 });
    const { seq } = old.state.fold;
    old.do({ type: "react", by: ada, seq, emoji: "👍", on: true });
    const fresh = begun(2);
    fresh.do({ type: "leave", by: bob });
    expect(await salvage(routerTo(fresh), old.log.slice(-2))).toEqual({ lost: 1 });
    expect(fresh.log.at(-1)?.event.type).toBe("member:left");
  });

  it.each([
    ["for a day", 86_400_000],
    ["for ever", null],
  ])("waits for nobody who is muted %s: what comes behind is brought at once", async (_how, mute) => {
    const old = begun(1);
    old.do({ type: "send", by: bob, message: said(client(50), "mine"), attempt: 1 });
    old.do({ type: "send", by: ada, message: said(client(60), "hers"), attempt: 1 });
    const fresh = begun(2);
    const mutedUntilMs = mute && fresh.nowMs + mute;
    fresh.do({ type: "change_member", by: ada, userId: bob, mutedUntilMs });
    expect(await salvage(routerTo(fresh), old.log.slice(-2))).toEqual({ lost: 1 });
    expect(fresh.log.at(-1)?.event).toMatchObject({ type: "message:new", message: { content: "hers" } });
  });

  it("waits for who may go on in a moment, and not again and again", async () => {
    const old = begun(1);
    old.do({ type: "send", by: bob, message: said(client(50), "mine"), attempt: 1 });
    const refusals = (count: number, retryAfterMs: number) => {
      const fresh = begun(2);
      let left = count;
      const askChannel = async (_id: unknown, command: Parameters<Played["do"]>[0]) =>
        command.type === "send" && left-- > 0 ? refused("slow_mode", { retryAfterMs }) : fresh.do(command);
      return salvage({ askChannel: askChannel as never }, old.log.slice(-1));
    };
    expect(await refusals(1, 30)).toEqual({ lost: 0 });
    expect(await refusals(1_000, 2_600)).toEqual({ lost: 1 });
  });
});
