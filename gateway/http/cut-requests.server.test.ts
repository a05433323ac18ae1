import { once } from "node:events";
import { type AddressInfo, connect } from "node:net";
import { expect, it } from "vitest";
import { recordingLogger } from "../doubles.ts";
import { createRestWorld } from "../routes/rest-doubles.ts";

it("a client that cuts its request, half sent or whole, is no failure of ours", async () => {
  const { logger, said } = recordingLogger("warn");
  const { app } = await createRestWorld({}, { logger } as object);
  await app.listen({ port: 0, host: "127.0.0.1" });
  const { port } = app.server.address() as AddressInfo;
  const body = JSON.stringify({ login: "ann", password: "x" });
  for (let i = 0; i < 60; i++) {
    const tcp = connect(port, "127.0.0.1").on("error", () => {});
    await once(tcp, "connect");
    const length = body.length + (i % 2 ? 100 : 0);
    tcp.write(
      `POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\n\r\n${body}`,
    );
    if (i % 3) tcp.resetAndDestroy();
    else setImmediate(() => tcp.resetAndDestroy());
    await once(tcp, "close");
  }
  expect((await fetch(`http://127.0.0.1:${port}/`)).status).toBe(200);
  await app.close();
  expect(said).toEqual([]);
});
