/** Row D5: whoever comes back on another node gets what was missed without a message read from the database. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { stopAudited } from "../support/audit.ts";
import { startCluster, type TestCluster } from "../support/cluster.ts";
import { Chatter } from "./chatter.ts";
import { officialLink } from "./links.ts";

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await startCluster({ nodes: 3, postgres: { log_statement: "all" } });
});
afterAll(() => stopAudited(cluster));

/** Statements so far that read the table of messages, the projector's own apart: it looks at what it changes. */
function messageReads(): string[] {
  const log = readFileSync(join(cluster.postgres.dir, "server.log"), "utf8");
  const statements = log.split(/^\S+ \S+ \S+ \[\d+\] /m);
  return statements.filter(
    (text) => /\b(from|join)\s+"?messages\b/i.test(text) && !/execute flush:/.test(text),
  );
}

it("resumes on another node without reading a message from the database", async () => {
  const chatter = await Chatter.start(cluster, { channels: 4, members: 3, everyMs: 40 });
  // The away client of channel 0 is the recorder's own, cut while the others go on.
  const [away] = chatter.of(0);
  const channelId = chatter.channelIds[0]!;
  chatter.talk();
  await chatter.untilAcked(60);
  const left = away!.channels.get(channelId)!.position;
  const [seq, epoch] = [left.seq, left.epoch];
  away!.stop();
  chatter.recorder.history.push({ what: "disconnect", client: "c0m0" });
  const others = () => chatter.clients.filter((client) => client !== away);
  await expect
    .poll(() => others()[0]!.channels.get(channelId)!.position.seq, { timeout: 20_000 })
    .toBeGreaterThan(seq + 100);
  chatter.hush();
  await expect.poll(() => others().every((client) => client.settled)).toBe(true);

  const before = messageReads().length;
  const reconnects = cluster.nodes.slice(1);
  for (const node of reconnects) {
    const resumed = await resumeAt(node.url, chatter.person(0, 0).token, channelId, [seq, epoch]);
    const head = others()[0]!.channels.get(channelId)!.position.seq;
    expect(resumed).toMatchObject({ seq: head, more: false });
    expect(resumed.reset).toBeUndefined();
    expect(resumed.events.map((event) => event.seq)).toEqual(
      Array.from({ length: head - seq }, (_, i) => seq + 1 + i),
    );
  }
  expect(messageReads().slice(before)).toEqual([]);

  // The instrument works: a page of messages is such a read.
  const authorization = `Bearer ${chatter.person(0, 0).token}`;
  const page = await fetch(`${cluster.nodes[1]!.url}/api/v1/channels/${channelId}/messages`, {
    headers: { authorization },
  });
  expect(page.status).toBe(200);
  await expect.poll(() => messageReads().length).toBeGreaterThan(before);
  away!.start();
  await chatter.judge();
});

type Resumed = { seq: number; more: boolean; reset?: boolean; events: { seq: number }[] };

function resumeAt(
  url: string,
  token: string,
  channelId: string,
  position: [number, number],
): Promise<Resumed> {
  return new Promise((resolve, reject) => {
    const link = officialLink(
      url,
      { token, protocol: 1, resume: { [channelId]: position } },
      {
        event(name, payload) {
          if (name !== "session:ready") return;
          const { resumed } = payload as { resumed: { channels: Record<string, Resumed> } };
          resolve(resumed.channels[channelId]!);
          link.close();
        },
        refused: (error) => reject(new Error(JSON.stringify(error))),
        closed: (reason) => reject(new Error(reason)),
      },
    );
  });
}
