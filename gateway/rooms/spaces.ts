/**
 * Who is in which space, as far as listeners of its channels are concerned (rule E1). A person is vouched for by the space's
 * own actor, once, and from then on until they are heard to go; when something may have been missed, it is asked again.
 */
import { LRUCache } from "lru-cache";
import type { Router } from "../../actors/ports.ts";
import type { ChannelId, UserId } from "../../protocol/ids.ts";

/** People in spaces who are remembered. Chosen: everyone connected, in several spaces; 10 MB. Whoever is forgotten is asked for again. */
const VOUCHED_MAX = 50_000;
/** How often a question is asked again because the person moved, or news were missed, while it was open. */
const TRIES = 3;
/** After a doubt, questions at once, and the wait before the others and those that found no owner, milliseconds. */
const AT_ONCE = 500;
const ROUND_MS = 200;

/** `unknown`: the space's owner is out of reach. */
export type Standing = "member" | "outsider" | "unknown";
type Person = { spaceId: ChannelId; userId: UserId };
type Question = { standing: Promise<Standing>; isStale: boolean };

export type SpacesOptions = {
  router: Pick<Router, "askChannel">;
  /** Who listens here to a channel of which space. */
  listening(): Iterable<Person>;
  /** They turn out to be no member any more. */
  outside(spaceId: ChannelId, userId: UserId): void;
};

export class Spaces {
  readonly #options: SpacesOptions;
  readonly #vouched = new LRUCache<string, true>({ max: VOUCHED_MAX });
  readonly #questions = new Map<string, Question>();
  readonly #doubtful = new Map<string, Person>();
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: SpacesOptions) {
    this.#options = options;
  }

  /** May this person listen to the channel, as far as its space is concerned? */
  admits({ spaceId }: { spaceId?: ChannelId }, userId: UserId): Promise<Standing> {
    return spaceId ? this.standing(spaceId, userId) : Promise.resolve("member");
  }

  standing(spaceId: ChannelId, userId: UserId): Promise<Standing> {
    const key = keyOf(spaceId, userId);
    if (this.#vouched.has(key)) return Promise.resolve("member");
    const open = this.#questions.get(key);
    if (open) return open.standing;
    const question: Question = { isStale: false, standing: undefined as never };
    this.#questions.set(key, question);
    question.standing = this.#ask(key, { spaceId, userId }, question).finally(() =>
      this.#questions.delete(key),
    );
    return question.standing;
  }

  /** Someone went out of a channel, which may be a space. */
  went(channelId: ChannelId, userId: UserId): void {
    const key = keyOf(channelId, userId);
    this.#vouched.delete(key);
    const question = this.#questions.get(key);
    if (question) question.isStale = true;
  }

  /** Moves in these spaces may have been missed: nobody is vouched for, and who listens is asked for again. */
  doubt(isDoubtful: (spaceId: ChannelId) => boolean): void {
    for (const key of [...this.#vouched.keys()]) if (isDoubtful(spaceOfKey(key))) this.#vouched.delete(key);
    for (const [key, question] of this.#questions) if (isDoubtful(spaceOfKey(key))) question.isStale = true;
    for (const { spaceId, userId } of this.#options.listening())
      if (isDoubtful(spaceId)) this.#doubtful.set(keyOf(spaceId, userId), { spaceId, userId });
    void this.#round();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  async #ask(key: string, { spaceId, userId }: Person, question: Question): Promise<Standing> {
    for (let tries = 0; tries < TRIES; tries++) {
      question.isStale = false;
      const said = await this.#options.router.askChannel(spaceId, { type: "member", userId });
      if (!said.ok) return "unknown";
      if (question.isStale) continue;
      if (said.member?.status !== "active") return "outsider";
      this.#vouched.set(key, true);
      return "member";
    }
    return "unknown";
  }

  async #round(): Promise<void> {
    if (this.#timer || this.#closed || this.#doubtful.size === 0) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      void this.#round();
    }, ROUND_MS).unref();
    const some = [...this.#doubtful].slice(0, AT_ONCE);
    await Promise.all(some.map(([key, person]) => this.#check(key, person)));
  }

  async #check(key: string, { spaceId, userId }: Person): Promise<void> {
    this.#doubtful.delete(key);
    const standing = await this.standing(spaceId, userId);
    if (standing === "outsider") this.#options.outside(spaceId, userId);
    else if (standing === "unknown") this.#doubtful.set(key, { spaceId, userId });
  }
}

function keyOf(spaceId: ChannelId, userId: UserId): string {
  return `${spaceId}.${userId}`;
}

function spaceOfKey(key: string): ChannelId {
  return key.slice(0, key.indexOf(".")) as ChannelId;
}
