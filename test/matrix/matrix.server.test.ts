/** The authorisation matrix: every standing × every event and every route, on every kind of channel, against a real node. */
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { BLOCK_FACT_MAX_AGE_MS } from "../../actors/channel/facts.ts";
import { HANDLERS } from "../../gateway/handlers/table.ts";
import type { RestOptions } from "../../gateway/routes/rest-options.ts";
import { restRoutes } from "../../gateway/routes/rest-routes.ts";
import { ELSEWHERE } from "./deeds-elsewhere.ts";
import { deedsOf } from "./deeds-of-kinds.ts";
import { type Deed, tells } from "./door.ts";
import { type Line, MARKS, type Mark, readTable } from "./read-table.ts";
import { type Heard, openSite, type Site } from "./site.ts";
import { ANNOUNCEMENT, DM, NO_CHANNEL, PRIVATE, SPACE, TOPIC } from "./tables.ts";
import { seqOf, Traces } from "./traces.ts";
import { type Cast, type Kind, makeCast, makeWorld, type Standing, setBlocks, type World } from "./world.ts";

vi.setConfig({ testTimeout: 90_000 });

const LINES: Record<Kind, Line[]> = {
  topic: readTable(TOPIC),
  announcement: readTable(ANNOUNCEMENT),
  private: readTable(PRIVATE),
  space: readTable(SPACE),
  dm: readTable(DM),
};
const KINDS = Object.keys(LINES) as Kind[];
const LINES_ELSEWHERE = readTable(NO_CHANNEL);
const columnsOf = (lines: Line[]) => [...lines[0]!.cells.keys()];
const ROUTES = restRoutes({} as RestOptions);

/** Cells that change nothing are tried first, all of them, and then the others: on a world that nothing has touched. */
const REFUSED = (mark: Mark) => MARKS[mark] !== "ok" || mark === "same" || mark === "hidden";

/** Lists of some kinds alone. */
const OF_ONE_KIND: Record<string, Kind[]> = {
  "GET /dm": ["dm"],
  "GET /spaces": ["space"],
  "GET /channels": ["topic", "announcement", "private", "dm"],
  "GET /sync": ["topic", "announcement", "private", "dm"],
};

let site: Site;
let cast: Cast;
let traces: Traces;
let before: string[];
const worlds = new Map<Kind, Map<Standing, World>>();
/** The head of each world's channel when it was looked at last. */
const heads = new Map<World, number>();
const allWorlds = () => [...worlds.values()].flatMap((of) => [...of.values()]);

beforeAll(async () => {
  site = await openSite();
  traces = new Traces(site.databaseUrl);
  const standings = new Set(Object.values(LINES).flatMap(columnsOf));
  cast = await makeCast(site, [...standings]);
  for (const kind of KINDS) {
    const made = columnsOf(LINES[kind]).map(
      async (standing) => [standing, await makeWorld(cast, kind, standing)] as const,
    );
    worlds.set(kind, new Map(await Promise.all(made)));
  }
  for (const world of allWorlds()) await hasMoved(world);
  await setBlocks(cast);
  const knownAtMs = performance.now() + BLOCK_FACT_MAX_AGE_MS;
  await traces.settled(allWorlds(), 1);
  before = await traces.all();
  // Until then an owner may go by what it was told before.
  await vi.waitUntil(() => performance.now() > knownAtMs, { timeout: 2 * BLOCK_FACT_MAX_AGE_MS });
}, 120_000);

afterAll(async () => {
  await traces?.close();
  await site?.close();
});

/** Has anything been logged in the channel since this was asked last? */
async function hasMoved(world: World): Promise<boolean> {
  const seq = await seqOf(world);
  const before = heads.get(world) ?? 0;
  heads.set(world, seq);
  return seq !== before;
}

async function renew(kind: Kind, standing: Standing): Promise<void> {
  const world = await makeWorld(cast, kind, standing);
  worlds.get(kind)!.set(standing, world);
  await hasMoved(world);
}

/** What a door answers, as a cell of the table says it. */
function markOf(deed: Deed, world: World, heard: Heard, moved: boolean): Mark | string {
  if (heard.code !== "ok") {
    if (tells(heard, world)) return `${heard.code}, and told of it`;
    if (moved) return `${heard.code}, and done`;
    return Object.entries(MARKS).find(([, code]) => code === heard.code)?.[0] ?? heard.code;
  }
  if (deed.shows) return deed.shows(heard, world) ? "shown" : "hidden";
  return deed.logs && !moved ? "same" : "ok";
}

/** Tries one cell through every door; answers what each said. */
async function tryCell(kind: Kind, standing: Standing, deed: Deed): Promise<Record<string, string>> {
  const said: Record<string, string> = {};
  for (const door of deed.doors) {
    const world = worlds.get(kind)!.get(standing)!;
    const heard = await door.knock(world);
    const moved = deed.logs === true && (await hasMoved(world));
    const mark = markOf(deed, world, heard, moved);
    said[door.through] = said[door.through] === undefined ? mark : `${said[door.through]}, ${mark}`;
    if (deed.spoils && moved) await renew(kind, standing);
  }
  return said;
}

/** Tries the cells of one line that `which` picks, side by side; each must be what the table states. */
async function tryLine(kind: Kind, { deed: name, cells }: Line, deed: Deed, which: (mark: Mark) => boolean) {
  const chosen = [...cells].filter(([, mark]) => which(mark));
  const tried = await Promise.all(
    chosen.map(async ([standing]) => [standing, await tryCell(kind, standing, deed)] as const),
  );
  const stated = chosen.map(([standing, mark]) => {
    const said: Record<string, string> = {};
    for (const { through } of deed.doors) said[through] = said[through] ? `${said[through]}, ${mark}` : mark;
    return [standing, said] as const;
  });
  expect({ [name]: Object.fromEntries(tried) }).toEqual({ [name]: Object.fromEntries(stated) });
}

describe("the tables", () => {
  it.each(KINDS)("%s: each deed has a line, and each line a deed", (kind) => {
    expect(LINES[kind].map(({ deed }) => deed).sort()).toEqual(Object.keys(deedsOf(kind)).sort());
  });

  it("each deed that is about no channel has a line, and each line a deed", () => {
    expect(LINES_ELSEWHERE.map(({ deed }) => deed)).toEqual(Object.keys(ELSEWHERE));
  });

  it.each(KINDS)("%s: every event and every route is a door to some deed", (kind) => {
    const doors = [deedsOf(kind), ELSEWHERE].flatMap((deeds) =>
      Object.values(deeds).flatMap((deed) => deed.doors.map(({ through }) => through)),
    );
    const routes = ROUTES.map(({ method, path }) => `${method} ${path}`);
    const others = Object.keys(OF_ONE_KIND).filter((through) => !OF_ONE_KIND[through]!.includes(kind));
    expect([...new Set([...doors, ...others])].sort()).toEqual(
      [...new Set([...Object.keys(HANDLERS), ...routes])].sort(),
    );
  });
});

describe("what is refused, and what changes nothing", () => {
  for (const kind of KINDS)
    describe(kind, () => {
      const deeds = deedsOf(kind);
      const lines = LINES[kind].filter(({ cells }) => [...cells.values()].some(REFUSED));
      it.each(lines)("$deed", (line) => tryLine(kind, line, deeds[line.deed]!, REFUSED));
    });

  it("left no trace in any table", async () => {
    await traces.settled(allWorlds(), 0);
    const [after, known] = [await traces.all(), new Set(before)];
    const now = new Set(after);
    expect({
      more: after.filter((row) => !known.has(row)),
      less: before.filter((row) => !now.has(row)),
    }).toEqual({ more: [], less: [] });
  });
});

describe("who is banned reads nothing, over REST too", () => {
  const kinds = KINDS.filter((kind) => LINES[kind][0]!.cells.has("banned"));
  const reading = ROUTES.filter(({ method }) => method === "GET").map(({ path }) => path);
  it.each(kinds)("%s", async (kind) => {
    for (const standing of ["banned", "expelled"] as const) {
      const world = worlds.get(kind)!.get(standing);
      if (world === undefined) continue;
      const { person, channelId, spaceId, theirs, secret } = world;
      const queries: Record<string, string[]> = {
        "/channels": ["", `?spaceId=${spaceId}`],
        "/channels/:id/receipts": [`?messageId=${theirs[0]}`],
        "/channels/:id/messages/search": [`?q=${secret}`],
        "/search": [`?q=${secret}`, `?q=${secret}&spaceId=${spaceId}`],
        "/sync": ["?since=0"],
        "/users/search": ["?q=secret"],
      };
      for (const pattern of reading) {
        const id = /^\/(messages|threads)\//.test(pattern) ? theirs[0]! : channelId;
        for (const query of queries[pattern] ?? [""]) {
          const heard = await person.rest({ method: "GET", path: pattern.replace(":id", id) + query });
          const namesIt = /^\/(channels|messages|threads)\/:id/.test(pattern);
          const told = tells(heard, world) ? "told" : namesIt ? heard.code : "nothing";
          expect([standing, pattern + query, told]).toEqual([
            standing,
            pattern + query,
            namesIt ? "banned" : "nothing",
          ]);
        }
      }
    }
  });
});

describe("what is allowed", () => {
  const ALLOWED = (mark: Mark) => !REFUSED(mark);
  for (const kind of KINDS)
    describe(kind, () => {
      const deeds = deedsOf(kind);
      const order = Object.keys(deeds);
      const lines = LINES[kind]
        .filter(({ cells }) => [...cells.values()].some(ALLOWED))
        .sort((a, b) => order.indexOf(a.deed) - order.indexOf(b.deed));
      it.each(lines)("$deed", (line) => tryLine(kind, line, deeds[line.deed]!, ALLOWED));
    });
});

describe("what is about no channel", () => {
  it.each(LINES_ELSEWHERE)("$deed", (line) => tryLine("topic", line, ELSEWHERE[line.deed]!, () => true));

  it("no request of all these was the node's own fault", () => {
    expect(site.faults).toEqual([]);
  });
});
