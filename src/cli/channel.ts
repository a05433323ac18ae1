/** `hubbub channel <id>`. */
import type { ChannelStatus } from "../ports.ts";
import { askAdmin } from "./admin-api.ts";
import { table } from "./table.ts";

/** Prints who owns a channel and where it stands. */
export async function showChannel(id: string, { json = false }: { json?: boolean }): Promise<void> {
  const channel = await askAdmin<ChannelStatus>(`/channels/${encodeURIComponent(id)}`, {
    notFound: `There is no channel ${id}: clients get the ids of theirs with "session:ready".`,
  });
  if (json) return console.log(JSON.stringify(channel, undefined, 2));
  const { shard, owner, epoch, seq, mailbox, listeners } = channel;
  console.log(
    table(
      ["shard", "owner", "epoch", "seq", "mailbox", "listeners"],
      [[shard, owner ?? "(nobody)", epoch ?? "-", seq ?? "-", mailbox ?? "-", listeners]],
    ),
  );
}
