import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, test } from "vitest";
import { atRate, oneByOne, Rest } from "./rest.ts";

function busyFor(ms: number): void {
  const untilMs = performance.now() + ms;
  while (performance.now() < untilMs);
}

test("at a rate, who had to wait for another's work counts the wait as their own", async () => {
  const slowFirst = async (i: number) => {
    if (i === 0) busyFor(60);
  };
  const { count, p50, max } = await atRate({ rate: 1_000, seconds: 0.05 }, slowFirst);
  expect(count).toBe(50);
  expect(max).toBeGreaterThanOrEqual(60);
  // All were due within 50 of these 60 ms, and could not begin.
  expect(p50).toBeGreaterThan(20);
});

test("one by one, they do not", async () => {
  const done: number[] = [];
  const { count, p50 } = await oneByOne(5, async (i) => {
    done.push(i);
    if (i === 0) busyFor(60);
  });
  expect(done).toEqual([0, 1, 2, 3, 4]);
  expect(count).toBe(5);
  expect(p50).toBeLessThan(60);
});

test("a failure ends a run", async () => {
  const fails = async (i: number) => {
    if (i === 2) throw new Error("the third");
  };
  await expect(atRate({ rate: 1_000, seconds: 0.05 }, fails)).rejects.toThrow("the third");
  await expect(oneByOne(5, fails)).rejects.toThrow("the third");
});

test("requests share a connection, and a refusal is a failure", async () => {
  const connections = new Set<unknown>();
  const server = createServer((request, response) => {
    connections.add(request.socket);
    response.statusCode = request.url === "/api/v1/no" ? 404 : 200;
    response.end(request.headers.authorization);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const nodeUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const rest = new Rest();
  const ask = (path: string) => rest.ask({ nodeUrl, method: "POST", path, token: "t", body: { a: 1 } });
  expect(await ask("/yes")).toBe("Bearer t");
  expect(await ask("/yes")).toBe("Bearer t");
  await expect(ask("/no")).rejects.toThrow("POST /no answered 404");
  expect(connections.size).toBe(1);
  rest.close();
  server.close();
});
