/** What a channel is called, how it is set, and whether it is archived (rows C1, C11, C13); spaces too. */
import type { Channel, Settings, SettingsChange } from "../../protocol/channel.ts";
import type { ChannelCommand } from "../commands.ts";
import { admit, permits } from "./access.ts";
import { archivedBehind, isArchived, refuseArchived } from "./archiving.ts";
import { answer, channelAfter, channelEvent, type Outcome, refuse } from "./decision.ts";
import type { ChannelState } from "./state.ts";

type Update = Extract<ChannelCommand, { type: "update" }>;

/** What those may set who may do no more than slow a channel down. */
const SLOW: readonly (keyof Settings)[] = ["slowModeSeconds", "autoSlowMode"];

/**
 * Changes what the command names and what is not so already; nothing else. An archived channel can only be taken out of the
 * archive, with or without other changes. A limit below the present number of members puts nobody out.
 */
export function decideUpdate(state: Readonly<ChannelState>, command: Update, nowMs: number): Outcome {
  const { by } = command;
  const admitted = admit(state, by, "read", nowMs);
  if (!("member" in admitted)) return admitted;
  const { channel, member } = admitted;
  const wasArchived = isArchived(state, nowMs);
  const changes = changesOf({ ...channel, archived: wasArchived }, command);
  if (Object.keys(changes).length === 0) return unchanged(state, command, nowMs);
  const action = onlySlows(channel, changes) ? "slow" : "manage";
  if (!permits(channel.kind, member, action)) return refuse("forbidden");
  if (wasArchived && changes.archived !== false) return refuseArchived(state, by, nowMs);
  const type = changes.archived === true ? "channel:archived" : "channel:updated";
  const events = [channelEvent(state, [], type, changes, by, nowMs)];
  return { ...answer({ channel: channelAfter(state, events) }), events };
}

/** All is as the command wants it: that is true also of who may not change it (rule B1). */
function unchanged(state: Readonly<ChannelState>, { by, archived }: Update, nowMs: number): Outcome {
  const events = archived === true ? archivedBehind(state, [], by, nowMs) : [];
  return { ...answer({ channel: channelAfter(state, events) }), events };
}

type Changes = Partial<Pick<Channel, "name" | "description" | "settings" | "archived">>;

function changesOf(channel: Channel, { name, description, settings, archived }: Update): Changes {
  return differing(channel, { name, description, settings: merged(channel.settings, settings), archived });
}

/** What is undefined stays, and what is null is absent: settings as they are kept hold no null. */
function merged(present: Settings, wanted: SettingsChange = {}): Settings {
  const named = Object.entries(wanted).filter(([, value]) => value !== undefined);
  const all = Object.entries({ ...present, ...Object.fromEntries(named) });
  return Object.fromEntries(all.filter(([, value]) => value !== null));
}

/** Of `wanted`, what is named and is not so in `present`. */
function differing<T extends object>(present: T, wanted: Partial<T>): Partial<T> {
  const keys = Object.keys(wanted) as (keyof T)[];
  const changed = keys.filter((key) => wanted[key] !== undefined && !isSame(wanted[key], present[key]));
  return Object.fromEntries(changed.map((key) => [key, wanted[key]])) as Partial<T>;
}

/** Of what JSON carries; a key that is undefined is as good as absent. */
function isSame(a: unknown, b: unknown): boolean {
  if (!isObject(a) || !isObject(b)) return a === b;
  return Object.keys({ ...a, ...b }).every((key) => isSame(a[key], b[key]));
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

function onlySlows(channel: Channel, { settings, ...others }: Changes): boolean {
  if (settings === undefined || Object.keys(others).length > 0) return false;
  const keys = Object.keys({ ...channel.settings, ...settings }) as (keyof Settings)[];
  return keys.every((key) => SLOW.includes(key) || isSame(settings[key], channel.settings[key]));
}
