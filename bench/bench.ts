/** `npm run bench -- <name>`: figures against what issue and design ask for. Exit code 1 where a target is missed. */
import { Command, InvalidArgumentError } from "commander";
import { checkAcked, readAcked } from "./acked.ts";
import { activation } from "./activation.ts";
import { actors } from "./actors.ts";
import { crowd } from "./crowd.ts";
import { cuts } from "./cuts.ts";
import { deliveries } from "./deliveries.ts";
import { drains } from "./drains.ts";
import { failover } from "./failover.ts";
import { type Outcome, print } from "./figures.ts";
import { joining } from "./joining.ts";
import { outage } from "./outage.ts";
import { reads } from "./reads.ts";
import { search } from "./search.ts";
import { findK6, show } from "./show.ts";
import { slow } from "./slow.ts";
import { smoke } from "./smoke.ts";
import { storm } from "./storm.ts";

const program = new Command("npm run bench --").description(
  "Measures Hubbub on this machine, with servers of its own.",
);

function number(text: string): number {
  const value = Number(text);
  if (text === "" || !Number.isFinite(value) || value < 0)
    throw new InvalidArgumentError("It must be a number, 0 or more.");
  return value;
}

/** A bench with its options; `--json` prints one line of JSON instead of the table. */
function bench<T extends object>(
  name: string,
  description: string,
  work: (options: T) => Promise<Outcome>,
): Command {
  return program
    .command(name)
    .description(description)
    .option("--json", "one line of JSON instead of the table")
    .action(async ({ json = false, ...options }: T & { json?: boolean }) => {
      if (!print(await work(options as unknown as T), json)) process.exitCode = 1;
    });
}

bench("smoke", "all acked and delivered, how late, and what a message costs", smoke)
  .option("--nodes <n>", "nodes", number, 2)
  .option("--channels <n>", "channels", number, 100)
  .option("--listeners <n>", "sockets per channel", number, 10)
  .option("--rate <n>", "messages per second over all channels", number, 1_000)
  .option("--seconds <n>", "measured time", number, 60)
  .option("--warm-up-seconds <n>", "time before it, at the same rate", number, 5)
  .option("--size <n>", "characters of a message", number, 120)
  .option("--no-floor", "without the bare loop on the same Redis");

bench("activation", "the first message in a channel that is not in memory", activation).option(
  "--channels <n>",
  "channels",
  number,
  200,
);

bench("actors", "memory of 10,000 idle channel actors, and what one channel takes", actors);

bench("deliveries", "CPU of the server per message and listener, against a bare loop of writes", deliveries)
  .option("--listeners <n>", "sockets of the one channel", number, 1_000)
  .option("--rate <n>", "messages per second", number, 40)
  .option("--seconds <n>", "of each of 3 ways, in each of 3 rounds", number, 5);

bench("reads", "pages, the list of channels, joining a crowd, and writing over REST", reads)
  .option("--channels <n>", "channels of the person who reads, each a cold and a hot page", number, 500)
  .option("--members <n>", "members of the crowd", number, 1_000_000)
  .option("--joins <n>", "people who join it", number, 500)
  .option("--lists <n>", "times that the list of channels is asked for", number, 500)
  .option("--rate <n>", "messages per second", number, 200)
  .option("--seconds <n>", "measured time of these, after a warm-up", number, 30);

bench("search", "a page of hits, by kind of query, and what the index adds to a message", search)
  .option("--messages <n>", "messages", number, 5_000_000)
  .option("--channels <n>", "channels, over three spaces of a language each", number, 3_000)
  .option("--mine <n>", "channels of the person who searches", number, 500)
  .option("--queries <n>", "of each kind", number, 100)
  .option("--dir <folder>", "of the database; kept, and used again by a run of the same size")
  .option("--plan <file>", "where the plans of the slowest search go");

bench("failover", "owners killed and drained: how long their channels take no message", failover)
  .option("--rounds <n>", "kills, and as many drains", number, 3)
  .option("--channels <n>", "channels written to", number, 48);

bench("storm", "one gateway killed under everyone: how soon they are back, and at whose cost", storm)
  .option("--clients <n>", "on the gateway that is killed", number, 5_000)
  .option("--nodes <n>", "nodes", number, 3)
  .option("--rate <n>", "messages per second of those on the others", number, 50);

bench("cuts", "every client's connection cut again and again: all is delivered, and soon", cuts)
  .option("--clients <n>", "clients", number, 2_000)
  .option("--nodes <n>", "nodes", number, 2)
  .option("--rate <n>", "messages per second over all channels", number, 100)
  .option("--seconds <n>", "time of cuts", number, 60)
  .option("--every-seconds <n>", "between two cuts of a client", number, 15)
  .option("--away-seconds <n>", "that a cut lasts", number, 2);

bench("crowd", "one channel with very many: what its owner and its gateways do for a message", crowd)
  .option("--listeners <n>", "of the largest crowd with real sockets", number, 10_000)
  .option("--members <n>", "of the largest channel", number, 100_000)
  .option("--simulated <n>", "listeners without sockets", number, 100_000)
  .option("--seconds <n>", "of each measurement", number, 10);

bench("slow", "listeners that stop reading: skipped within bounds, and nobody waits for them", slow)
  .option("--listeners <n>", "listeners of one channel", number, 1_000)
  .option("--slow <n>", "of them who stop reading", number, 200)
  .option("--rate <n>", "messages of 4 KB per second", number, 20)
  .option("--seconds <n>", "with all reading, and again while they do not", number, 20);

bench("outage", "Postgres away under a steady load: nothing is lost, and it catches up", outage)
  .option("--nodes <n>", "nodes", number, 3)
  .option("--channels <n>", "channels, of 10 members each", number, 50)
  .option("--rate <n>", "messages per second over all channels", number, 500)
  .option("--away-seconds <n>", "Postgres is away", number, 60);

bench("joining", "one more node under load: when it has its share, and what its moves cost", joining)
  .option("--nodes <n>", "nodes, with the one that joins", number, 3)
  .option("--channels <n>", "channels written to", number, 48)
  .option("--calm-seconds <n>", "before it joins", number, 15);

bench("drains", "one gateway drained under everyone: told, in waves, and nothing missing", drains)
  .option("--clients <n>", "on the node that is drained", number, 1_000)
  .option("--nodes <n>", "nodes", number, 3)
  .option("--rate <n>", "messages per second over all channels", number, 50);

bench(
  "show",
  "npm start with 3 nodes under k6; one killed, one drained; every acked message looked up in Postgres",
  show,
)
  .option(
    "--data-dir <folder>",
    "use the cluster that runs from it (rate limits off) instead of starting one",
  )
  .option("--port <port>", "of the first node", number, 3_100)
  .option("--metrics-port <port>", "of the first node", number, 9_564)
  .option("--sockets <n>", "sockets", number, 1_000)
  .option("--channels <n>", "channels", number, 50)
  .option("--rate <n>", "messages per second over all channels", number, 200)
  .option("--seconds <n>", "time under load", number, 120)
  .option("--kill-at <s>", "seconds after the first message; 0: never", number, 30)
  .option("--drain-at <s>", "seconds after the first message; 0: never", number, 75)
  .option("--k6 <path>", "the k6 to run", findK6());

bench(
  "acked",
  "looks up in Postgres what a k6 run wrote down as acked",
  async ({ file, database }: { file: string; database: string }) => {
    const report = await checkAcked(database, await readAcked(file));
    const { acked, lost, twice, elsewhere, disordered } = report;
    const zero = Object.entries({ lost, twice, elsewhere, disordered }).map(([name, value]) => ({
      name,
      value,
      unit: "",
      target: { most: 0 },
    }));
    return {
      bench: "acked",
      options: { file },
      figures: [{ name: "acked", value: acked, unit: "", target: { least: 1 } }, ...zero],
      notes: report.examples,
    };
  },
)
  .requiredOption("--file <path>", "what k6 wrote with --console-output")
  .requiredOption("--database <url>", "of the cluster that it ran against");

await program.parseAsync();
