/** Search over REST: what may be asked, and what is answered. Unknown fields are refused. */
import * as z from "zod";
import { Language } from "./channel.ts";
import { ChannelId, UserId } from "./ids.ts";
import { Message } from "./message.ts";
import { Cursor, queryInt } from "./rest.ts";
import { name } from "./text.ts";

/** Unix milliseconds, or ISO 8601 with its offset. */
const queryTime = z.union([
  queryInt(0, 8_640_000_000_000_000),
  z.iso.datetime({ offset: true }).transform((iso) => Date.parse(iso)),
]);
/** What a message may be asked to carry. */
const Has = z.enum(["file", "link", "code"]);
/** Hits that one page has at most, and where nothing is asked for. */
export const HITS_MAX = 50;
export const HITS_DEFAULT = 20;

const inChannel = {
  /** Words, "phrases", -without, `or`. */
  q: name(1, 256).optional(),
  authorId: UserId.optional(),
  before: queryTime.optional(),
  after: queryTime.optional(),
  /** One, or several separated by commas: then all of them. */
  has: z
    .string()
    .max(64)
    .transform((list) => list.split(","))
    .pipe(z.array(Has))
    .optional(),
  limit: queryInt(1, HITS_MAX).optional(),
  older: Cursor.optional(),
};
const asksForSomething = (query: object) =>
  Object.entries(query).some(([key, value]) => value !== undefined && key !== "limit" && key !== "older");
const NOTHING_ASKED = "ask for words, or for a filter";

export const ChannelSearchQuery = z.strictObject(inChannel).refine(asksForSomething, NOTHING_ASKED);
export const SearchQuery = z
  .strictObject({
    ...inChannel,
    channelId: ChannelId.optional(),
    spaceId: ChannelId.optional(),
    language: Language.optional(),
  })
  .refine(asksForSomething, NOTHING_ASKED);
export type SearchQuery = z.infer<typeof SearchQuery>;

/** Messages that fit, newest first. `older` goes on; a page may be short, even empty, and have it. */
export const Hits = z
  .object({
    hits: z.array(
      z.object({
        message: Message,
        /** Plain text, never HTML; `marks` are ranges of it, in UTF-16 units, that fit the words. */
        excerpt: z.object({
          text: z.string(),
          marks: z.array(z.tuple([z.int().nonnegative(), z.int().nonnegative()])),
        }),
      }),
    ),
    older: z.string().optional(),
  })
  .meta({ id: "Hits" });
export type Hits = z.infer<typeof Hits>;
