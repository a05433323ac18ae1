/**
 * Text that is like language without being anyone's: made-up words in the frequencies of real ones (Zipf–Mandelbrot), among the
 * little words that every text has, with pairs that often go together, links and code. The same seed makes the same text.
 */

/** Words of a language that carry no sense; those of Postgres' own lists, so that they are dropped as in real text. */
const LITTLE_WORDS = {
  english: "the to and a of i it is in that you for we on this have be with not are".split(" "),
  german: "der die und das ich ist nicht es in zu wir ein mit auf den du auch so sie von".split(" "),
  spanish: "de la que el en y a los no se un por con una para es lo como más me".split(" "),
} as const;
const ENDINGS = {
  english: ["", "", "", "s", "ing", "ed", "er", "ly", "ness"],
  german: ["", "", "en", "er", "e", "ung", "lich", "keit"],
  spanish: ["o", "a", "os", "as", "ar", "ando", "ción", "mente"],
} as const;
const ONSETS = [
  "b",
  "br",
  "c",
  "d",
  "dr",
  "f",
  "g",
  "gr",
  "h",
  "k",
  "l",
  "m",
  "n",
  "p",
  "pl",
  "r",
  "s",
  "st",
  "t",
  "v",
  "w",
];
const RHYMES = [
  "a",
  "al",
  "an",
  "ar",
  "e",
  "el",
  "en",
  "ent",
  "i",
  "im",
  "in",
  "o",
  "on",
  "or",
  "u",
  "um",
  "ur",
];

export type SeedLanguage = keyof typeof LITTLE_WORDS;
export const SEED_LANGUAGES = Object.keys(LITTLE_WORDS) as SeedLanguage[];

/** Words that carry sense. Large enough that the rarest stand in a few of five million messages. */
export const VOCABULARY = 60_000;
/** How often one of the little words comes: about every second in English. */
const LITTLE_SHARE = 0.45;
/** P(rank) ~ 1 / (rank + q)^s: values that fit most languages. */
const ZIPF_Q = 2.7;
const ZIPF_S = 1.05;
/** How often a word brings its companion. */
const PAIR_SHARE = 0.15;

/** mulberry32: small, even, and the same everywhere. */
export function random(seed: number): () => number {
  let a = seed >>> 0;
  return () => {
    a = (a + 0x6d2b79f5) >>> 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** One language: its words by rank, the most frequent first, and whole messages. */
export class SeedText {
  readonly words: readonly string[];
  readonly #little: readonly string[];
  readonly #cumulated: Float64Array;
  readonly #next: () => number;

  constructor(language: SeedLanguage, seed: number) {
    this.#next = random(seed);
    this.#little = LITTLE_WORDS[language];
    this.words = vocabulary(language, random(SEED_LANGUAGES.indexOf(language) + 1));
    this.#cumulated = new Float64Array(VOCABULARY);
    let sum = 0;
    for (let rank = 0; rank < VOCABULARY; rank++)
      this.#cumulated[rank] = sum += (rank + 1 + ZIPF_Q) ** -ZIPF_S;
  }

  /** The word that often follows this one. */
  companion(rank: number): string {
    return this.words[(rank * 7 + 13) % VOCABULARY]!;
  }

  /** Most have around nine words, some many more; a few a link, or code. */
  message(): string {
    const next = this.#next;
    const spread = Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
    const length = Math.max(1, Math.min(120, Math.round(Math.exp(2.2 + 0.7 * spread))));
    const words: string[] = [];
    while (words.length < length) {
      if (next() < LITTLE_SHARE) {
        words.push(this.#little[Math.floor(next() ** 2 * this.#little.length)]!);
        continue;
      }
      const rank = this.#rank();
      words.push(this.words[rank]!);
      if (next() < PAIR_SHARE) words.push(this.companion(rank));
    }
    const kind = next();
    if (kind < 0.05) words.push(`https://${this.words[this.#rank()]}.example/${this.words[this.#rank()]}`);
    else if (kind < 0.07) words.push(`\n\`\`\`\nconst ${this.words[this.#rank()]} = 1;\n\`\`\``);
    return words.join(" ");
  }

  /** By halving: where a random share of all occurrences falls. */
  #rank(): number {
    const at = this.#next() * this.#cumulated[VOCABULARY - 1]!;
    let [low, high] = [0, VOCABULARY - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#cumulated[middle]! < at) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** Frequent words are short, as in every language. */
function vocabulary(language: SeedLanguage, next: () => number): string[] {
  const pick = <T>(from: readonly T[]) => from[Math.floor(next() * from.length)]!;
  const words = new Set<string>();
  while (words.size < VOCABULARY) {
    const syllables = 1 + Math.min(3, Math.floor(Math.log10(1 + words.size) * 0.75 + next()));
    const stem = Array.from({ length: syllables }, () => pick(ONSETS) + pick(RHYMES)).join("");
    words.add(stem + pick(ENDINGS[language]));
  }
  return [...words];
}
