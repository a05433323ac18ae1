/** "ready" was said while the table still named owners that had left or were not serving yet: the first request waited, and was refused. */
import { randomBytes } from "node:crypto";
import { afterEach, expect, it, vi } from "vitest";
import { startCluster, type TestCluster, type TestNode } from "../../test/support/cluster.ts";

vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 });
/** Far below the router's deadline: nobody waited for an owner. */
const AT_ONCE_MS = 2_000;

let cluster: TestCluster | undefined;
afterEach(async () => {
  await cluster?.stop();
  cluster = undefined;
});

async function post(node: TestNode, path: string, body: unknown, token?: string) {
  const response = await fetch(`${node.url}/api/v1${path}`, {
    method: "POST",
    headers: { "content-type": "application/json", ...(token && { authorization: `Bearer ${token}` }) },
    body: JSON.stringify(body),
  });
  return { status: response.status, body: (await response.json()) as Record<string, string> };
}

async function register(node: TestNode): Promise<string> {
  const username = `u${randomBytes(6).toString("hex")}`;
  return (await post(node, "/auth/register", { username, password: "long-enough-to-pass" })).body.token!;
}

/** Several, so that several shards are asked. Answers the statuses that were not 201, and what took too long. */
async function createSpaces(node: TestNode, token: string): Promise<string[]> {
  const wrong = await Promise.all(
    Array.from({ length: 12 }, async (_, i) => {
      const sinceMs = performance.now();
      const { status, body } = await post(node, "/spaces", { name: `Space ${i}` }, token);
      const tookMs = Math.round(performance.now() - sinceMs);
      return status === 201 && tookMs < AT_ONCE_MS
        ? []
        : [`${node.name}: ${status} ${body.code} ${tookMs} ms`];
    }),
  );
  return wrong.flat();
}

it("every node that says it is ready takes a space at once, on a new cluster and on one that comes back", async () => {
  cluster = await startCluster({ nodes: 3 });
  const token = await register(cluster.nodes[0]!);
  for (const node of cluster.nodes) expect(await createSpaces(node, token)).toEqual([]);

  // Stopped in order: the table still names nodes that have left.
  await Promise.all(cluster.nodes.map((node) => node.term()));
  const back = await cluster.addNode();
  expect(await createSpaces(back, await register(back))).toEqual([]);

  // Killed, the only one: its shards are served again when its lease has run out, and not said to be before.
  await back.kill();
  const next = await cluster.addNode({ name: back.name });
  expect(await createSpaces(next, await register(next))).toEqual([]);
});
