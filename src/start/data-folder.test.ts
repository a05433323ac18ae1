import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { claimDataFolder, openDataFolder, readSecrets } from "./data-folder.ts";
import { identify } from "./processes.ts";

let dir = "";
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "hubbub-folder-"));
});
afterEach(() => rmSync(dir, { recursive: true }));

describe("the data folder", () => {
  it("is made when missing, and refused in one line where it cannot be", () => {
    expect(existsSync(openDataFolder(join(dir, "a", "b")))).toBe(true);
    writeFileSync(join(dir, "file"), "");
    expect(() => openDataFolder(join(dir, "file", "x"))).toThrow(
      /cannot be made or written \(ENOTDIR\): set HUBBUB_DATA_DIR/,
    );
  });

  it("is refused at once where the file system makes no folders, as below /proc", () => {
    expect(() => openDataFolder("/proc/hubbub/data")).toThrow(/cannot be made or written \(ENOENT\)/);
  });

  it("is refused, untouched, when a newer version made it", () => {
    writeFileSync(join(dir, "version.json"), '{"layout":2}');
    expect(() => openDataFolder(dir)).toThrow("newer version of Hubbub");
    expect(readFileSync(join(dir, "version.json"), "utf8")).toBe('{"layout":2}');
  });

  it("belongs to one parent at a time", () => {
    const claim = claimDataFolder(dir);
    expect(() => claimDataFolder(dir)).toThrow(`Another npm start (process ${process.pid})`);
    claim.release();
    expect(claimDataFolder(dir).inherited).toBe(false);
  });

  it("is inherited from a parent that was killed, also when its pid lives on in another process", () => {
    writeFileSync(join(dir, "parent.json"), JSON.stringify({ ...identify(process.pid), startedAt: "1" }));
    expect(claimDataFolder(dir).inherited).toBe(true);
    writeFileSync(join(dir, "parent.json"), "{"); // cut short
    expect(claimDataFolder(dir).inherited).toBe(true);
  });

  it("keeps its secrets from other users, and draws them once", () => {
    const secrets = readSecrets(dir);
    expect(readSecrets(dir)).toEqual(secrets);
    expect(new Set(Object.values(secrets)).size).toBe(3);
    expect(statSync(join(dir, "secrets.json")).mode & 0o777).toBe(0o600);
  });

  it("does not draw new secrets over a database that knows the old ones", () => {
    mkdirSync(join(dir, "postgres"));
    writeFileSync(join(dir, "postgres", "PG_VERSION"), "18\n");
    expect(() => readSecrets(dir)).toThrow("put it back");
  });
});
