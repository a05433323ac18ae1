/** Kinds of settings: how one value is read from the environment, and what is told of it. */

/** What `hubbub config` and the documentation say of a setting. */
export type SettingFacts = {
  /** Name of the environment variable. */
  env: string;
  /** `ms`, `bytes`, `per minute`, …; of words and addresses: what it is. */
  unit: string;
  /** The default as a person would set it; undefined: none. */
  fallback: string | undefined;
  /** What is allowed. */
  bound: string;
  /** What it does, and why this default. */
  reason: string;
  /** Where the default comes from: a design rule, a measurement, or "chosen". */
  source: string;
  /** Never shown. */
  secret: boolean;
};

export type Setting<T> = SettingFacts & {
  /** Without default and not given: undefined is fine. Else that is refused. */
  mayBeAbsent?: boolean;
  /** Throws `SettingError`, with what was expected, on anything else. */
  parse(text: string): T;
};

/** Says what was expected instead. */
export class SettingError extends Error {
  override name = "SettingError";
}

type Told = Pick<SettingFacts, "env" | "reason" | "source">;

/** A whole number within bounds, both included. */
export function whole(
  told: Told & { unit: string; fallback: number; min: number; max: number },
): Setting<number> {
  const { min, max } = told;
  const bound = `${min}–${max}`;
  return {
    ...told,
    bound,
    secret: false,
    fallback: String(told.fallback),
    parse(text) {
      const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
      if (!(value >= min && value <= max)) throw new SettingError(`a whole number (${told.unit}), ${bound}`);
      return value;
    },
  };
}

/** One of some words. */
export function oneOf<const T extends string>(
  told: Told & { unit: string; words: readonly T[]; fallback: T },
): Setting<T> {
  const bound = told.words.join(" | ");
  return {
    ...told,
    bound,
    secret: false,
    parse(text) {
      const word = told.words.find((each) => each === text);
      if (word === undefined) throw new SettingError(bound);
      return word;
    },
  };
}

/** Some of some words, with commas between; at least one, none twice. */
export function someOf<const T extends string>(
  told: Told & { unit: string; words: readonly T[] },
): Setting<readonly T[]> {
  const bound = `${told.words.join(", ")}: one or more, with commas`;
  return {
    ...told,
    bound,
    secret: false,
    fallback: told.words.join(","),
    parse(text) {
      const given = text.split(",").map((word) => word.trim());
      const chosen = told.words.filter((word) => given.includes(word));
      if (chosen.length === 0 || chosen.length !== given.length) throw new SettingError(bound);
      return chosen;
    },
  };
}

/** `on` or `off`; `1`, `true`, `0` and `false` are understood as well. */
export function onOff(told: Told & { unit: string; fallback: "on" | "off" }): Setting<boolean> {
  return {
    ...told,
    bound: "on | off",
    secret: false,
    parse(text) {
      if (["on", "1", "true"].includes(text)) return true;
      if (["off", "0", "false"].includes(text)) return false;
      throw new SettingError("on | off");
    },
  };
}

/** Text of a form; see `required` and `optional` for those without a default. */
export function text<T = string>(
  told: Told & {
    unit: string;
    bound: string;
    fallback?: string;
    secret?: boolean;
    read: (text: string) => T | undefined;
  },
): Setting<T> {
  const { read, ...facts } = told;
  return {
    ...facts,
    fallback: told.fallback,
    secret: told.secret ?? false,
    parse(given) {
      const value = read(given);
      if (value === undefined) throw new SettingError(told.bound);
      return value;
    },
  };
}

/** It must be given. */
export function required<T>(setting: Setting<T>): Setting<T> {
  return { ...setting, fallback: undefined };
}

/** Undefined when it is not given. */
export function optional<T>(setting: Setting<T>): Setting<T | undefined> {
  return { ...setting, fallback: undefined, mayBeAbsent: true };
}
