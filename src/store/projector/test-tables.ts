/** The tables of Postgres in memory, written as the flush statement writes them, for the laws of the fold. */
import { assert } from "../../lib/assert.ts";
import type { ReactionColumn } from "../message-row.ts";
import type {
  ChannelChange,
  FollowChange,
  MemberChange,
  MessageChange,
  MessageInsert,
  Reacted,
  Rows,
  VersionInsert,
} from "./rows.ts";

type ChannelKept = { seq: number; count: number };

export class TestTables {
  readonly channels = new Map<string, ChannelChange & { messageCount: number }>();
  readonly members = new Map<string, MemberChange & { updated: NonNullable<MemberChange["updated"]> }>();
  readonly messages = new Map<string, MessageInsert>();
  readonly versions = new Map<string, VersionInsert>();
  readonly reactions = new Map<string, Reacted>();
  readonly mentions = new Set<string>();
  readonly follows = new Map<string, FollowChange>();

  /** Every part sees what was there before. */
  write(rows: Rows): void {
    const before = new Map(
      [...this.channels].map(([id, row]): [string, ChannelKept] => [
        id,
        { seq: row.seq, count: row.messageCount },
      ]),
    );
    const known = new Map([...this.messages].map(([key, row]) => [key, row.updated_seq]));
    for (const row of rows.channels) this.#writeChannel(row);
    for (const row of rows.members) this.#writeMember(row, before.get(row.channelId));
    for (const row of rows.reactions) this.#react(row, known);
    for (const row of rows.versions) this.#keepVersion(row);
    for (const row of rows.changes) this.#change(row);
    for (const row of rows.messages) {
      const key = `${row.channel_id}.${row.seq}`;
      if (!this.messages.has(key)) this.messages.set(key, { ...row });
    }
    for (const row of rows.mentions) this.mentions.add(`${row.channelId} ${row.seq} ${row.userId}`);
    for (const row of rows.follows) this.#follow(row);
  }

  #writeChannel(row: ChannelChange): void {
    const old = this.channels.get(row.id);
    if (old && old.seq >= row.seq) return;
    assert(old !== undefined || row.channel !== undefined, "a channel has a row or brings one");
    const newReigns = row.reigns.filter(([, epoch]) => epoch > (old?.epoch ?? 0));
    this.channels.set(row.id, {
      ...row,
      channel: { ...(row.channel ?? old!.channel!), seq: 0, epoch: 0, memberCount: 0 },
      createdAtMs: old?.createdAtMs ?? row.createdAtMs,
      memberCount: row.memberCount ?? old?.memberCount,
      messageCount: Math.max(row.messageCount ?? 0, old?.messageCount ?? 0),
      lastMessageAtMs: row.lastMessageAtMs ?? old?.lastMessageAtMs,
      reigns: [...(old?.reigns ?? []), ...newReigns],
    });
  }

  #writeMember(row: MemberChange, channel: ChannelKept | undefined): void {
    const key = `${row.channelId} ${row.userId}`;
    const old = this.members.get(key);
    const updated = old && (!row.updated || row.updated.seq <= old.updated.seq) ? old.updated : row.updated;
    if (!updated) return;
    const head = row.headSeq !== undefined && channel && channel.seq < row.headSeq ? channel.count : 0;
    this.members.set(key, {
      ...row,
      updated,
      headSeq: undefined,
      lastSentAtMs: Math.max(row.lastSentAtMs, old?.lastSentAtMs ?? 0),
      deliveredSeq: Math.max(row.deliveredSeq, old?.deliveredSeq ?? 0),
      readSeq: Math.max(row.readSeq, old?.readSeq ?? 0),
      readCount: Math.max(row.readCount, head, old?.readCount ?? 0),
    });
  }

  #react(row: Reacted, known: ReadonlyMap<string, number>): void {
    const { channelId, seq, userId, emoji, reactedSeq } = row;
    if ((known.get(`${channelId}.${seq}`) ?? 0) >= reactedSeq) return;
    const key = `${channelId}.${seq} ${userId} ${emoji}`;
    if (row.isThere) this.reactions.set(key, row);
    else this.reactions.delete(key);
  }

  #keepVersion(row: VersionInsert): void {
    const key = `${row.channelId}.${row.seq} ${row.versionSeq}`;
    if (!this.versions.has(key)) this.versions.set(key, row);
  }

  #change(row: MessageChange): void {
    const id = `${row.channelId}.${row.seq}`;
    const isDeletion = row.deletedAtMs !== undefined;
    if (isDeletion)
      for (const key of this.reactions.keys()) if (key.startsWith(`${id} `)) this.reactions.delete(key);
    const message = this.messages.get(id);
    if (message === undefined || message.deleted_at_ms !== null) return;
    if (isDeletion || row.content !== undefined) this.#keepVersion(textOf(row, message));
    if (message.updated_seq >= row.updatedSeq) return;
    this.messages.set(id, isDeletion ? emptied(changed(message, row), row) : changed(message, row));
  }

  #follow(row: FollowChange): void {
    const key = `${row.channelId}.${row.seq} ${row.userId}`;
    const old = this.follows.get(key) ?? row;
    const said = { ...(row.atMs > old.atMs ? row : old) };
    if (row.atMs === old.atMs) said.following ||= row.following;
    this.follows.set(key, { ...said, readCount: Math.max(row.readCount, old.readCount) });
  }
}

function textOf({ shard, channelId, seq }: MessageChange, message: MessageInsert): VersionInsert {
  const { author_id, at_ms, content } = message;
  return { shard, channelId, seq, versionSeq: seq, byUser: author_id as never, atMs: at_ms, content };
}

function changed(message: MessageInsert, row: MessageChange): MessageInsert {
  const pinnedSeq = row.pinnedSeq ?? message.pinned_seq;
  const attachments = row.attachments ?? message.attachments;
  return {
    ...message,
    content: row.content ?? message.content,
    html: row.html ?? message.html,
    edited_at_ms: row.editedAtMs ?? message.edited_at_ms,
    preview: row.preview ?? message.preview,
    attachments: attachments?.length === 0 ? null : attachments,
    pinned: (pinnedSeq ?? 0) > 0,
    pinned_seq: pinnedSeq || null,
    reactions: merged(message.reactions, row),
    reply_count: Math.max(row.replyCount ?? 0, message.reply_count),
    last_reply_at_ms: row.lastReplyAtMs ?? message.last_reply_at_ms,
    updated_seq: row.updatedSeq,
    updated_at_ms: row.updatedAtMs,
  };
}

function emptied(message: MessageInsert, { deletedAtMs }: MessageChange): MessageInsert {
  const gone = { language: null, filename: null, mentions: null, attachments: null, preview: null };
  const alsoGone = { encryption: null, metadata: null, reactions: null, pinned: false, pinned_seq: null };
  return { ...message, ...gone, ...alsoGone, content: "", html: "", deleted_at_ms: deletedAtMs! };
}

function merged(kept: ReactionColumn[] | null, { reactions }: MessageChange): ReactionColumn[] | null {
  const by = new Map((kept ?? []).map((reaction) => [reaction.emoji, reaction]));
  for (const [emoji, change] of reactions ?? [])
    by.set(emoji, { ...change, since: change.since ?? by.get(emoji)?.since ?? 0 });
  const there = [...by.values()].filter(({ count }) => count > 0);
  return there.length > 0 ? there.sort((a, b) => a.since - b.since) : null;
}
