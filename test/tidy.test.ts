/** The structure of the checkout, kept: who may import whom, no cycle, no file that holds too much. */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { describe, expect, it } from "vitest";
import { describeConfig } from "../src/config.ts";

const ROOTS = ["protocol", "actors", "gateway", "src", "bench", "scripts", "test"];
/** Lines of a source file at most: past it there are two ideas in one file. */
const LINES_MAX = 300;

const contracts = /^(actors\/(ports|commands)|src\/ports|gateway\/ports)\.ts$/;
const ground = [/^src\/lib\//, /^protocol\//, contracts, /^src\/telemetry\//];
const node = /^node:/;

/** The first row that matches a file lists everything it may reach. Packages stand as `npm:name`. */
const MAY_IMPORT: [file: RegExp, reach: RegExp[]][] = [
  [/(\.test\.ts|^test\/.*|^bench\/.*|^scripts\/.*|^[a-z.]+\.ts)$/, [/./]],
  [/^src\/lib\//, [/^src\/lib\//, node, /^npm:(uuid|lru-cache)$/]],
  [/^protocol\//, [/^protocol\//, /^src\/lib\/assert\.ts$/, /^npm:zod$/]],
  [/^actors\/(ports|commands)\.ts$/, [/^actors\/(ports|commands)\.ts$/, /^src\/lib\//, /^protocol\//]],
  [
    /^actors\/(channel|session)\/state\.ts$/,
    [/^actors\/(ports|commands)\.ts$/, /^actors\/(channel|session)\//, /^src\/lib\//, /^protocol\//],
  ],
  [/^actors\//, [/^actors\//, /^src\/lib\//, /^protocol\//, /^npm:(nact|lru-cache)$/]],
  [/^src\/telemetry\//, [/^src\/(telemetry|lib)\//, /^npm:(prom-client|pino)$/, node]],
  [/^src\/ports\.ts$/, [/^actors\/ports\.ts$/, /^protocol\//]],
  [/^gateway\//, [...ground, /^gateway\//, node, /^npm:(?!(pg|kysely|nact|bullmq|node-pg-migrate)$)/]],
  [/^src\/cluster\//, [...ground, /^src\/cluster\//, node, /^npm:(ioredis|cluster-key-slot|pino)$/]],
  [/^src\/store\//, [...ground, /^src\/store\//, node, /^npm:(pg|kysely|node-pg-migrate|pino|uuid)$/]],
  [/^src\/config(\/|\.ts$)/, [/^src\/(lib|config)\//, /^src\/start\/trouble\.ts$/, node]],
  [/^src\/(main\.ts|node\/)/, [/./]],
  // The load generator of the benches, where it is there: loaded when it is asked for.
  [/^src\/cli\/load\.ts$/, [/^src\/(cli|lib)\//, /^src\/ports\.ts$/, /^bench\/load\//]],
  [
    /^src\/(cli|start)(\/|\.ts$)/,
    [
      /^src\/(cli|start|lib|config)(\/|\.ts$)/,
      /^src\/(store\/migrate|ports)\.ts$/,
      /^src\/telemetry\//,
      /^protocol\//,
      node,
      /^npm:/,
    ],
  ],
];

const files = ROOTS.flatMap((root) =>
  readdirSync(root, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts") && !file.endsWith(".d.ts"))
    .map((file) => join(root, file)),
).filter((file) => !file.includes("node_modules"));

/** What a file imports, relative paths resolved; `typesToo` false leaves out what vanishes at run time. */
function importsOf(file: string, typesToo: boolean): string[] {
  const source = readFileSync(file, "utf8").replace(/\/\*[\s\S]*?\*\//g, "");
  const statements = source.matchAll(/^\s*(import|export)\s+(type\s+)?(?:[^"';]*?\sfrom\s+)?"([^"]+)"/gm);
  const dynamic = source.matchAll(/\bimport\(\s*"([^"]+)"\s*\)/g);
  const found = [
    ...[...statements].filter(([, , type]) => typesToo || !type).map(([, , , to]) => to!),
    ...[...dynamic].map(([, to]) => to!),
  ];
  return found.map((to) => {
    if (to.startsWith(".")) return normalize(join(dirname(file), to));
    return to.startsWith("node:") ? to : `npm:${to}`;
  });
}

/** The stray imports of one file. */
function strays(file: string, imports: string[]): string[] {
  const reach = MAY_IMPORT.find(([pattern]) => pattern.test(file))?.[1] ?? [];
  return imports.filter((to) => !reach.some((pattern) => pattern.test(to))).map((to) => `${file} -> ${to}`);
}

/** One cycle of run-time imports, as a path; undefined where there is none. */
function findCycle(graph: Map<string, string[]>): string[] | undefined {
  const done = new Set<string>();
  const walk = (file: string, path: string[]): string[] | undefined => {
    if (path.includes(file)) return [...path.slice(path.indexOf(file)), file];
    if (done.has(file)) return undefined;
    for (const to of graph.get(file) ?? []) {
      const cycle = walk(to, [...path, file]);
      if (cycle) return cycle;
    }
    done.add(file);
    return undefined;
  };
  for (const file of graph.keys()) {
    const cycle = walk(file, []);
    if (cycle) return cycle;
  }
  return undefined;
}

/** Settings without effect: no `config.name` (or `options.name`, where it is handed on), no `readSetting("name")`, no `name` taken out of a record of either. */
function unread(names: readonly string[], readers: string): string[] {
  const isRead = (name: string) =>
    new RegExp(
      `\\b(config|options)\\.${name}\\b|readSetting\\("${name}"\\)|\\{[^{}]*\\b${name}\\b[^{}]*\\}(: Config| = (config|options)\\b)`,
    ).test(readers);
  return names.filter((name) => !isRead(name));
}

describe("the structure", () => {
  it("imports only one way", () => {
    expect(files.length).toBeGreaterThan(30);
    expect(files.flatMap((file) => strays(file, importsOf(file, true)))).toEqual([]);
  });

  it.each([
    ["actors/channel/state.ts", "npm:nact"],
    ["actors/channel/actor.ts", "npm:ioredis"],
    ["protocol/events.ts", "node:crypto"],
    ["gateway/handlers/send.ts", "src/store/pools.ts"],
    ["src/cluster/router.ts", "gateway/rooms/rooms.ts"],
    ["src/store/facts.ts", "src/cluster/router.ts"],
    ["src/unknown/place.ts", "npm:zod"],
  ])("finds a planted import from %s to %s", (file, to) => {
    expect(strays(file, [to])).toEqual([`${file} -> ${to}`]);
  });

  it("has no cycle at run time", () => {
    const graph = new Map(
      files.map((file) => [file, importsOf(file, false).filter((to) => files.includes(to))]),
    );
    expect(findCycle(graph)).toBeUndefined();
    expect(
      findCycle(
        new Map([
          ["a", ["b"]],
          ["b", ["c"]],
          ["c", ["b"]],
        ]),
      ),
    ).toEqual(["b", "c", "b"]);
  });

  it(`has no file over ${LINES_MAX} lines`, () => {
    const long = files
      .filter((file) => !file.endsWith(".test.ts"))
      .map((file) => [file, readFileSync(file, "utf8").split("\n").length - 1] as const)
      .filter(([, lines]) => lines > LINES_MAX);
    expect(long).toEqual([]);
  });

  it("reads every setting somewhere outside its tables", () => {
    const names = describeConfig({}).map(({ name }) => name);
    expect(names.length).toBeGreaterThan(20);
    const readers = files
      .filter((file) => /^(src|gateway)\//.test(file) && !/^src\/config(\/|\.ts$)|\.test\.ts$/.test(file))
      .map((file) => readFileSync(file, "utf8"))
      .join("\n");
    expect(unread(names, readers)).toEqual([]);
    expect(unread([...names, "nobodyReadsMs"], readers)).toEqual(["nobodyReadsMs"]);
  });

  it("keeps words of work in progress, machine paths and hosts out", () => {
    const words = [
      /\bTODO\b/,
      /\bFIXME\b/,
      /\bfor now\b/i,
      /\/work\/main/,
      /https?:\/\/(registry|proxy|deb)\./,
    ];
    const here = join("test", "tidy.test.ts");
    const found = files
      .filter((file) => file !== here)
      .flatMap((file) => {
        const source = readFileSync(file, "utf8");
        return words.filter((word) => word.test(source)).map((word) => `${file}: ${word.source}`);
      });
    expect(found).toEqual([]);
  });
});
