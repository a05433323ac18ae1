/** The page at `/`, used by people: two of them, in two browsers, on two nodes. */
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, it, onTestFinished } from "vitest";
import { post } from "../../bench/load/site.ts";
import { startCluster, type TestCluster } from "../support/cluster.ts";
import { launchChromium } from "./chromium.ts";
import { openTopic, type Person, register } from "./people.ts";
import { PHONE, Visitor, WIDE } from "./visitor.ts";

/** Message, ack and event over two nodes; after a fault, the outbox's backoff too. */
const HEARD_WITHIN_MS = 10_000;
const HEARD_AGAIN_WITHIN_MS = 45_000;

let cluster: TestCluster;
let browser: Browser;
let ada: Person;
let bob: Person;

beforeAll(async () => {
  [cluster, browser] = await Promise.all([startCluster({ nodes: 2 }), launchChromium()]);
  [ada, bob] = await Promise.all([register(nodeUrl(0), "Ada"), register(nodeUrl(1), "Bob")]);
});
afterAll(async () => {
  await browser?.close();
  await cluster?.stop();
});

it("refuses a wrong password in words, and keeps the name that was typed", async () => {
  const visitor = await visit(0);
  await visitor.logIn(ada.username, "not the password");
  const alert = visitor.page.getByRole("alert");
  await expect.poll(() => alert.textContent()).toBe("The login or the password is wrong.");
  expect(await visitor.page.getByLabel("Name or e-mail").inputValue()).toBe(ada.username);
  await visitor.logIn(ada.username, ada.password);
  await visitor.isOnline();
});

it("lets two people on two nodes talk, and shows both the same order", async () => {
  const { adas, bobs } = await bothIn("order");
  const said: Promise<void>[] = [];
  for (const [visitor, name] of [
    [adas, "Ada"],
    [bobs, "Bob"],
  ] as const)
    said.push(
      sayAll(
        visitor,
        [1, 2, 3, 4, 5].map((n) => `${name} says ${n}`),
      ),
    );
  await Promise.all(said);

  await expect.poll(() => bobs.reads(), { timeout: HEARD_WITHIN_MS }).toHaveLength(10);
  await expect.poll(() => adas.reads(), { timeout: HEARD_WITHIN_MS }).toEqual(await bobs.reads());
  const order = await adas.reads();
  expect(order.filter((text) => text.startsWith("Ada"))).toEqual([1, 2, 3, 4, 5].map((n) => `Ada says ${n}`));
  expect(order.filter((text) => text.startsWith("Bob"))).toEqual([1, 2, 3, 4, 5].map((n) => `Bob says ${n}`));
  expect([...adas.complaints, ...bobs.complaints]).toEqual([]);
});

it("shows markup as markup, and runs nothing that someone writes", async () => {
  const { adas, bobs } = await bothIn("markup");
  await adas.say("**bold** and `code`");
  const hostile = [
    "<script>window.ran = 1</script>",
    "<img src=x onerror='window.ran = 1'>",
    "[press](javascript:window.ran=1)",
  ];
  await sayAll(adas, hostile);
  for (const visitor of [bobs, adas]) {
    await expect.poll(() => visitor.reads(), { timeout: HEARD_WITHIN_MS }).toHaveLength(4);
    await expect.poll(() => visitor.page.locator("#messages strong").allInnerTexts()).toEqual(["bold"]);
    expect((await visitor.reads())[1]).toBe(hostile[0]);
    expect(
      await visitor.page.locator("#messages :is(script, img, [onerror], [href^=javascript])").count(),
    ).toBe(0);
    expect(await visitor.page.evaluate("window.ran")).toBeUndefined();
    expect(visitor.complaints).toEqual([]);
  }
});

it("keeps a person logged in, and their conversation open, over a reload", async () => {
  const { adas, bobs } = await bothIn("reload");
  await bobs.say("before");
  await expect.poll(() => adas.reads(), { timeout: HEARD_WITHIN_MS }).toEqual(["before"]);
  await adas.page.reload();
  await adas.isOnline();
  await expect.poll(() => adas.reads(), { timeout: HEARD_WITHIN_MS }).toEqual(["before"]);
  await bobs.say("after");
  await expect.poll(() => adas.reads(), { timeout: HEARD_WITHIN_MS }).toEqual(["before", "after"]);
  expect(adas.complaints).toEqual([]);
});

it("shows a conversation that someone else has opened when the person comes back to the tab", async () => {
  const { adas, bobs } = await bothIn("stranger");
  await bobs.turnTo("Ada");
  await bobs.say("psst");
  await expect.poll(() => bobs.page.getByText("sent", { exact: true }).count()).toBe(1);
  await adas.page.evaluate("document.dispatchEvent(new Event('visibilitychange', { bubbles: true }))");
  await adas.page.getByRole("button", { name: "Bob 1 unread" }).waitFor();
  await adas.turnTo("Bob");
  expect(await adas.reads()).toEqual(["psst"]);
});

it("tells someone who is in no conversation that there is none", async () => {
  const mallory = await register(nodeUrl(0), "Mallory");
  const visitor = await visit(1, PHONE);
  await visitor.logIn(mallory.username, mallory.password);
  await visitor.page.getByText("You are in no conversation yet.").waitFor();
});

it("says so when a log-in was ended elsewhere, and lets the person in again", async () => {
  const eve = await register(nodeUrl(0), "Eve");
  const visitor = await visit(0);
  await visitor.logIn(eve.username, eve.password);
  await visitor.isOnline();
  await post(nodeUrl(1), "/auth/revoke-all", {}, eve.token);
  const alert = visitor.page.getByRole("alert");
  await expect
    .poll(() => alert.textContent(), { timeout: HEARD_WITHIN_MS })
    .toBe("Your log-in has ended: log in again.");
  await visitor.logIn(eve.username, eve.password);
  await visitor.isOnline();
});

it("keeps every message within a phone's screen, however long its lines", async () => {
  const { adas, bobs } = await bothIn("narrow", { adas: PHONE });
  const long = "x = ".padEnd(300, "a + ");
  await sayAll(adas, [
    long.replaceAll(" ", ""),
    `\`\`\`js\n${long}\n\`\`\``,
    `| ${"a | ".repeat(60)}\n|${"-|".repeat(60)}`,
  ]);
  await bobs.say("```\n".concat(long, "\n```"));
  await expect.poll(() => adas.reads(), { timeout: HEARD_WITHIN_MS }).toHaveLength(4);
  const edges = await adas.page
    .locator("#messages .message")
    .evaluateAll((lines) =>
      lines.flatMap((line) => [line.getBoundingClientRect().left, line.getBoundingClientRect().right]),
    );
  expect(Math.min(...edges)).toBeGreaterThanOrEqual(0);
  expect(Math.max(...edges)).toBeLessThanOrEqual(PHONE.width);
});

it("sends again what was taken but never answered, and nobody sees it twice", async () => {
  const { adas, bobs } = await bothIn("unanswered");
  const line = await adas.behindBadLine();
  await adas.isOnline();
  await adas.page.getByLabel("Message", { exact: true }).waitFor();
  line.deafen();
  await adas.say("once");
  await expect.poll(() => bobs.reads(), { timeout: HEARD_WITHIN_MS }).toEqual(["once"]);
  expect(await adas.page.getByText("sending…").count()).toBe(1);
  await line.cut();
  await expect
    .poll(() => adas.page.getByText("sending…").count(), { timeout: HEARD_AGAIN_WITHIN_MS })
    .toBe(0);
  await bobs.say("after");
  for (const visitor of [adas, bobs])
    await expect.poll(() => visitor.reads(), { timeout: HEARD_WITHIN_MS }).toEqual(["once", "after"]);
});

it("brings everything across, once, when a person's node is killed while both write", async () => {
  const { adas, bobs } = await bothIn("killed");
  await adas.say("Ada before");
  await bobs.say("Bob before");
  await expect.poll(() => bobs.reads(), { timeout: HEARD_WITHIN_MS }).toHaveLength(2);

  const node = cluster.nodes[0]!;
  // Some of these may be logged without Ada's page hearing the ack: it must send them again, and nobody see them twice.
  await sayAll(adas, ["Ada during 1", "Ada during 2", "Ada during 3"]);
  await node.kill();
  await adas.isOffline();
  await sayAll(adas, ["Ada away 1", "Ada away 2"]);
  await bobs.say("Bob meanwhile");
  expect(await adas.reads()).toContain("Ada away 2");
  await cluster.addNode({ name: node.name, env: { PORT: new URL(node.url).port } });
  await adas.isOnline();

  const order = () => bobs.reads();
  const adasPart = ["Ada before", "Ada during 1", "Ada during 2", "Ada during 3", "Ada away 1", "Ada away 2"];
  const adasInOrder = async () => (await order()).filter((text) => text.startsWith("Ada"));
  await expect.poll(adasInOrder, { timeout: HEARD_AGAIN_WITHIN_MS }).toEqual(adasPart);
  await expect.poll(() => adas.reads(), { timeout: HEARD_AGAIN_WITHIN_MS }).toEqual(await order());
  expect((await order()).filter((text) => text.startsWith("Bob"))).toEqual(["Bob before", "Bob meanwhile"]);
  await expect.poll(() => adas.page.getByText("sending…").count(), { timeout: HEARD_WITHIN_MS }).toBe(0);
  expect(bobs.complaints).toEqual([]);
  // What the browser itself says about a server that is not there is all that may stand in Ada's console.
  expect(adas.complaints.filter((line) => !/ERR_CONNECTION|WebSocket connection to/.test(line))).toEqual([]);
});

function nodeUrl(index: number): string {
  return cluster.nodes[index]!.url;
}

/** Someone at a node's page, gone when the test ends; a failed test leaves a picture of what they saw. */
async function visit(node: number, viewport = WIDE): Promise<Visitor> {
  const visitor = await Visitor.at(browser, nodeUrl(node), viewport);
  onTestFinished(async ({ task }) => {
    if (task.result?.state === "fail") {
      const picture = join(mkdtempSync(join(tmpdir(), "hubbub-e2e-")), "page.png");
      await visitor.page.screenshot({ path: picture });
      console.error([picture, ...visitor.complaints, cluster.logTails()].join("\n"));
    }
    await visitor.leave();
  });
  return visitor;
}

/** Ada on the first node and Bob on the second, in a topic of this name that Ada made and Bob joins. */
async function bothIn(
  name: string,
  { adas: viewport = WIDE } = {},
): Promise<{ adas: Visitor; bobs: Visitor }> {
  const topic = await openTopic(nodeUrl(1), [ada, bob], name);
  const [adas, bobs] = [await visit(0, viewport), await visit(1)];
  await Promise.all([adas.enter(ada, topic.name), bobs.enter(bob, topic.name)]);
  return { adas, bobs };
}

async function sayAll(visitor: Visitor, texts: readonly string[]): Promise<void> {
  for (const text of texts) await visitor.say(text);
}
