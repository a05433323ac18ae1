/** From a packet to its answer: every client event passes here, and none is answered by silence. */
import type { Logger } from "pino";
import { StoreAway } from "../../actors/ports.ts";
import { type Answer, refused } from "../../protocol/refusals.ts";
import { REQUESTS, type RequestName } from "../../protocol/requests.ts";
import type { Metrics } from "../../src/telemetry/metrics.ts";
import { closeConnection } from "../closing.ts";
import type { Connection } from "../connections.ts";
import type { Handler, Surroundings } from "./handler.ts";
import { type Input, isPlain, malformed, readInput } from "./input.ts";
import { HANDLERS } from "./table.ts";

/** Requests that took longer get a line in the log. */
const SLOW_MS = 250;

export type DispatchOptions = {
  surroundings: Surroundings;
  /** May anything be sent to this connection? See `BudgetedOutlet.maySpeakTo`. */
  maySpeakTo(connection: Connection): boolean;
  metrics: Pick<Metrics, "requests" | "requestDuration" | "stageDuration">;
  log: Logger;
};

/** Takes one packet of a connection. Never throws and never rejects. */
export function createDispatch(options: DispatchOptions) {
  const { surroundings, maySpeakTo, log, metrics } = options;

  return function dispatch(connection: Connection, packet: readonly unknown[]): void {
    if (connection.closing) return;
    const startMs = performance.now();
    const input = readInput(packet);
    const name = isRequest(input.name) ? input.name : undefined;
    const behind: (() => void)[] = [];
    const finish = (answer: Answer) => {
      try {
        input.ack?.(answer);
        for (const run of behind) run();
      } catch (error) {
        // What the client knows is in doubt now: it comes back and asks. Nobody else is touched.
        log.error({ err: error, event: name, connectionId: connection.id }, "answer failed");
        closeConnection(connection, { reason: "drain", reconnectAfterMs: 1_000 });
      }
      observe(connection, name, answer, performance.now() - startMs);
    };
    const barred = bar(connection, input, startMs);
    if (barred === "ended") return;
    if (barred) finish(barred);
    else void handle(connection, name, input, (run) => behind.push(run)).then(finish);
  };

  /** What stands in the way of any request: its form, rates, and a client that does not read its answers. */
  function bar(connection: Connection, input: Input, nowMs: number): Answer | "ended" | undefined {
    const taken = surroundings.rates.takeEvent(connection, nowMs);
    if (taken === "flood" || !input.args.every((arg) => isPlain(arg))) {
      closeConnection(connection, { reason: "policy" });
      return "ended";
    }
    if (!taken.ok) return refused("rate_limited", { retryAfterMs: taken.retryAfterMs });
    if (maySpeakTo(connection)) return undefined;
    return connection.closing ? "ended" : refused("overloaded");
  }

  async function handle<E extends RequestName>(
    connection: Connection,
    name: E | undefined,
    input: Input,
    afterAnswer: (run: () => void) => void,
  ): Promise<Answer> {
    if (name === undefined) return refused("unsupported");
    if (input.args.length !== 1)
      return refused("malformed", { message: "An event carries one argument, and an acknowledgement." });
    connection.requests += 1;
    const trace = { requestId: `${connection.id}:${connection.requests}` };
    const asker = { connection, userId: connection.userId, trace, afterAnswer };
    const handler = HANDLERS[name] as Handler<E>;
    try {
      const request = REQUESTS[name].request.safeParse(input.args[0]);
      if (!request.success) return malformed(request.error.issues);
      return await handler(request.data as Parameters<Handler<E>>[0], asker, surroundings);
    } catch (error) {
      // The outermost edge: whatever failed, the client is answered and the node goes on.
      if (!(error instanceof StoreAway)) log.error({ err: error, event: name, ...trace }, "handler failed");
      return refused("unavailable");
    }
  }

  function observe(connection: Connection, name: string | undefined, answer: Answer, tookMs: number): void {
    const event = name ?? "unknown";
    metrics.requests.inc({ event, code: answer.ok ? "ok" : answer.error.code });
    metrics.requestDuration.observe({ event }, tookMs / 1_000);
    // Who waited in vain for an owner is counted by the router, and in one line a second.
    if (tookMs < SLOW_MS || !answer.ok) return;
    const { id: connectionId, userId } = connection;
    log.info({ event, connectionId, userId, tookMs: Math.round(tookMs) }, "slow request");
  }
}

function isRequest(name: unknown): name is RequestName {
  return typeof name === "string" && Object.hasOwn(REQUESTS, name);
}
