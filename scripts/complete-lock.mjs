/**
 * Run after every `npm install <package>`: names in package-lock.json the packages of other platforms that npm left out
 * because the registry in use does not serve them. `npm ci` refuses a lock without them, though it never installs them.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

/** Every optional package that an entry of the lock names by exact version and the lock does not have: path → version. */
export function missingFromLock(packages) {
  const names = new Set(
    Object.keys(packages).map((path) =>
      path.slice(path.lastIndexOf("node_modules/") + "node_modules/".length),
    ),
  );
  const wanted = Object.values(packages).flatMap(({ optionalDependencies = {} }) =>
    Object.entries(optionalDependencies),
  );
  return wanted.filter(([name, version]) => /^\d/.test(version) && !names.has(name));
}

/** The lock's entry for a package that is named after its platform: `…-linux-x64-musl`. */
export function platformEntry(name, version) {
  const [, os, cpu, libc] =
    /-(android|darwin|freebsd|linux|openharmony|win32)-([a-z\d]+)-?(.*)$/.exec(name) ?? [];
  if (os === undefined) throw new Error(`${name} is named after no platform`);
  const isMusl = libc.startsWith("musl");
  return {
    version,
    cpu: [cpu],
    ...(os === "linux" && { libc: [isMusl ? "musl" : "glibc"] }),
    dev: true,
    optional: true,
    os: [os],
  };
}

function main() {
  const path = join(dirname(dirname(fileURLToPath(import.meta.url))), "package-lock.json");
  const lock = JSON.parse(readFileSync(path, "utf8"));
  for (const [name, version] of missingFromLock(lock.packages))
    lock.packages[`node_modules/${name}`] = platformEntry(name, version);
  const { "": root, ...rest } = lock.packages;
  lock.packages = {
    "": root,
    ...Object.fromEntries(Object.entries(rest).sort(([a], [b]) => a.localeCompare(b, "en"))),
  };
  writeFileSync(path, `${JSON.stringify(lock, undefined, 2)}\n`);
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) main();
