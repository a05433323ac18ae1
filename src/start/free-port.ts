import { createServer } from "node:net";

/** Below Linux's ephemeral range (32768 …), so that no outgoing connection takes a port between the look and the use. */
const FIRST_PORT = 15_000;
const LAST_PORT = 31_999;
const TRIES = 100;

/** A loopback port that nobody listens on now, drawn at random so that processes side by side rarely meet. */
export async function freePort(): Promise<number> {
  for (let i = 0; i < TRIES; i++) {
    const port = FIRST_PORT + Math.floor(Math.random() * (LAST_PORT - FIRST_PORT + 1));
    if (await isPortFree(port, "127.0.0.1")) return port;
  }
  throw new Error(`no free port among ${TRIES} drawn from ${FIRST_PORT}–${LAST_PORT}`);
}

/** Can `port` be listened on now? Without `host`: on all addresses, as a node listens. */
export function isPortFree(port: number, host?: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", () => resolve(false));
    probe.listen({ port, host, exclusive: true }, () => probe.close(() => resolve(true)));
  });
}
