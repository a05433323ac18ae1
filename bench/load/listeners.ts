/**
 * Listeners of one channel as a process of its own, so that reading is not on the server's account: some at a gateway,
 * as many at a bare WebSocket server. All read alike, and count the events that they get.
 */
import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { ChannelEvents } from "../../protocol/events.ts";
import type { Answer } from "../../protocol/refusals.ts";
import { parseFrame } from "../k6/socket-io.ts";
import { rawLink } from "./link.ts";
import { openNodeSocket } from "./node-socket.ts";
import { inParallel } from "./site.ts";

/** One listener per token at each of the two that is named. */
export type ListenOptions = { gatewayUrl?: string; bareUrl?: string; channelId: string; tokens: string[] };

export type Listeners = {
  /** What came since it was asked last, summed over all sockets. */
  heard(): Promise<Heard>;
  stop(): void;
};

type Heard = { events: number; frames: number };
type Said = { heard: Heard } | { error: string };

/** Resolves when all of them listen. */
export async function listenApart(options: ListenOptions): Promise<Listeners> {
  const child = fork(fileURLToPath(import.meta.url), [], { stdio: ["ignore", "inherit", "inherit", "ipc"] });
  const end = () => child.kill();
  process.once("exit", end);
  let answered: ((said: Said) => void) | undefined;
  child.on("message", (said: Said) => answered?.(said));
  child.on("close", () => answered?.({ error: "the listeners are gone" }));
  const ask = async (question: ListenOptions | "heard"): Promise<Heard> => {
    const said = await new Promise<Said>((resolve, reject) => {
      answered = resolve;
      child.send(question, (error) => error && reject(error));
    });
    if ("error" in said) throw new Error(said.error);
    return said.heard;
  };
  const stop = () => {
    process.off("exit", end);
    child.kill();
  };
  try {
    await ask(options);
  } catch (error) {
    stop();
    throw error;
  }
  return { heard: () => ask("heard"), stop };
}

let heard: Heard = { events: 0, frames: 0 };

function count(name: string, payload: unknown): void {
  if (name !== "channel:events") return;
  heard.events += (payload as ChannelEvents).events.length;
  heard.frames += 1;
}

async function listen({ gatewayUrl, bareUrl, channelId, tokens }: ListenOptions): Promise<void> {
  if (gatewayUrl !== undefined)
    await inParallel(tokens.length, (i) => listenAtGateway(gatewayUrl, channelId, tokens[i]!));
  if (bareUrl !== undefined) await inParallel(tokens.length, () => listenBare(bareUrl));
}

function listenAtGateway(url: string, channelId: string, token: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const open = () =>
      link.emit("channel:open", { channelId }, (raw) => {
        const answer = raw as Answer;
        if (answer.ok) resolve();
        else reject(new Error(`channel:open was refused: ${JSON.stringify(answer.error)}`));
      });
    const link = rawLink(openNodeSocket)(
      url,
      { token, protocol: 1 },
      {
        event: (name, payload) => (name === "session:ready" ? open() : count(name, payload)),
        refused: (error) => reject(new Error(`the handshake was refused: ${JSON.stringify(error)}`)),
        closed: (reason) => reject(new Error(`a listener was closed: ${reason}`)),
      },
    );
  });
}

/** The server's first frame says that it writes to this one. */
function listenBare(url: string): Promise<void> {
  return new Promise((resolve, reject) => {
    openNodeSocket(url, {
      message(text) {
        const packet = parseFrame(text);
        if (packet.kind === "connected") resolve();
        else if (packet.kind === "event") count(packet.name, packet.payload);
      },
      closed: (reason) => reject(new Error(`a bare listener was closed: ${reason}`)),
    });
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url) && process.send !== undefined) {
  const say = (said: Said) => process.send?.(said);
  process.on("message", async (asked: ListenOptions | "heard") => {
    try {
      if (asked !== "heard") await listen(asked);
      say({ heard });
      heard = { events: 0, frames: 0 };
    } catch (error) {
      say({ error: error instanceof Error ? error.message : String(error) });
    }
  });
}
