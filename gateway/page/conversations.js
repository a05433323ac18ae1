/** Which conversations a person has: read over REST, and named. `here` is what a log-in has, see `main.js`. */
import { get, me } from "./rest.js";

/** Reads channels, dms, and the people of all spaces. Throws `Refused`, or `TypeError` when the server is away. */
export async function readConversations(here) {
  const { spaces } = await get("/spaces");
  const lists = await Promise.all([
    get("/channels"),
    ...spaces.map(({ id }) => get(`/channels?spaceId=${id}`)),
  ]);
  here.entries = merged(
    here,
    lists.flatMap(({ channels }) => channels),
  );
  here.listed = true;
  const members = await Promise.all(spaces.map(({ id }) => get(`/spaces/${id}/members?limit=50`)));
  for (const { user } of members.flatMap((page) => page.members)) here.people.set(user.id, user);
  const dms = here.entries.filter(({ channel }) => channel.kind === "dm" && !here.dmNames.has(channel.id));
  await Promise.all(dms.map(({ channel }) => nameDm(here, channel.id)));
}

/** Lists follow a moment behind: what this page has just joined or opened stays, whatever they say. */
function merged({ entries, connection }, listed) {
  const isOpen = ({ channel }) => connection.stores.has(channel.id);
  const all = new Map([...entries.filter(isOpen), ...listed].map((entry) => [entry.channel.id, entry]));
  return [...all.values()].map((entry) => (isOpen(entry) ? joined(entry) : entry));
}

/** The entry of a channel that this person is a member of. */
export function joined(entry) {
  return { ...entry, membership: entry.membership ?? {} };
}

/** A dm is called after the other person. */
async function nameDm(here, channelId) {
  const { members } = await get(`/channels/${channelId}/members`);
  const other = members.map(({ user }) => user).find((user) => user.id !== me()?.id);
  if (!other) return;
  here.people.set(other.id, other);
  here.dmNames.set(channelId, other);
}

export function nameOf(here, channel) {
  if (channel.kind === "dm") return here.dmNames.get(channel.id)?.displayName ?? "Conversation";
  return channel.name ?? "Group";
}

/** For `view.conversations`. `choose(channel, event)` and `writeTo(user)` are called on a click. */
export function sectionsOf(here, { choose, writeTo }) {
  const { entries, people, dmNames, connection, current } = here;
  const entry = ({ channel, membership }) => ({
    key: channel.id,
    name: membership ? nameOf(here, channel) : `${nameOf(here, channel)} (join)`,
    unread: channel.id === current ? 0 : (connection.stores.get(channel.id)?.unread ?? 0),
    current: channel.id === current,
    choose: () => choose(channel, membership ? "channel:open" : "channel:join"),
  });
  const known = new Set([me().id, ...[...dmNames.values()].map(({ id }) => id)]);
  const strangers = [...people.values()].filter(({ id }) => !known.has(id));
  return [
    { title: "Channels", entries: entries.filter(({ channel }) => channel.kind !== "dm").map(entry) },
    { title: "People", entries: entries.filter(({ channel }) => channel.kind === "dm").map(entry) },
    {
      title: "Write to",
      entries: strangers.map((user) => ({
        key: user.id,
        name: user.displayName,
        unread: 0,
        choose: () => writeTo(user),
      })),
    },
  ];
}
