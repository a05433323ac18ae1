#!/usr/bin/env node
/** `hubbub`: what an operator says to a cluster. Each verb has `--help`; answers for programs with `--json`. */
import { Command, InvalidArgumentError } from "commander";
import { Trouble } from "../lib/trouble.ts";
import { withStartOptions } from "../start/options.ts";
import { Away } from "./admin-api.ts";
import type { LoadRequest } from "./load.ts";

/** As `--help` tells them. 69 is `EX_UNAVAILABLE` of sysexits.h. */
const EXIT = { refused: 1, misused: 2, away: 69 };
/** What one generator on one machine can drive. */
const SOCKETS_MAX = 20_000;
const RATE_MAX = 10_000;
const LOAD_SECONDS_MAX = 3_600;
/** Of a message. */
const CHARACTERS_MAX = 4_000;

type Json = { json?: boolean };
type Watch = Json & { watch?: boolean };

// A reader that has seen enough, as `| head`, is no error.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit();
});

const program = new Command("hubbub")
  .description("Runs and looks after a Hubbub cluster.")
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : EXIT.misused))
  .addHelpText(
    "after",
    `
The cluster is found in .data/cluster.json (HUBBUB_DATA_DIR) while npm start runs,
else at HUBBUB_ADMIN_URL (the metrics port of any node; several with commas) with HUBBUB_ADMIN_TOKEN.

Exit codes:
  0   done, and all is well
  1   refused, or what was looked at is not well; the sentence on stderr says why
  2   the command line is wrong
  69  nobody answers, or nobody can just now (no leader, a store is away): try again`,
  );

// What needs drivers is loaded when it is asked for: `status` answers at once.
withStartOptions(program.command("start")).action(async (_options, command: Command) => {
  const { runStart } = await import("../start/run.ts");
  await runStart(command);
});
verb("migrate", "Bring the database of DATABASE_URL to this version.").action(async (options: Json) => {
  const { runMigrations } = await import("./migrate.ts");
  await runMigrations(options);
});
verb("status", "What is wrong, nodes, leases, shards, leader, and what Postgres lacks.")
  .option("--watch", "a page that stays: q or Ctrl-C ends it")
  .action(async ({ watch, json }: Watch) => {
    const { showStatus, watchStatus } = await import("./status.ts");
    await (watch ? watchStatus({ json }) : showStatus({ json }));
  });
verb("shards", "Each shard: owner, epoch, channels in memory, load (messages × audience per second).")
  .option("--watch", "a page that stays, the hottest first: q or Ctrl-C ends it")
  .action(async ({ watch, json }: Watch) => {
    const { showShards, watchShards } = await import("./shards.ts");
    await (watch ? watchShards({ json }) : showShards({ json }));
  });
verb("channel", "Who owns a channel, and where it stands.")
  .argument("<id>", "the channel's id")
  .action(async (id: string, options: Json) => {
    const { showChannel } = await import("./channel.ts");
    await showChannel(id, options);
  });
verb("drain", "Make a node hand its shards over, say goodbye to its clients, and end.")
  .argument("<node>", "its name, or its id as in status")
  .option("--force", "also where no other node takes the shards")
  .action(async (node: string, options: Json & { force?: boolean }) => {
    const { drainNode } = await import("./placement.ts");
    await drainNode(node, options);
  });
verb("move", "Hand one shard over to a node. It stays there until loads or nodes change.")
  .argument("<shard>", "its number, as in shards", shardNumber)
  .argument("<node>", "the name of its new owner, or its id as in status")
  .action(async (shard: number, node: string, options: Json) => {
    const { moveShard } = await import("./placement.ts");
    await moveShard(shard, node, options);
  });
verb("rebalance", "Even the load out now: the moves that placement would make by itself in time.")
  .option("--plan", "only say what would move, and why")
  .action(async (options: Json & { plan?: boolean }) => {
    const { rebalance } = await import("./placement.ts");
    await rebalance(options);
  });
verb(
  "token",
  "Print an access token of a person, for support and tests. It lives for 5 minutes, and it is audited.",
)
  .argument("<user>", "the person's username or id")
  .action(async (user: string, options: Json) => {
    const { showToken } = await import("./token.ts");
    await showToken(user, options);
  });
verb(
  "load",
  "Drive load against the cluster: what is acked and delivered, how late. The accounts and channels it makes stay.",
)
  .option("--sockets <n>", "clients, each with a connection", within(1, SOCKETS_MAX), 100)
  .option("--channels <n>", "the clients are spread over them", within(1, SOCKETS_MAX), 10)
  .option("--rate <n>", "messages a second, over all channels", within(1, RATE_MAX), 50)
  .option("--seconds <n>", "how long", within(1, LOAD_SECONDS_MAX), 30)
  .option("--size <n>", "characters of a message", within(1, CHARACTERS_MAX), 200)
  .action(async (options: LoadRequest) => {
    const { runLoad } = await import("./load.ts");
    await runLoad(options);
  });
verb("config", "Every setting: value, where it comes from, default, bound, reason.").action(
  async (options: Json) => {
    const { showConfig } = await import("./config.ts");
    showConfig(options);
  },
);
verb("doctor", "Look at Redis, Postgres and this machine for what will hurt later.").action(
  async (options: Json) => {
    const { runDoctor } = await import("./doctor.ts");
    await runDoctor(options);
  },
);

try {
  await program.parseAsync();
} catch (error) {
  if (!(error instanceof Trouble)) throw error;
  console.error(error.message);
  process.exitCode = error instanceof Away ? EXIT.away : EXIT.refused;
}

function verb(name: string, description: string): Command {
  return program.command(name).description(description).option("--json", "for programs");
}

function within(least: number, most: number) {
  return (text: string) => {
    const value = Number(text);
    if (Number.isInteger(value) && value >= least && value <= most) return value;
    throw new InvalidArgumentError(`It is a whole number from ${least} to ${most}.`);
  };
}

/** How many there are, the cluster knows. */
function shardNumber(text: string): number {
  if (/^\d{1,6}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It is a number: "hubbub shards" lists them.');
}
