/** Row C4: what messages look like, whole, beside what was written: read the files when they change, and keep them on purpose. */
import { readdirSync, readFileSync } from "node:fs";
import { beforeAll, expect, test, vi } from "vitest";
import type { ClientId, UserId } from "../protocol/ids.ts";
import { MessageDraft } from "../protocol/requests.ts";
import type { User } from "../protocol/users.ts";
import { prepareMessage } from "./preparing.ts";
import { id } from "./routes/rest-doubles.ts";

const folder = new URL("./golden/", import.meta.url);
const written = readdirSync(folder).filter((file) => !file.endsWith(".html"));

const people = ["ann", "bob-made"].map(
  (username, i): User => ({
    id: id<UserId>(i + 1),
    username,
    displayName: username,
    bot: false,
    createdAtMs: 1,
  }),
);

/** On a busy machine the thread may need another try before it has started, and has every grammar at hand. */
beforeAll(async () => {
  for (const language of ["ts", "py", "sh", "html"]) {
    const draft = MessageDraft.parse({ clientId: id(9), type: "code", language, content: '<a> echo "1"' });
    const prepared = () => prepareMessage(draft, async () => []);
    await vi.waitFor(
      async () => expect(await prepared()).toMatchObject({ html: expect.stringContaining("hljs-") }),
      60_000,
    );
  }
}, 70_000);

/** `name.md` is a text; `name.<language>.txt` is code. */
function draftOf(file: string): MessageDraft {
  const content = readFileSync(new URL(file, folder), "utf8").trimEnd();
  const [, language] = /\.(\w+)\.txt$/.exec(file) ?? [];
  const code = language ? { type: "code", language } : {};
  return MessageDraft.parse({ clientId: id<ClientId>(9), content, ...code });
}

test.each(written)("row C4: %s looks as it did", async (file) => {
  const prepared = await prepareMessage(draftOf(file), async (names) =>
    people.filter(({ username }) => names.includes(username)),
  );
  if ("error" in prepared) throw new Error(prepared.error.message);
  const { html, mentions } = prepared;
  await expect(`${html}\n<!-- ${JSON.stringify(mentions)} -->\n`).toMatchFileSnapshot(
    `./golden/${file.replace(/\.(md|txt)$/, ".html")}`,
  );
});
