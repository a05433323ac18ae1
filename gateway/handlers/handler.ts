/** What a handler is: parse is done, it asks, it answers. */
import type { Router, Trace } from "../../actors/ports.ts";
import type { UserId } from "../../protocol/ids.ts";
import type { Answer } from "../../protocol/refusals.ts";
import type { AnswerOf, Health, RequestName, RequestOf } from "../../protocol/requests.ts";
import type { Connection } from "../connections.ts";
import type { Accounts, History, Memberships, People } from "../ports.ts";
import type { Watches } from "../presence.ts";
import type { Rates } from "../rates.ts";
import type { ReadMarks } from "../read-marks.ts";
import type { ResumeOptions } from "../resuming.ts";
import type { Rooms } from "../rooms/rooms.ts";
import type { Spaces } from "../rooms/spaces.ts";

/** Who asks, and on which connection. */
export type Asker = {
  readonly connection: Connection;
  readonly userId: UserId;
  readonly trace: Trace;
  /** Runs in the turn in which the answer is sent, right behind it: what must not be heard before. */
  afterAnswer(run: () => void): void;
};

/** What handlers ask. */
export type Surroundings = {
  router: Router;
  rooms: Rooms;
  spaces: Pick<Spaces, "admits">;
  readMarks: ReadMarks;
  rates: Rates;
  history: History;
  memberships: Memberships;
  accounts: Pick<Accounts, "byUsernames">;
  people: Pick<People, "choosePresence">;
  /** Who has whom on screen. */
  watches: Watches;
  /** Does this account exist? Rejects with `StoreAway`. */
  userExists(userId: UserId): Promise<boolean>;
  health(): Health;
  meter: ResumeOptions["meter"];
};

/** What a request is answered with; `{}` where there is nothing to say. */
type AnswerTo<E extends RequestName> =
  Record<string, never> extends AnswerOf<E> ? Answer : Answer<AnswerOf<E>>;

/** May reject with `StoreAway`: answered `unavailable`. */
export type Handler<E extends RequestName> = (
  request: RequestOf<E>,
  asker: Asker,
  surroundings: Surroundings,
) => Promise<AnswerTo<E>>;
