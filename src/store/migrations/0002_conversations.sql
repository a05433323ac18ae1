-- Everything a conversation is: edits, reactions, pins, threads, preferences. Only new tables, nullable columns and indexes:
-- the version before this one goes on beside it.

-- Every text that a message had, once it was edited or deleted; before that the message itself is its only version. What a
-- deletion takes out of `messages` stays here, for the audit (row C6).
create table message_edits (
  channel_id uuid not null,
  -- Of the message.
  seq bigint not null,
  -- Of the event that brought this text: the message's own seq, or an edit's.
  version_seq bigint not null,
  by_user uuid not null,
  at_ms bigint not null,
  content text not null,
  primary key (channel_id, seq, version_seq)
);

-- Who has put what on a message; gone with the message's content.
create table reactions (
  channel_id uuid not null,
  seq bigint not null,
  user_id uuid not null,
  emoji text not null,
  reacted_seq bigint not null,
  primary key (channel_id, seq, user_id, emoji)
);
create index reactions_in_order on reactions (channel_id, seq, reacted_seq);

-- What a person has to do with a thread, named by its first message.
create table thread_follows (
  channel_id uuid not null,
  seq bigint not null,
  user_id uuid not null,
  following boolean not null,
  -- When they said so; 0: they never did: who began the thread, or replied, follows it.
  at_ms bigint not null,
  -- Ordinal of the last reply that they have read (rule E6).
  read_count bigint not null,
  primary key (channel_id, seq, user_id)
);

-- What a person wants to be told of in a channel; without a row, everything (row N3).
create table channel_preferences (
  user_id uuid not null,
  channel_id uuid not null,
  notify text not null,
  primary key (user_id, channel_id)
);

alter table channels
  -- Automatic slow mode: {seconds, untilMs}; null: off.
  add column slowed jsonb;

alter table messages
  -- [{emoji, count, recent, since}], `since` the seq with which the emoji appeared, in that order; null: none.
  add column reactions jsonb,
  -- Of the event that pinned it; null: not pinned.
  add column pinned_seq bigint;

create index messages_outside_threads on messages (channel_id, seq) where thread_seq is null;
create index messages_replies on messages (channel_id, thread_seq, seq) where thread_seq is not null;
create index messages_pins on messages (channel_id, pinned_seq) where pinned_seq is not null;

-- A page of the members of a channel that many have left is still one short walk.
create index channel_members_active on channel_members (channel_id, user_id) where status = 'active';

-- The reactions on a message with those of a batch in their place. Each entry says how its emoji stands after the batch,
-- so that the same batch twice is the same as once: a count of 0 is gone, a `since` that is not said stays. Null: none.
create function merge_reactions(kept jsonb, changed jsonb) returns jsonb
language sql immutable parallel safe as $$
  select jsonb_agg(
    jsonb_build_object(
      'emoji', emoji,
      'count', coalesce(c.count, k.count),
      'recent', coalesce(c.recent, k.recent),
      'since', coalesce(c.since, k.since, 0)
    ) order by coalesce(c.since, k.since, 0), emoji
  )
  from jsonb_to_recordset(coalesce(kept, '[]')) as k (emoji text, count integer, recent jsonb, since bigint)
  full join jsonb_to_recordset(changed) as c (emoji text, count integer, recent jsonb, since bigint) using (emoji)
  where coalesce(c.count, k.count) > 0
$$;
