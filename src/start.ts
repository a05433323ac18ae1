/** `npm start`. */
import { Command } from "commander";
import { withStartOptions } from "./start/options.ts";
import { runStart } from "./start/run.ts";

await runStart(withStartOptions(new Command("npm start --")).parse());
