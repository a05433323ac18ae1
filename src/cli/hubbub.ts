#!/usr/bin/env node
/** `hubbub`: what an operator says to a cluster. Each verb has `--help`; answers for programs with `--json`. */
import { Command } from "commander";
import { Trouble } from "../lib/trouble.ts";
import { withStartOptions } from "../start/options.ts";
import { showChannel } from "./channel.ts";
import { showConfig } from "./config.ts";
import { drainNode } from "./drain.ts";
import { showStatus, watchStatus } from "./status.ts";

/** Named in the design, built by a later version. */
const NOT_OFFERED = ["shards", "move", "rebalance", "token", "load"];
/** Of `EX_UNAVAILABLE` in sysexits.h. */
const UNAVAILABLE = 69;

type Json = { json?: boolean };

const program = new Command("hubbub")
  .description("Runs and looks after a Hubbub cluster.")
  .addHelpText(
    "after",
    "\nThe cluster is found in .data/cluster.json (HUBBUB_DATA_DIR) while npm start runs,\nelse at HUBBUB_ADMIN_URL (the metrics port of any node) with HUBBUB_ADMIN_TOKEN.",
  );

// What needs drivers is loaded when it is asked for: `status` answers at once.
withStartOptions(program.command("start")).action(async (_options, command: Command) => {
  const { runStart } = await import("../start/run.ts");
  await runStart(command);
});
program
  .command("migrate")
  .description("Bring the database of DATABASE_URL to this version.")
  .action(async () => {
    const { runMigrations } = await import("./migrate.ts");
    await runMigrations();
  });
program
  .command("status")
  .description("Nodes, leases, shards, leader, and what Postgres lacks.")
  .option("--watch", "again every second, until Ctrl-C")
  .option("--json", "for programs")
  .action((options: Json & { watch?: boolean }) =>
    options.watch ? watchStatus(options) : showStatus(options),
  );
program
  .command("channel")
  .description("Who owns a channel, and where it stands.")
  .argument("<id>", "the channel's id")
  .option("--json", "for programs")
  .action((id: string, options: Json) => showChannel(id, options));
program
  .command("drain")
  .description("Make a node hand its shards over, say goodbye to its clients, and end.")
  .argument("<node>", "its name, or its id as in status")
  .option("--json", "for programs")
  .action((node: string, options: Json) => drainNode(node, options));
program
  .command("config")
  .description("Every setting: value, where it comes from, default, bound, reason.")
  .option("--json", "for programs")
  .action((options: Json) => showConfig(options));
program
  .command("doctor")
  .description("Look at Redis, Postgres and this machine for what will hurt later.")
  .option("--json", "for programs")
  .action(async (options: Json) => {
    const { runDoctor } = await import("./doctor.ts");
    await runDoctor(options);
  });
for (const verb of NOT_OFFERED) {
  program
    .command(verb, { hidden: true })
    .allowUnknownOption()
    .allowExcessArguments()
    .action(() => fail(`hubbub ${verb} is not offered by this version.`, UNAVAILABLE));
}

try {
  await program.parseAsync();
} catch (error) {
  if (!(error instanceof Trouble)) throw error;
  fail(error.message, 1);
}

function fail(message: string, code: number): void {
  console.error(message);
  process.exitCode = code;
}
