/**
 * The door before every handshake: a few in each turn of the event loop, the others in the next, so that a crowd at the
 * door is no pause for those inside; and nobody while the line behind it takes nobody more. Who is turned away here has cost
 * a tenth of a handshake.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { refusal } from "../protocol/refusals.ts";
import { PROBLEM_TYPE, problemOf } from "./http/problem.ts";
import type { Line } from "./line.ts";

/** Handshakes in one turn: 16 take 5 ms. */
const PER_TURN = 16;
/** At the door at most. Chosen: what a node of 10,000 connections is asked for at once when it comes back alone. */
const AT_DOOR_MAX = 10_000;

/** Of engine.io: `decide(null, true)` goes on with the handshake, false ends it. */
type Decide = (error: string | null | undefined, success: boolean) => void;
/** engine.io keeps the answer to a polling request there; an upgrade has none. */
type Arriving = IncomingMessage & { res?: ServerResponse };

export type DoorOptions = {
  line: Pick<Line, "isOverrun" | "comeBackAfterMs">;
  isAllowed(request: IncomingMessage): boolean;
  /** Someone was turned away. */
  turnedAway(): void;
};

/** `allowRequest` of the Socket.IO server. */
export function door({ line, isAllowed, turnedAway }: DoorOptions) {
  const waiting: (() => void)[] = [];
  let inTurn = 0;
  let isScheduled = false;

  const nextTurn = () => {
    isScheduled = false;
    inTurn = 0;
    for (const open of waiting.splice(0, PER_TURN)) open();
    if (waiting.length > 0) schedule();
  };
  const schedule = () => {
    if (isScheduled) return;
    isScheduled = true;
    setImmediate(nextTurn);
  };

  return (request: Arriving, decide: Decide): void => {
    if (!isAllowed(request)) {
      decide(null, false);
      return;
    }
    // Node leaves an upgraded socket without anyone who hears of its errors.
    if (!request.res) request.socket.on("error", ignore);
    const sendAway = () => {
      turnedAway();
      turnAway(request, line.comeBackAfterMs);
    };
    const open = () => {
      inTurn += 1;
      if (line.isOverrun) sendAway();
      else decide(null, true);
    };
    schedule();
    if (inTurn < PER_TURN && waiting.length === 0) open();
    else if (waiting.length < AT_DOOR_MAX) waiting.push(open);
    else sendAway();
  };
}

function ignore(): void {}

/** As a REST route would: 503, `Retry-After`, a problem. engine.io knows 400 and 403 only, which say "never". */
function turnAway({ res, socket }: Arriving, retryAfterMs: number): void {
  const body = JSON.stringify(problemOf(refusal("overloaded", { retryAfterMs })));
  const headers = {
    "Content-Type": PROBLEM_TYPE,
    "Retry-After": String(Math.ceil(retryAfterMs / 1_000)),
    "Content-Length": String(Buffer.byteLength(body)),
    Connection: "close",
  };
  if (res) res.writeHead(503, headers).end(body);
  else endUpgrade(socket, headers, body);
}

function endUpgrade(socket: Duplex, headers: Record<string, string>, body: string): void {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(`HTTP/1.1 503 Service Unavailable\r\n${lines.join("")}\r\n${body}`, () => socket.destroy());
}
