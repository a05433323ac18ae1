/** What is for a person before their connection has been told `session:ready`, which comes first. */
import type { Frame } from "./adapter/frame.ts";
import type { Connection } from "./connections.ts";

/** Notices that one connection is owed at most. Chosen: as many as anyone reads of what came while they connected. */
const EARLY_MAX = 20;

/** To a person's connection, unless more than `budgetBytes` wait there, or it is closing. */
export function tellInTurn(
  { closing, early, lane }: Connection,
  event: "unread" | "notification",
  frame: Frame,
  budgetBytes: number,
): void {
  if (closing) return;
  if (early === undefined) lane.offer(frame, budgetBytes);
  // Counts come with `session:ready`.
  else if (event === "notification" && early.length < EARLY_MAX) early.push(frame);
}

/** `session:ready` has left: what waited for it follows. */
export function tellEarly(connection: Connection): void {
  const { early = [], lane } = connection;
  connection.early = undefined;
  for (const frame of early) lane.write(frame);
}
