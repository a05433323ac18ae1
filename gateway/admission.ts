/** Who may connect: judged before a client is in the namespace, refused with a `connect_error` whose `data` is the refusal. */
import type { Logger } from "pino";
import type { Server, Socket } from "socket.io";
import { type Refusal, refusal } from "../protocol/refusals.ts";
import { Handshake, PROTOCOL_VERSION } from "../protocol/session.ts";
import { TOKENS_AWAY, type Verified, type VerifyToken } from "./auth/tokens.ts";
import type { GatewayOptions } from "./gateway-options.ts";
import { malformed } from "./handlers/input.ts";
import { type Leave, Line } from "./line.ts";
import type { Rates } from "./rates.ts";

/** Handshakes that are judged, or read about in Postgres, at once: few milliseconds of work in one turn. Chosen. */
const AT_ONCE = 32;
/** A handshake that waits longer for a store, milliseconds, holds up the others no more. Chosen. */
const HOLD_MS = 250;
/** Who waits in line at most. Chosen: half of the connections that a node is made for. */
const WAITING_MAX = 5_000;
/** How long, milliseconds: well below `JOIN_WITHIN_MS`, after which the transport is cut. Chosen. */
const PATIENCE_MS = 4_000;

/** Who a valid token names, and since and until when, Unix milliseconds. */
export type VerifiedToken = Verified;

/** What the handshake brought, once it has been accepted. */
export type Admitted = {
  token: VerifiedToken;
  handshake: Omit<Handshake, "token">;
  /** To be called once what the stores know of the person has been read: the next in line may come. */
  leave: Leave;
};

export type AdmissionOptions = {
  /** Undefined for anything but a token that is good now. */
  verifyToken: VerifyToken;
  isRevoked(token: VerifiedToken): boolean;
  rates: Pick<Rates, "takeConnect">;
  /** In which everyone stands who comes, before anything of them is looked at. */
  line: Pick<Line, "enter" | "comeBackAfterMs">;
  /** False while the node is leaving. */
  accepts(): boolean;
  /** How many proxies in front add to `X-Forwarded-For`; 0: nobody is believed. */
  trustedProxies: number;
  count(result: string): void;
  log: Logger;
};

/** The one line of a node's handshakes. */
export function createLine({
  metrics,
  connectPatienceMs: patienceMs = PATIENCE_MS,
  connectHoldMs: holdMs = HOLD_MS,
}: Pick<GatewayOptions, "metrics" | "connectPatienceMs" | "connectHoldMs">): Line {
  const waits = (count: number) => metrics.connectsWaiting.set(count);
  return new Line({ places: AT_ONCE, holdMs, waitingMax: WAITING_MAX, patienceMs, waits });
}

/** Puts the judge in front of the default namespace. `admitted` is called in the turn in which the socket is let through. */
export function installAdmission(
  io: Server,
  options: AdmissionOptions,
  admitted: WeakMap<Socket, Admitted>,
): void {
  /** Engine connections whose one place in the namespace is taken. */
  const claimed = new WeakSet<object>();
  io.use((socket, next) => {
    // Two CONNECT packets in one breath would make two sockets of one connection, the first out of reach for ever.
    if (claimed.has(socket.conn)) {
      options.count("repeated");
      socket.conn.close();
      return;
    }
    claimed.add(socket.conn);
    const failed = (error: unknown): Refusal => {
      // The outermost edge: whatever failed, the client is answered and the node goes on.
      options.log.error({ err: error }, "handshake failed");
      return refusal("unavailable", { message: "Something went wrong on this server; connect again." });
    };
    void inTurn(socket, options)
      .catch(failed)
      .then((verdict) => {
        options.count("token" in verdict ? "accepted" : verdict.code);
        if ("token" in verdict) {
          admitted.set(socket, verdict);
          return next();
        }
        claimed.delete(socket.conn);
        next(Object.assign(new Error(verdict.message), { data: verdict }));
      });
  });
}

/** Waits in line, and is judged. */
async function inTurn(socket: Socket, options: AdmissionOptions): Promise<Admitted | Refusal> {
  const { line } = options;
  const leave = await line.enter(() => socket.conn.readyState !== "open");
  if (!leave) return refusal("overloaded", { retryAfterMs: line.comeBackAfterMs });
  let verdict: Omit<Admitted, "leave"> | Refusal | undefined;
  try {
    verdict = await judge(socket, options);
    return "token" in verdict ? { ...verdict, leave } : verdict;
  } finally {
    if (!verdict || !("token" in verdict)) leave();
  }
}

async function judge(socket: Socket, options: AdmissionOptions): Promise<Omit<Admitted, "leave"> | Refusal> {
  if (!options.accepts()) return refusal("unavailable", { message: "This node is leaving; connect again." });
  const taken = await options.rates.takeConnect(addressOf(socket, options.trustedProxies));
  if (!taken.ok) return refusal("rate_limited", { retryAfterMs: taken.retryAfterMs });
  const { auth } = socket.handshake;
  if (auth.protocol !== undefined && auth.protocol !== PROTOCOL_VERSION)
    return refusal("unsupported_protocol", { details: { supported: [PROTOCOL_VERSION] } });
  const parsed = Handshake.safeParse(auth);
  if (!parsed.success) {
    const { issues } = parsed.error;
    return issues.some((issue) => issue.path[0] === "token")
      ? refusal("unauthenticated")
      : malformed(issues).error;
  }
  const { token, ...handshake } = parsed.data;
  const verified = await options.verifyToken(token);
  if (verified === "away") return refusal("unavailable", { message: TOKENS_AWAY });
  if (!verified || options.isRevoked(verified)) return refusal("unauthenticated");
  return { token: verified, handshake };
}

/** The client's address: what the last trusted proxy saw, or the TCP connection's. */
function addressOf({ conn, handshake }: Socket, trustedProxies: number): string {
  const forwarded = String(handshake.headers["x-forwarded-for"] ?? "").split(",");
  const seen = trustedProxies > 0 ? forwarded.at(-trustedProxies)?.trim() : undefined;
  return seen || conn.remoteAddress;
}

/**
 * May a page from `origin` open a connection to `host`? Checked here and not by CORS, which does not cover WebSockets. What
 * is no browser sends no origin.
 */
export function isOriginAllowed(
  origin: string | undefined,
  host: string | undefined,
  origins: readonly string[],
): boolean {
  if (origin === undefined || origins.includes("*") || origins.includes(origin)) return true;
  return URL.canParse(origin) && new URL(origin).host === host;
}
