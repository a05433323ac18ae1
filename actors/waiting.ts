/** Everyone who waits for an answer of this shard, wherever their command is: in a mailbox, set aside, or at the gate. */
import type { Answer } from "../protocol/refusals.ts";
import type { Reply } from "./ports.ts";

export class Waiting {
  #open = new Set<Reply>();

  /** The same reply, which can be called once; who calls it again is not heard. */
  track(reply: Reply): Reply {
    const once: Reply = (answer) => {
      if (this.#open.delete(once)) reply(answer);
    };
    this.#open.add(once);
    return once;
  }

  /** Everyone hears the same: the shard has ended. */
  answerAll(answer: Answer): void {
    for (const once of this.#open) once(answer);
  }
}
