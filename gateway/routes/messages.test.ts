import { describe, expect, test } from "vitest";
import type { ChannelId, UserId } from "../../protocol/ids.ts";
import { createAsker, id, type Owner, someMessage } from "./rest-doubles.ts";

const CHANNEL = id<ChannelId>(9);
const ANN = id<UserId>(1);
const BOB = id<UserId>(2);

describe("sending", () => {
  const message = someMessage(CHANNEL, 6);
  const sends: Owner = {
    send: (_id, { attempt }) => ({
      ok: true,
      message,
      durability: "logged",
      ...(attempt > 1 && { duplicate: true }),
    }),
  };

  test("rule H6: prepares in the gateway and asks the owner once", async () => {
    const { ask, asked } = await createAsker(sends);
    const { status, headers, body } = await ask(`POST /channels/${CHANNEL}/messages`, {
      clientId: id(7),
      content: "hi @bob",
      durability: "persisted",
    });
    expect(status).toBe(201);
    expect(body).toEqual({ message: JSON.parse(JSON.stringify(message)), durability: "logged" });
    expect(headers.ratelimit).toBe('"messages";r=99;t=60');
    expect(headers["ratelimit-policy"]).toBe('"messages";q=100;w=60');
    expect(asked).toMatchObject([
      {
        channelId: CHANNEL,
        command: {
          type: "send",
          by: ANN,
          attempt: 1,
          durability: "persisted",
          message: { mentions: [{ kind: "user", userId: BOB }] },
        },
      },
    ]);
  });

  test("a resend that finds the first answers 200", async () => {
    const { ask } = await createAsker(sends);
    expect(
      await ask(`POST /channels/${CHANNEL}/messages`, { clientId: id(7), content: "hi", attempt: 2 }),
    ).toMatchObject({ status: 200, body: { duplicate: true } });
  });

  test("row S3: over the rate nothing is asked, and the headers say when", async () => {
    const { ask, asked } = await createAsker(sends, {
      takeMessage: async () => ({ ok: false, retryAfterMs: 1_500, limit: 100 }),
    });
    const { status, headers, body } = await ask(`POST /channels/${CHANNEL}/messages`, {
      clientId: id(7),
      content: "hi",
    });
    expect(status).toBe(429);
    expect(body).toMatchObject({ code: "rate_limited", retry: "later", retryAfterMs: 1_500 });
    expect(headers).toMatchObject({ "retry-after": "2", ratelimit: '"messages";r=0;t=2' });
    expect(asked).toEqual([]);
  });

  test("what is not built is unsupported before anyone is asked", async () => {
    const { ask, asked } = await createAsker(sends);
    expect(
      await ask(`POST /channels/${CHANNEL}/messages`, { clientId: id(7), content: "hi", type: "code" }),
    ).toMatchObject({ status: 501, body: { code: "unsupported" } });
    expect(asked).toEqual([]);
  });
});
