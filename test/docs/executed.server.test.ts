/** What the documents show is run as it stands there, against two real nodes. */
import { execFileSync, spawnSync } from "node:child_process";
import { readdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startCluster, type TestCluster } from "../support/cluster.ts";
import { removeDir, temporaryDir } from "../support/temporary.ts";
import { blocksOf, fits, ROOT, readPage } from "./blocks.ts";
import { openTerminal, type Terminal } from "./terminal.ts";

const RUN_MS = 120_000;

/** A python3 with python-socketio and requests; PYTHON_FOR_TESTS names another than the PATH's. */
const python = process.env.PYTHON_FOR_TESTS ?? "python3";
const hasPythonClient = spawnSync(python, ["-c", "import socketio, requests, websocket"]).status === 0;
const hasCurl = spawnSync("curl", ["--version"]).status === 0;

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await startCluster({ nodes: 2 });
}, RUN_MS);
afterAll(() => cluster?.stop());

describe("row O9: docs/protocol.md, a conversation without an SDK", () => {
  const page = readPage("docs/protocol.md");
  const blocks = blocksOf(page);
  const shown = blocks.find(({ words }) => words.includes("printed"))!.text;
  const run = (command: string, file: string) =>
    execFileSync(command, [join("docs/examples", file), ...cluster.nodes.map(({ url }) => url)], {
      cwd: ROOT,
      encoding: "utf8",
      timeout: RUN_MS,
    });

  test("in JavaScript, over two nodes", { timeout: RUN_MS }, () => {
    expect(run(process.execPath, "conversation.mjs").trim()).toBe(shown.trim());
  });

  test.skipIf(!hasPythonClient)("in Python (python-socketio), over two nodes", { timeout: RUN_MS }, () => {
    expect(run(python, "conversation.py").trim()).toBe(shown.trim());
  });
});

describe("row O9: docs/tutorial.md, a tour in two terminals", () => {
  const folder = temporaryDir("tour");
  const terminals: Terminal[] = [];
  afterAll(() => {
    for (const terminal of terminals) terminal.end();
    removeDir(folder);
  });

  test.skipIf(!hasCurl)("with curl, prints what the page shows", { timeout: 2 * RUN_MS }, async () => {
    for (const name of readdirSync(ROOT))
      if (!name.startsWith(".")) symlinkSync(join(ROOT, name), join(folder, name));
    const [first, second] = [openTerminal(folder), openTerminal(folder)];
    terminals.push(first, second);
    let printed: string | undefined;
    for (const { language, words, text, line } of blocksOf(readPage("docs/tutorial.md"))) {
      const commands = text.replaceAll("http://localhost:3000", cluster.nodes[0]!.url);
      if (words.includes("second")) {
        await (language === "sh" ? second.type(commands) : follow(second, text));
      } else if (language === "sh") {
        expect(printed, `line ${line}: what the block before prints is not shown`).toBeFalsy();
        printed = (await first.run(commands)).trim();
      } else {
        expect(printed, `line ${line}`).toSatisfy((given: string) => fits(text, given));
        printed = undefined;
      }
    }
    expect(printed ?? "").toBe("");
  });
});

/** The second terminal as it looks: `> ` begins what is typed, the other lines are printed, in this order. */
async function follow(terminal: Terminal, shown: string): Promise<void> {
  for (const line of shown.trim().split("\n")) {
    if (line.startsWith("> ")) terminal.type(line.slice(2));
    else await terminal.line((given) => fits(line, given));
  }
}
