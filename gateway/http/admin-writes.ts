/** What an operator changes. Every act is in one table, and each is audited, whatever came of it: who, what, on what, outcome. */
import type { FastifyInstance, FastifyRequest } from "fastify";
import type { Logger } from "pino";
import * as z from "zod";
import { type Refusal, refusal } from "../../protocol/refusals.ts";
import type { User } from "../../protocol/users.ts";
import type { ClusterStatus, Placement } from "../../src/ports.ts";
import { sendProblem } from "./problem.ts";

/** A person's access token, as lent to an operator. */
export type LentToken = { user: Pick<User, "id" | "username">; token: string; expiresAtMs: number };

export type AdminWriteOptions = {
  status(): Promise<ClusterStatus>;
  /** Asks a node, by id or name, to drain and end. False: there is no such node. */
  drain(node: string): Promise<boolean>;
  placement: Placement;
  /** A short-lived access token of the person with this id or username. Undefined: there is no such person. */
  lendToken(user: string): Promise<LentToken | undefined>;
  logger: Logger;
};

/** `audited`: what the audit says beside the input; never the secret that the answer may hold. */
type Done = { status: 200 | 202; answer: object; audited?: object };
/** An act as written below: `input` is of path and body together. */
type Deed<T> = {
  name: string;
  path: string;
  input: z.ZodType<T>;
  /** A sentence for who got the input wrong. */
  usage: string;
  run(input: T, options: AdminWriteOptions): Promise<Done | Refusal>;
};
type Act = Omit<Deed<unknown>, "input" | "run"> & {
  /** Undefined: the input is wrong. */
  read(
    given: object,
  ): { input: object; run(options: AdminWriteOptions): Promise<Done | Refusal> } | undefined;
};

/** A name, an id or a username: none is as long as this. */
const Name = z.string().min(1).max(128);

const ACTS: readonly Act[] = [
  act({
    name: "drain",
    path: "/nodes/:node/drain",
    input: z.object({ node: Name }),
    usage: "Name the node, as in /admin/status.",
    async run({ node }, options) {
      if (!(await options.drain(node))) return noSuchNode(node, options);
      return { status: 202, answer: { node, draining: true } };
    },
  }),
  act({
    name: "move",
    path: "/shards/:shard/move",
    input: z.object({ shard: z.coerce.number().int().nonnegative(), node: Name }),
    usage: 'Give the number of a shard, and the node it shall go to as application/json: {"node":"node-1"}.',
    async run({ shard, node }, options) {
      const found = await options.placement.move(shard, node);
      switch (found) {
        case "moving":
          return { status: 202, answer: { shard, node, moving: true }, audited: { found } };
        case "there_already":
          return { status: 200, answer: { shard, node, moving: false }, audited: { found } };
        case "no_such_shard":
          return noSuchShard(shard, options);
        case "no_such_node":
          return noSuchNode(node, options);
        case "node_takes_none":
          return refusal("conflict", {
            message: `${node} takes no shards now: it drains, is too late with its work or with Postgres, or has not the role "actors".`,
          });
      }
    },
  }),
  act({
    name: "rebalance",
    path: "/rebalance",
    input: z.object({}),
    usage: "Nothing is to be given.",
    async run(_, options) {
      const moves = await options.placement.rebalance();
      return { status: 202, answer: { moves }, audited: { moves: moves.length } };
    },
  }),
  act({
    name: "token",
    path: "/tokens",
    input: z.object({ user: Name }),
    usage: 'Say whose, by username or id, as application/json: {"user":"ada"}.',
    async run({ user: named }, options) {
      const lent = await options.lendToken(named);
      if (lent === undefined)
        return refusal("not_found", {
          message: `There is no person "${named}": give a username, or the id of a person.`,
        });
      const { user, token, expiresAtMs } = lent;
      const { id: userId, username } = user;
      return {
        status: 200,
        answer: { token, userId, username, expiresAtMs },
        audited: { userId, expiresAtMs },
      };
    },
  }),
];

/** Adds a route for each act: it parses, acts, audits, answers. */
export function registerWrites(admin: FastifyInstance, options: AdminWriteOptions): void {
  admin.addContentTypeParser("application/json", { parseAs: "string" }, (_request, body, done) => {
    const read = readJson(String(body));
    if (read === undefined) done(Object.assign(new Error("The body is no JSON."), NO_JSON));
    else done(null, read);
  });
  const audit = auditLog(options.logger);
  for (const { name, path, usage, read } of ACTS) {
    admin.post(path, async (request, reply) => {
      const said = auditOf(audit, name, request);
      const asked = read({ ...asObject(request.body), ...asObject(request.params) });
      if (asked === undefined) {
        said("refused", { code: "malformed" });
        return sendProblem(reply, refusal("malformed", { message: usage }));
      }
      const done = await asked.run(options).catch((error: unknown) => {
        said("failed", asked.input);
        throw error;
      });
      if ("code" in done) {
        said("refused", { ...asked.input, code: done.code });
        return sendProblem(reply, done);
      }
      said("done", { ...asked.input, ...done.audited });
      return reply.code(done.status).send(done.answer);
    });
  }
}

/** fastify's own mark of what a client got wrong. */
const NO_JSON = { code: "FST_ERR_CTP_INVALID_JSON_BODY", statusCode: 400 };

/** Written whatever the level of the log: only a log that is silent altogether has no audit. */
function auditLog(logger: Logger): Logger {
  return logger.child({ audit: true }, { level: logger.level === "silent" ? "silent" : "info" });
}

/** Whoever holds the admin token is `admin`: it names no person, so the address stands beside it. */
function auditOf(audit: Logger, act: string, { ip: address }: FastifyRequest) {
  return (outcome: "done" | "refused" | "failed", details: object) =>
    audit.info({ by: "admin", address, act, outcome, ...details }, `admin: ${act} ${outcome}`);
}

/** The type of the input stays between `input` and `run`. */
function act<T extends object>({ input, run, ...told }: Deed<T>): Act {
  return {
    ...told,
    read(given) {
      const { success, data } = input.safeParse(given);
      return success ? { input: data, run: (options) => run(data, options) } : undefined;
    },
  };
}

async function noSuchNode(node: string, { status }: AdminWriteOptions): Promise<Refusal> {
  const nodes = (await status()).nodes.map(({ name }) => name).sort();
  const there = nodes.length === 0 ? "no node has a lease" : `there are ${nodes.join(", ")}`;
  return refusal("not_found", {
    message: `No node "${node}" is in the cluster: ${there}.`,
    details: { nodes },
  });
}

async function noSuchShard(shard: number, { status }: AdminWriteOptions): Promise<Refusal> {
  const { count } = (await status()).shards;
  return refusal("not_found", { message: `There is no shard ${shard}: they are 0 to ${count - 1}.` });
}

/** Of an empty body, nothing. Undefined: it is no JSON. */
function readJson(text: string): unknown {
  if (text === "") return {};
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function asObject(value: unknown): object {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? value : {};
}
