/**
 * Runs before `npm start` and `npm test`, on whatever Node (18 or newer) npm itself runs on: installs the locked dependencies
 * when they are missing or older than the lock file, and checks that the pinned Node is the one that scripts will run on.
 */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const OLDEST_NODE = 18;

/** Why dependencies must be installed; undefined when they stand as locked. npm writes its own lock last. */
export function whyInstall(root) {
  const installed = join(root, "node_modules", ".package-lock.json");
  if (!existsSync(installed)) return "they are missing";
  if (
    statSync(installed).mtimeMs < statSync(join(root, "package-lock.json")).mtimeMs &&
    !sameLock(root, installed)
  ) {
    return "they are older than package-lock.json";
  }
  return undefined;
}

/** The version of Node that the lock pins, from the package of any platform. */
export function pinnedNode(root) {
  const { optionalDependencies = {} } = readJson(join(root, "package.json"));
  const pinned = Object.entries(optionalDependencies).find(([name]) =>
    /^node-(linux|darwin|win)-/.test(name),
  );
  if (pinned === undefined) throw new Error("package.json pins no node-<platform> package");
  return pinned[1];
}

/** What is wrong with the Node that scripts would run on, and what to do; undefined when it is the pinned one. */
export function whatIsWrong(root, found) {
  const wanted = `v${pinnedNode(root)}`;
  if (found === wanted) return undefined;
  const platform = `${process.platform}-${process.arch}`;
  const packaged = existsSync(join(root, "node_modules", `node-${platform}`));
  const way = packaged
    ? "remove node_modules and run the command again"
    : `no Node is packaged for ${platform}: install Node ${wanted} yourself, and put it first on the PATH`;
  return `Hubbub runs on Node ${wanted}, but "node" is ${found ?? "missing"}: ${way}.`;
}

function main() {
  const root = dirname(dirname(fileURLToPath(import.meta.url)));
  if (Number(process.versions.node.split(".")[0]) < OLDEST_NODE) {
    fail(`npm runs on Node ${process.version}; it must be ${OLDEST_NODE} or newer: https://nodejs.org`);
  }
  const reason = whyInstall(root);
  if (reason !== undefined) install(root, reason);
  const problem = whatIsWrong(root, nodeOfScripts(root));
  if (problem !== undefined) fail(problem);
}

function install(root, reason) {
  console.log(`Installing dependencies, since ${reason} (npm ci; some minutes the first time) …`);
  const startedAt = Date.now();
  // Development dependencies as well, whatever NODE_ENV says: the pre-script cannot know which command follows.
  const { status } = spawnSync("npm", ["ci", "--include=dev", "--include=optional", "--no-progress"], {
    cwd: root,
    stdio: "inherit",
    shell: process.platform === "win32",
  });
  if (status !== 0)
    fail("npm ci failed: see its message above; with a network and free disk space, run the command again.");
  console.log(`Dependencies are installed (${((Date.now() - startedAt) / 1000).toFixed(1)} s).`);
}

/** The version that `node` has in an npm script: npm puts node_modules/.bin first on the PATH. */
function nodeOfScripts(root) {
  const path = `${resolve(root, "node_modules", ".bin")}:${process.env.PATH ?? ""}`;
  const { stdout, status } = spawnSync("node", ["--version"], {
    encoding: "utf8",
    env: { ...process.env, PATH: path },
  });
  return status === 0 ? stdout.trim() : undefined;
}

/** A fresh checkout gives the lock a new time, with what is installed already: then the packages decide. */
function sameLock(root, installed) {
  const wanted = readJson(join(root, "package-lock.json")).packages;
  const found = readJson(installed).packages;
  const same = (name) =>
    wanted[name]?.version === found[name]?.version && wanted[name]?.integrity === found[name]?.integrity;
  const missing = Object.keys(wanted).filter((name) => name !== "" && !(name in found));
  return Object.keys(found).every(same) && missing.every((name) => wanted[name].optional);
}

function readJson(path) {
  return JSON.parse(readFileSync(path, "utf8"));
}

function fail(message) {
  console.error(message);
  process.exit(1);
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) main();
