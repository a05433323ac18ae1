/** What may be said after `npm start --`. */
import { type Command, InvalidArgumentError } from "commander";
import { describeConfig, readSetting } from "../config.ts";

/** Two cores carry three; beyond this a laptop only swaps. */
const NODES_MAX = 16;

export type StartOptions = {
  nodes: number;
  /** Of the first node; the others follow. 0: free ones. */
  port: number;
  metricsPort: number;
  dataDir: string;
  /** Undefined: with embedded servers only. */
  demo: boolean | undefined;
};

/** Adds the options to a command. */
export function withStartOptions(command: Command): Command {
  const port = between(0, 65_535);
  return command
    .description(
      "Starts Hubbub: its own Redis and Postgres, and as many nodes as you like. Ctrl-C drains and stops everything.",
    )
    .option("--nodes <n>", `how many nodes, 1–${NODES_MAX}`, between(1, NODES_MAX), 1)
    .option(
      "--port <port>",
      `of the first node, the others follow; 0: free ones (PORT; ${defaultOf("PORT")})`,
      port,
    )
    .option(
      "--metrics-port <port>",
      `metrics, health and admin API (METRICS_PORT; ${defaultOf("METRICS_PORT")})`,
      port,
    )
    .option(
      "--data-dir <folder>",
      `what survives a restart (HUBBUB_DATA_DIR; ${defaultOf("HUBBUB_DATA_DIR")})`,
    )
    .option("--demo", "make demo people and channels; the default with embedded servers (HUBBUB_DEMO)")
    .option("--no-demo", "make none")
    .addHelpText(
      "after",
      "\nREDIS_URL and DATABASE_URL turn the embedded servers off. Every other setting is a variable: npx --no hubbub config",
    );
}

/** The options as given, else as the environment says, else the defaults. Throws `Trouble` where a variable is wrong. */
export function readStartOptions(command: Command): StartOptions {
  const given = command.opts<Partial<StartOptions> & { nodes: number }>();
  return {
    nodes: given.nodes,
    port: given.port ?? readSetting("port")!,
    metricsPort: given.metricsPort ?? readSetting("metricsPort")!,
    dataDir: given.dataDir ?? readSetting("dataDir")!,
    demo: given.demo ?? (process.env.HUBBUB_DEMO ? readSetting("demo") : undefined),
  };
}

function defaultOf(variable: string): string | undefined {
  return describeConfig({}).find(({ env }) => env === variable)?.fallback;
}

function between(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= min && value <= max))
      throw new InvalidArgumentError(`It must be a whole number, ${min}–${max}.`);
    return value;
  };
}
