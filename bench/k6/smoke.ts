/**
 * Many sockets on many channels at an even rate, over nodes that may die or drain meanwhile: messages and replies, and beside
 * them edits, reactions, read marks and typing. Every socket checks order, gaps and duplicates for itself; thresholds fail the run. See README.md for the parameters.
 */
import exec from "k6/execution";
import { Counter, Gauge, Trend } from "k6/metrics";
import { WebSocket } from "k6/websockets";
import { type OpenRawSocket, rawLink } from "../load/link.ts";
import { type Plant, planted } from "./plant.ts";
import { Room, type RoomMeter } from "./room.ts";
import { makeSite, type Site } from "./setup.ts";

const NODES = (__ENV.NODES ?? "http://localhost:3000,http://localhost:3001,http://localhost:3002").split(",");
const SOCKETS = Number(__ENV.SOCKETS ?? 1_000);
const CHANNELS = Number(__ENV.CHANNELS ?? 50);
const RATE = Number(__ENV.RATE ?? 200);
/** Changes per message: edits, reactions, read marks, typing. */
const CHANGES = Number(__ENV.CHANGES ?? 0.5);
const DURATION_S = Number(__ENV.DURATION ?? 120);
/** Two devices each. */
const USERS = Number(__ENV.USERS ?? Math.ceil(SOCKETS / 2));
const VUS = Math.min(CHANNELS, Number(__ENV.VUS ?? 10));
const PLANT = __ENV.PLANT as Plant | undefined;
/** Sockets open evenly over this time, before the first message. */
const RAMP_S = Number(__ENV.RAMP ?? 10);
/** Of the ramp: the last socket listens before the first message is sent, so every message has every socket as its listener. */
const OPENING_SHARE = 0.7;
/** For what is still on its way at the end: a take-over, two backoffs, and the last repair. */
const SETTLE_S = 45;
/** After the last ack, for frames to the other sockets. */
const LAST_FRAMES_MS = 2_000;
const TICK_MS = 50;
/** `readyState` of an open WebSocket; k6's class lacks the constants that its types promise. */
const OPEN = 1;

const delivery = new Trend("hubbub_delivery", true);
const ack = new Trend("hubbub_ack", true);
const ackPause = new Trend("hubbub_ack_pause", true);
const sent = new Counter("hubbub_sent");
const resent = new Counter("hubbub_resent");
const acked = new Counter("hubbub_acked");
const delivered = new Counter("hubbub_delivered");
const reconnects = new Counter("hubbub_reconnects");
const resets = new Counter("hubbub_resets");
const refusals = new Counter("hubbub_refusals");
const changed = new Counter("hubbub_changes");
const change = new Trend("hubbub_change", true);
const changesRefused = new Counter("hubbub_changes_refused");
const repaired = new Counter("hubbub_gaps_repaired");
const gaps = new Counter("hubbub_gaps");
const duplicates = new Counter("hubbub_duplicates");
const disorders = new Counter("hubbub_disorders");
const forks = new Counter("hubbub_forks");
const unacked = new Counter("hubbub_unacked");
const failures = new Counter("hubbub_failures");
const sockets = new Gauge("hubbub_sockets");

export const options = {
  scenarios: {
    smoke: {
      executor: "per-vu-iterations",
      vus: VUS,
      iterations: 1,
      maxDuration: `${RAMP_S + DURATION_S + SETTLE_S + 30}s`,
    },
  },
  setupTimeout: "180s",
  summaryTrendStats: ["med", "p(95)", "p(99)", "max"],
  thresholds: {
    hubbub_gaps: ["count==0"],
    hubbub_duplicates: ["count==0"],
    hubbub_disorders: ["count==0"],
    hubbub_forks: ["count==0"],
    hubbub_unacked: ["count==0"],
    hubbub_failures: ["count==0"],
    hubbub_changes_refused: ["count==0"],
    ...(CHANGES > 0 && { hubbub_changes: ["count>0"] }),
    hubbub_acked: ["count>0"],
    hubbub_delivered: ["count>0"],
  },
};

type Data = { site: Site; startAtMs: number };

export function setup(): Data {
  const site = makeSite(NODES, USERS, CHANNELS);
  const startAtMs = Date.now();
  console.log(JSON.stringify({ sendFromMs: startAtMs + RAMP_S * 1_000 }));
  return { site, startAtMs };
}

export default function ({ site, startAtMs }: Data): Promise<void> {
  const first = exec.vu.idInTest - 1;
  const rooms = site.channelIds.flatMap((channelId, i) =>
    i % VUS === first ? [roomOf(site, channelId, i)] : [],
  );
  const perRoom = SOCKETS / CHANNELS;
  let sendFromMs = startAtMs + RAMP_S * 1_000;
  let [messages, changes] = [0, 0];

  return new Promise((resolve) => {
    const ticker = setInterval(() => {
      const nowMs = Date.now();
      const ramp = Math.min(1, (nowMs - startAtMs) / (RAMP_S * OPENING_SHARE * 1_000));
      for (const room of rooms) while (room.sockets < Math.round(perRoom * ramp)) room.connect();
      // Who comes late has missed nothing: nothing is said before.
      if (messages === 0 && !rooms.every((room) => room.listening)) sendFromMs = Math.max(sendFromMs, nowMs);
      const sendUntilMs = sendFromMs + DURATION_S * 1_000;
      const due = (Math.min(nowMs, sendUntilMs) - sendFromMs) * (RATE / CHANNELS / 1_000) * rooms.length;
      for (; messages < due; messages++)
        rooms[messages % rooms.length].send(Math.floor(messages / rooms.length));
      for (; changes < due * CHANGES; changes++)
        rooms[changes % rooms.length].change(Math.floor(changes / rooms.length));
      const over = nowMs > sendUntilMs && rooms.every((room) => room.settled);
      if (!over && nowMs < sendUntilMs + SETTLE_S * 1_000) return;
      clearInterval(ticker);
      setTimeout(() => void finish(rooms).then(resolve), LAST_FRAMES_MS);
    }, TICK_MS);
  });
}

function roomOf(site: Site, channelId: string, i: number): Room {
  const perRoom = SOCKETS / CHANNELS;
  const tokens = Array.from(
    { length: perRoom },
    (_, s) => site.people[(i * perRoom + s) % site.people.length].token,
  );
  return new Room({
    channelId,
    nodes: NODES,
    tokens,
    openLink: rawLink(openSocket),
    meter,
    tamper: PLANT && planted(PLANT),
  });
}

const meter: RoomMeter = {
  delivered(latencyMs) {
    delivered.add(1);
    delivery.add(latencyMs);
  },
  acked(latencyMs, pauseMs) {
    acked.add(1);
    ack.add(latencyMs);
    ackPause.add(pauseMs);
  },
  sent: (attempt) => (attempt === 1 ? sent : resent).add(1),
  reconnected: (reason) => reconnects.add(1, { reason }),
  reset: () => resets.add(1),
  refused: (code) => refusals.add(1, { code }),
  changed(name, latencyMs) {
    changed.add(1, { change: name });
    change.add(latencyMs);
  },
  changeRefused: (name, code) => changesRefused.add(1, { change: name, code }),
  failed(what, error) {
    failures.add(1);
    console.error(`${what}: ${JSON.stringify(error)}`);
  },
};

/** The verdict on each room, then a line per acked message on the console. */
async function finish(rooms: Room[]): Promise<void> {
  for (const room of rooms) {
    sockets.add(room.sockets);
    const verdict = await new Promise<Parameters<Parameters<Room["judge"]>[0]>[0]>((resolve) =>
      room.judge(resolve),
    );
    gaps.add(verdict.gaps);
    duplicates.add(verdict.duplicates);
    disorders.add(verdict.disorders);
    forks.add(verdict.forks);
    unacked.add(verdict.unacked);
    repaired.add(verdict.repaired);
    for (const line of room.ackedLines()) console.log(line);
    room.stop();
  }
}

const openSocket: OpenRawSocket = (url, on) => {
  const socket = new WebSocket(url);
  socket.addEventListener("message", (event) => on.message((event as { data: string }).data));
  socket.addEventListener("close", () => on.closed("transport"));
  // A connection that fails to open, or breaks: k6 closes it after this.
  socket.addEventListener("error", () => on.closed("transport"));
  return {
    send(text) {
      // Between the loss of a connection and its event k6 would throw.
      if ((socket.readyState as number) === OPEN) socket.send(text);
    },
    close: () => socket.close(),
  };
};
