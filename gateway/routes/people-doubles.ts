/** People in memory, as `People` promises them, for the tests of REST. Every name with the query in it is found. */
import type { ChannelId, UserId } from "../../protocol/ids.ts";
import { DEFAULT_SETTINGS, type Notify, type PublicKey, type UserSettings } from "../../protocol/people.ts";
import type { User } from "../../protocol/users.ts";
import type { Accounts, People } from "../ports.ts";

export type MemoryPeople = People & {
  /** What members want to be told of, `<userId> <channelId>` → choice. */
  readonly notify: ReadonlyMap<string, Notify>;
};

/** `known`: all there are, for the search. */
export function memoryPeople(accounts: Pick<Accounts, "users">, known: () => User[]): MemoryPeople {
  const settings = new Map<UserId, UserSettings>();
  const keys = new Map<UserId, PublicKey>();
  const notify = new Map<string, Notify>();
  const blocks = new Map<UserId, Set<UserId>>();
  const blockedBy = (userId: UserId) => blocks.get(userId) ?? new Set();
  const settingsOf = (userId: UserId) => settings.get(userId) ?? DEFAULT_SETTINGS;
  return {
    notify,
    async update(userId, { displayName, bio, avatarUrl }) {
      const [user] = await accounts.users([userId]);
      if (user && displayName !== undefined) user.displayName = displayName;
      if (user && bio !== undefined) user.bio = bio ?? undefined;
      if (user && avatarUrl !== undefined) user.avatarUrl = avatarUrl ?? undefined;
      return user;
    },
    search: async (query, viewer, limit) =>
      known()
        .filter(({ id, username }) => username.includes(query) && !blockedBy(id).has(viewer))
        .slice(0, limit),
    settings: async (userId) => settingsOf(userId),
    async setSettings(userId, changes) {
      settings.set(userId, { ...settingsOf(userId), ...changes });
      return settingsOf(userId);
    },
    blocked: (userId) => accounts.users([...blockedBy(userId)]),
    async setBlock(userId, other, blocked) {
      const set = new Set(blockedBy(userId));
      if (blocked) set.add(other);
      else set.delete(other);
      blocks.set(userId, set);
      return true;
    },
    blockedAmong: async (userId, others) =>
      new Set(others.filter((other) => blockedBy(userId).has(other) || blockedBy(other).has(userId))),
    async setKey(userId, key) {
      keys.set(userId, key);
    },
    key: async (userId) => keys.get(userId),
    choosePresence: async () => {},
    async setNotify(userId, channelId: ChannelId, choice) {
      notify.set(`${userId} ${channelId}`, choice);
    },
    fromIssuer: async () => "taken",
  };
}
