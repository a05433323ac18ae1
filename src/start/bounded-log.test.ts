import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { openBoundedLog } from "./bounded-log.ts";

it("keeps the newest lines in two files, however much is written", () => {
  const dir = mkdtempSync(join(tmpdir(), "hubbub-log-"));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  const path = join(dir, "logs", "node.log");
  for (const half of [0, 50]) {
    const log = openBoundedLog(path, 30); // the second one goes on with the first one's file
    for (let i = half; i < half + 50; i++) log.write(`line ${String(i).padStart(4, "0")}`);
    log.close();
    log.write("after the end");
  }
  const lines = [`${path}.1`, path].flatMap((file) => readFileSync(file, "utf8").trim().split("\n"));
  expect(lines.at(-1)).toBe("line 0099");
  expect(lines.length).toBeLessThanOrEqual(6);
  expect(lines).toEqual([...lines].sort());
});
