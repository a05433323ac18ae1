/** Every setting of a node: read from the environment once, here and nowhere else. The tables are in `config/`. */
import { AUTH_SETTINGS } from "./config/auth.ts";
import { CLIENT_SETTINGS } from "./config/clients.ts";
import { CLUSTER_SETTINGS } from "./config/cluster.ts";
import { PLACE_SETTINGS } from "./config/place.ts";
import { type Setting, SettingError } from "./config/setting.ts";
import { STORE_SETTINGS } from "./config/stores.ts";
import { Trouble } from "./lib/trouble.ts";

const SETTINGS = {
  ...PLACE_SETTINGS,
  ...STORE_SETTINGS,
  ...CLUSTER_SETTINGS,
  ...CLIENT_SETTINGS,
  ...AUTH_SETTINGS,
};

type Settings = typeof SETTINGS;

/** The settings of a node, each under its name with its unit; see the table above, or `hubbub config`. */
export type Config = { [Name in keyof Settings]: Settings[Name] extends Setting<infer T> ? T : never };

/** One line of `hubbub config`. `value` is as set, hidden when it is a secret; `from`: where it came from. */
export type DescribedSetting = {
  name: string;
  env: string;
  value: string | undefined;
  unit: string;
  fallback: string | undefined;
  bound: string;
  from: "environment" | "default" | "missing";
  reason: string;
  source: string;
};

type Environment = Readonly<Record<string, string | undefined>>;

/** Reads every setting from `env`. Throws `Trouble` that names each wrong or missing one and what was expected. */
export function loadConfig(env: Environment = process.env): Config {
  const wrong: string[] = [];
  const values = table().map(([name, setting]) => {
    const value = read(setting, env, wrong);
    if (
      value === undefined &&
      setting.fallback === undefined &&
      !setting.mayBeAbsent &&
      !givenIn(env, setting)
    ) {
      wrong.push(`${setting.env} is not set: ${setting.bound}`);
    }
    return [name, value];
  });
  if (wrong.length > 0) throw new Trouble(wrong.join("; "));
  return Object.fromEntries(values) as Config;
}

/** One setting, by its name in `Config`. Throws `Trouble` like `loadConfig`; undefined when it is not given and has no default. */
export function readSetting<Name extends keyof Config>(
  name: Name,
  env: Environment = process.env,
): Config[Name] | undefined {
  const wrong: string[] = [];
  const value = read(SETTINGS[name] as Setting<unknown>, env, wrong);
  if (wrong.length > 0) throw new Trouble(wrong.join("; "));
  return value as Config[Name] | undefined;
}

/** Every setting with its value, default, bound and reason, in the order of the table. Never throws; a wrong value is shown as it is. */
export function describeConfig(env: Environment = process.env): DescribedSetting[] {
  return table().map(
    ([name, { env: variable, unit, fallback, bound, reason, source, secret, mayBeAbsent = false }]) => {
      const given = givenIn(env, { env: variable });
      const value = given !== undefined && secret ? "(secret)" : (given ?? fallback);
      const from =
        given !== undefined ? "environment" : fallback === undefined && !mayBeAbsent ? "missing" : "default";
      return { name, env: variable, value, unit, fallback, bound, from, reason, source };
    },
  );
}

/** Variables that look like ours and are not: a typing error, most likely. Kubernetes makes some of its own for a service. */
export function unknownSettings(env: Environment = process.env): string[] {
  const known = new Set([...table().map(([, setting]) => setting.env), "HUBBUB_ADMIN_URL"]);
  const ofKubernetes = /^HUBBUB_(SERVICE_|PORT$|PORT_)/;
  return Object.keys(env).filter(
    (each) => each.startsWith("HUBBUB_") && !known.has(each) && !ofKubernetes.test(each),
  );
}

function table(): [string, Setting<unknown>][] {
  return Object.entries(SETTINGS) as [string, Setting<unknown>][];
}

/** Undefined when not given without default, or wrong; then a sentence is added to `wrong`. */
function read(setting: Setting<unknown>, env: Environment, wrong: string[]): unknown {
  const given = givenIn(env, setting) ?? setting.fallback;
  if (given === undefined) return undefined;
  try {
    return setting.parse(given);
  } catch (error) {
    if (!(error instanceof SettingError)) throw error;
    const shown = setting.secret ? "as it is set" : JSON.stringify(given);
    wrong.push(`${setting.env} cannot be ${shown}: expected ${error.message}`);
    return undefined;
  }
}

/** An empty variable counts as not set: what `docker compose` passes for one that is missing. */
function givenIn(env: Environment, setting: { env: string }): string | undefined {
  const given = env[setting.env]?.trim();
  return given === "" ? undefined : given;
}
