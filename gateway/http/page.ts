/** The page at `/`: a handful of static files, read once and served from memory. */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import type { FastifyInstance } from "fastify";

const FOLDER = new URL("../page/", import.meta.url);
const TYPES = {
  html: "text/html; charset=utf-8",
  css: "text/css; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  svg: "image/svg+xml",
} as const;

/** Path → file in `gateway/page/`. */
const FILES: Record<string, string> = {
  "/": "index.html",
  "/page.css": "page.css",
  "/messages.css": "messages.css",
  "/icon.svg": "icon.svg",
  "/main.js": "main.js",
  "/connection.js": "connection.js",
  "/conversations.js": "conversations.js",
  "/channel-store.js": "channel-store.js",
  "/outbox.js": "outbox.js",
  "/rest.js": "rest.js",
  "/view.js": "view.js",
  "/api/docs.css": "docs.css",
};

/** Serves the page and the client of Socket.IO that belongs to this server's version. Rejects when a file is missing. */
export async function addPage(app: FastifyInstance): Promise<void> {
  const client = join(
    dirname(createRequire(import.meta.url).resolve("socket.io/package.json")),
    "client-dist/socket.io.esm.min.js",
  );
  await Promise.all([
    ...Object.entries(FILES).map(([path, file]) => addFile(app, path, new URL(file, FOLDER))),
    addFile(app, "/socket.io.js", client),
  ]);
}

async function addFile(app: FastifyInstance, path: string, file: URL | string): Promise<void> {
  const body = prepared(await readFile(file));
  addStatic(app, path, String(file).split(".").at(-1) as keyof typeof TYPES, () => body);
}

type Prepared = { plain: Buffer; zipped: Buffer; tag: string };

function prepared(plain: Buffer): Prepared {
  const tag = `"${createHash("sha256").update(plain).digest("base64url").slice(0, 22)}"`;
  return { plain, zipped: gzipSync(plain), tag };
}

/** Serves the readable page of the API at `/api/docs`. `make` is called once, at the first visit, when all routes are known. */
export function addReference(app: FastifyInstance, make: () => string): void {
  let body: Prepared | undefined;
  addStatic(app, "/api/docs", "html", () => (body ??= prepared(Buffer.from(make()))));
}

function addStatic(app: FastifyInstance, path: string, kind: keyof typeof TYPES, body: () => Prepared): void {
  app.get(path, { schema: { hide: true } }, async (request, reply) => {
    const { plain, zipped, tag } = body();
    // `no-cache`: ask each time, and hear 304: a page must not outlive the server that it belongs to.
    reply
      .header("etag", tag)
      .header("cache-control", "no-cache")
      .header("vary", "accept-encoding")
      .type(TYPES[kind]);
    if (request.headers["if-none-match"] === tag) return reply.code(304).send();
    if (!/\bgzip\b/.test(request.headers["accept-encoding"] ?? "")) return reply.send(plain);
    return reply.header("content-encoding", "gzip").send(zipped);
  });
}
