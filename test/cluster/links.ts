/** The kinds of clients that a conversation is made of: who carries their packets, how fast they read, what time they think it is. */
import { io } from "socket.io-client";
import { WebSocket } from "ws";
import { type OpenLink, rawLink } from "../../bench/load/link.ts";
import { openNodeSocket } from "../../bench/load/node-socket.ts";

export type ClientKind = "websocket" | "polling" | "raw" | "slow" | "skewed";

const HOUR_MS = 3_600_000;
/** A slow reader reads for a moment, and looks away for two seconds: below the heartbeat's patience. */
const READS_MS = 200;
const LOOKS_AWAY_MS = 2_000;

/** The official client, without its own reconnection: a resume names positions that only we know. */
function official(transport: "websocket" | "polling"): OpenLink {
  return (nodeUrl, auth, on) => {
    const socket = io(nodeUrl, { auth, reconnection: false, forceNew: true, transports: [transport] });
    socket.on("connect_error", (error: Error & { data?: unknown }) => {
      // Refused by the server, or not reached at all.
      if (error.data === undefined) on.closed("transport");
      else on.refused(error.data);
    });
    socket.on("disconnect", (reason) => on.closed(reason));
    socket.onAny((name: string, payload: unknown) => on.event(name, payload));
    return {
      emit: (name, payload, onAnswer) => void socket.emit(name, payload, onAnswer),
      close() {
        socket.removeAllListeners();
        socket.offAny();
        socket.disconnect();
      },
    };
  };
}

/** What everyone uses where the kind does not matter. */
export const officialLink: OpenLink = official("websocket");

/** A WebSocket whose bytes stay in the kernel most of the time. */
const slow = rawLink((url, on) => {
  const socket = new WebSocket(url, { perMessageDeflate: false });
  let timer: NodeJS.Timeout | undefined;
  const read = () => {
    socket.resume();
    timer = setTimeout(lookAway, READS_MS);
  };
  const lookAway = () => {
    socket.pause();
    timer = setTimeout(read, LOOKS_AWAY_MS);
  };
  const closed = () => {
    clearTimeout(timer);
    on.closed("transport");
  };
  socket.once("open", read);
  socket.on("message", (data) => on.message(data.toString()));
  socket.on("close", closed);
  socket.on("error", closed);
  return {
    send(text) {
      if (socket.readyState === WebSocket.OPEN) socket.send(text);
    },
    close() {
      clearTimeout(timer);
      socket.resume(); // a paused socket would not see its own end
      socket.close();
    },
  };
});

const ODD_KINDS: readonly ClientKind[] = ["polling", "slow", "raw", "skewed"];

/** Of the last member of the `c`-th channel, in turn; the others are at no fault themselves. */
export function oddKind(c: number): ClientKind {
  return ODD_KINDS[c % ODD_KINDS.length]!;
}

/** What is special about a client of this kind; the rest is as for any other. */
export const CLIENT_KINDS: Readonly<Record<ClientKind, { openLink: OpenLink; nowMs?: () => number }>> = {
  websocket: { openLink: officialLink },
  polling: { openLink: official("polling") },
  raw: { openLink: rawLink(openNodeSocket) },
  slow: { openLink: slow },
  skewed: { openLink: officialLink, nowMs: () => Date.now() - HOUR_MS },
};
