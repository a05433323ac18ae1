/** A channel with people in it, one of whom stands to it as a column of the matrix says. Made over REST alone. */
import { randomBytes } from "node:crypto";
import { v7 as uuidv7 } from "uuid";
import type { ChannelId, MessageId } from "../../protocol/ids.ts";
import type { Person, Site } from "./site.ts";

/** How the asker stands to the channel. In a dm, `member` is one of the two. */
export type Standing =
  /** In no space, in no channel. */
  | "outsider"
  /** In another space. */
  | "elsewhere"
  /** In the channel's space, never in the channel. */
  | "neighbour"
  | "invited"
  | "left"
  | "banned"
  /** In the channel, and banned from its space since. */
  | "expelled"
  | "guest"
  | "muted"
  | "member"
  /** A member whom the author of `theirs` has blocked; in a dm: the other of the two. */
  | "blocked"
  /** One of a dm, who has blocked the other. */
  | "blocker"
  | "moderator"
  | "admin"
  | "owner";

export type Kind = "topic" | "announcement" | "private" | "space" | "dm";

/** People of all channels. Who stands as `owner` makes their own. */
export type Cast = {
  owner: Person;
  author: Person;
  /** Plain members, to be muted, given roles, put out. */
  others: readonly [Person, Person];
  /** Of the space, and not of the channel. */
  newcomers: readonly [Person, Person, Person];
  people: ReadonlyMap<Standing, Person>;
};

export type World = Omit<Cast, "people"> & {
  kind: Kind;
  standing: Standing;
  /** Who asks. */
  person: Person;
  channelId: ChannelId;
  /** The channel's; of a space: its own id; undefined: a dm. */
  spaceId: ChannelId | undefined;
  /** Messages of the author, each for one deed; the fourth and fifth are pinned. In a space: ids of none. */
  theirs: MessageId[];
  /** Messages of the asker, where they ever could write; else the author's. */
  own: MessageId[];
  /** Stands in the channel's name and in all its messages, and nowhere else. */
  secret: string;
};

/** Messages of the author, and of the asker: as many as deeds need. */
const THEIRS = 11;
const OWN = 3;
/** What the asker has put on the author's first message, to take it back by one door each. */
const EMOJIS = ["👍", "👎"] as const;

const NEVER_IN: readonly Standing[] = ["outsider", "elsewhere", "neighbour", "invited"];
const NOT_IN_SPACE: readonly Standing[] = ["outsider", "elsewhere"];

export async function makeCast(site: Site, standings: readonly Standing[]): Promise<Cast> {
  const [owner, author, other0, other1, ...newcomers] = await Promise.all(
    Array.from({ length: 7 }, () => site.person()),
  );
  const people = new Map<Standing, Person>();
  for (const standing of standings) people.set(standing, await site.person());
  await people.get("elsewhere")?.does("POST", "/spaces", { name: "another" });
  await other0!.does("PUT", "/users/me/keys", { keyId: "one", algorithm: "x25519", key: "AAAA" });
  return {
    owner: owner!,
    author: author!,
    others: [other0!, other1!],
    newcomers: newcomers as [Person, Person, Person],
    people,
  };
}

/** A new world. Blocks are set by `setBlocks`, when all worlds stand: they would keep dms from being made. */
export async function makeWorld({ people, ...cast }: Cast, kind: Kind, standing: Standing): Promise<World> {
  const person = people.get(standing)!;
  const owner = standing === "owner" ? person : cast.owner;
  const secret = `secret${randomWord()}`;
  const plain = { ...cast, owner, kind, standing, person, secret };
  return kind === "dm" ? makeDm(plain) : makeChannel(plain);
}

/** Letters only: to a search it is one word. */
function randomWord(): string {
  return randomBytes(12)
    .toString("hex")
    .replaceAll(/\d/g, (digit) => "ghijklmnop"[Number(digit)]!);
}

type Made<Noun extends string> = Record<Noun, { id: ChannelId }>;
type Plain = Omit<World, "channelId" | "spaceId" | "theirs" | "own">;

/** Between the author and the asker; an outsider's is between the author and someone else. */
async function makeDm(plain: Plain): Promise<World> {
  const { author, person, others, standing, secret } = plain;
  const other = NOT_IN_SPACE.includes(standing) ? others[1] : person;
  const { channel } = await author.does<Made<"channel">>("POST", "/dm", { userId: other.userId });
  const { id: channelId } = channel;
  const theirs = await write(author, channelId, secret, THEIRS);
  for (const id of theirs.slice(3, 5)) await author.does("PUT", `/messages/${id}/pin`);
  const own = other === person ? await write(person, channelId, secret, OWN) : theirs;
  if (other === person) await reactWith(person, theirs[0]!);
  return { ...plain, owner: author, channelId, spaceId: undefined, theirs, own };
}

async function makeChannel(plain: Plain): Promise<World> {
  const { kind, owner, author, person, others, newcomers, standing, secret } = plain;
  const ofSpace = kind === "space";
  const { space } = await owner.does<Made<"space">>("POST", "/spaces", { name: ofSpace ? secret : "home" });
  const { id: spaceId } = space;
  const comesToSpace = !(ofSpace ? NEVER_IN : NOT_IN_SPACE).includes(standing) && person !== owner;
  const comers = [author, ...others, ...(ofSpace ? [] : newcomers), ...(comesToSpace ? [person] : [])];
  await Promise.all(comers.map((each) => each.does("POST", `/spaces/${spaceId}/join`)));
  const channelId = ofSpace ? spaceId : await newChannel(plain, spaceId);
  const world: World = { ...plain, channelId, spaceId, theirs: [], own: [] };
  const everIn = !NEVER_IN.includes(standing);
  const members = [author, ...others, ...(everIn && person !== owner ? [person] : [])];
  if (!ofSpace) await Promise.all(members.map((member) => bringIn(world, member)));
  world.theirs = ofSpace ? none(channelId) : await writeAs(world, author, THEIRS);
  world.own = ofSpace || !everIn ? world.theirs : await writeAs(world, person, OWN);
  if (!ofSpace) {
    for (const id of world.theirs.slice(3, 5)) await owner.does("PUT", `/messages/${id}/pin`);
    if (everIn) await reactWith(person, world.theirs[0]!);
  }
  await takeStanding(world);
  return world;
}

async function newChannel({ owner, kind, secret }: Plain, spaceId: ChannelId): Promise<ChannelId> {
  const { channel } = await owner.does<Made<"channel">>("POST", "/channels", { kind, spaceId, name: secret });
  return channel.id;
}

async function bringIn({ owner, kind, channelId }: World, member: Person): Promise<void> {
  const { userId } = member;
  if (kind === "private") await owner.does("POST", `/channels/${channelId}/members`, { userId });
  await member.does("POST", `/channels/${channelId}/join`);
}

/** Only moderators write in an announcement: whoever has written is a plain member again. */
async function writeAs(world: World, author: Person, count: number): Promise<MessageId[]> {
  const { kind, owner, channelId, secret } = world;
  const path = `/channels/${channelId}/members/${author.userId}`;
  const lifted = kind === "announcement" && author !== owner;
  if (lifted) await owner.does("PATCH", path, { role: "moderator" });
  const ids = await write(author, channelId, secret, count);
  if (lifted) await owner.does("PATCH", path, { role: "member" });
  return ids;
}

async function write(
  author: Person,
  channelId: ChannelId,
  content: string,
  count: number,
): Promise<MessageId[]> {
  const ids: MessageId[] = [];
  for (let i = 0; i < count; i++) {
    const body = { clientId: uuidv7(), content: `${content} ${i}` };
    const path = `/channels/${channelId}/messages`;
    const { message } = await author.does<{ message: { id: MessageId } }>("POST", path, body);
    ids.push(message.id);
  }
  return ids;
}

async function reactWith(person: Person, messageId: MessageId): Promise<void> {
  for (const emoji of EMOJIS) await person.does("POST", `/messages/${messageId}/reactions`, { emoji });
}

/** Ids under which a space has events, and no messages. */
function none(spaceId: ChannelId): MessageId[] {
  return Array.from({ length: THEIRS }, (_, i) => `${spaceId}.${1 + (i % 2)}` as MessageId);
}

async function takeStanding(world: World): Promise<void> {
  const { standing, owner, person, channelId, spaceId } = world;
  const members = `/channels/${channelId}/members`;
  const member = `${members}/${person.userId}`;
  switch (standing) {
    case "invited":
      return void (await owner.does("POST", members, { userId: person.userId }));
    case "left":
      return void (await person.does("POST", `/channels/${channelId}/leave`));
    case "banned":
      return void (await owner.does("DELETE", `${member}?bannedUntilMs=forever`));
    case "expelled":
      return void (await owner.does(
        "DELETE",
        `/spaces/${spaceId}/members/${person.userId}?bannedUntilMs=forever`,
      ));
    case "muted":
      return void (await owner.does("PATCH", member, { mutedUntilMs: null }));
    case "guest":
    case "moderator":
    case "admin":
      return void (await owner.does("PATCH", member, { role: standing }));
    default:
      // They stand as they came, or as they never did.
      return;
  }
}

/** The author, and the first of the others, block who stands as `blocked`; the `blocker` blocks the author. */
export async function setBlocks({ author, others, people }: Cast): Promise<void> {
  const blocked = people.get("blocked")!.userId;
  for (const each of [author, others[0]]) await each.does("PUT", `/users/${blocked}/block`);
  await people.get("blocker")!.does("PUT", `/users/${author.userId}/block`);
}
