/** `hubbub token <user>`. */
import { askAdmin } from "./admin-api.ts";
import { clockTime } from "./units.ts";

type Answer = { token: string; userId: string; username: string; expiresAtMs: number };

/** Prints a person's access token, and nothing else on stdout: so that `$(hubbub token ada)` is one. */
export async function showToken(user: string, { json = false }: { json?: boolean }): Promise<void> {
  const answer = await askAdmin<Answer>("/tokens", { method: "POST", body: { user } });
  if (json) return console.log(JSON.stringify(answer, undefined, 2));
  const { token, username, userId, expiresAtMs } = answer;
  console.log(token);
  console.error(
    `It is ${username}'s (${userId}) until ${clockTime(expiresAtMs)}. Whoever holds it is ${username}.`,
  );
}
