import { once } from "node:events";
import { afterEach, beforeEach, expect, it } from "vitest";
import { createStage, openClient, type Stage } from "../test/support/gateway-stage.ts";
import { freshPrefix, sharedRedisUrl } from "../test/support/servers.ts";
import { newChannel, newUser, recordingLogger } from "./doubles.ts";

let stage: Stage;
beforeEach(async () => {
  stage = await createStage(sharedRedisUrl(), freshPrefix());
});
afterEach(() => stage.close());

// Vitest fails a run in which a rejection is left unhandled: in a node it would end the process.

it("a judge of tokens that throws refuses the handshake as unavailable, and is in the log", async () => {
  const { logger, said: errors } = recordingLogger();
  const gateway = await stage.addGateway({
    logger,
    verifyToken() {
      throw new Error("a secret of ours");
    },
  });
  const { socket } = openClient(gateway.url, newUser());
  const [error] = (await once(socket as never, "connect_error")) as [{ data: object }];
  expect(error.data).toMatchObject({ code: "unavailable", retry: "later" });
  expect(JSON.stringify(error.data)).not.toContain("secret");
  expect(errors).toEqual(["handshake failed"]);
  socket.disconnect();
});

it("an owner's port that throws is unavailable, and the connection stays", async () => {
  const { logger, said: errors } = recordingLogger();
  const client = await stage.client(await stage.addGateway({ logger }), newUser());
  stage.channels.before = () => {
    throw new Error("a secret of ours");
  };
  const answer = await client.ask("channel:open", { channelId: newChannel() });
  expect(answer).toMatchObject({ ok: false, error: { code: "unavailable" } });
  expect(JSON.stringify(answer)).not.toContain("secret");
  expect(errors).toEqual(["handler failed"]);
  expect(await client.ask("health:check", {})).toMatchObject({ ok: true });
});

it("an answer that cannot be written sends its connection away, to come back, and nothing else", async () => {
  const { logger, said: errors } = recordingLogger();
  const gateway = await stage.addGateway({ logger });
  const [client, other] = [await stage.client(gateway, newUser()), await stage.client(gateway, newUser())];
  stage.channels.instead = () => ({ ok: true, unread: 1n });
  client.socket.emit("channel:read", { channelId: newChannel(), seq: 1 }, () => {});
  await expect
    .poll(() => client.said.at(-1))
    .toEqual({ event: "session:closing", payload: { reason: "drain", reconnectAfterMs: 1_000 } });
  expect(errors).toEqual(["answer failed"]);
  expect(await other.ask("health:check", {})).toMatchObject({ ok: true });
});
