import { once } from "node:events";
import { type AddressInfo, connect } from "node:net";
import { expect, it } from "vitest";
import { createRestWorld } from "../routes/rest-doubles.ts";

it("who connects and does not finish a request is cut within 15 s, however little they said", {
  timeout: 50_000,
}, async () => {
  const { app } = await createRestWorld();
  await app.listen({ port: 0, host: "127.0.0.1" });
  const { port } = app.server.address() as AddressInfo;
  const startMs = performance.now();
  const tookMs = await Promise.all(
    ["", "GET / HT", "GET / HTTP/1.1\r\nHost: x\r\n", "GET / HTTP/1.1\r\nHost: x\r\nX: "].map(
      async (said) => {
        const tcp = connect(port, "127.0.0.1")
          .on("error", () => {})
          .resume();
        tcp.write(said);
        await once(tcp, "close");
        return performance.now() - startMs;
      },
    ),
  );
  expect(Math.max(...tookMs)).toBeLessThan(15_000);
  await app.close();
});
