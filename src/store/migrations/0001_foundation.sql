-- Times are Unix milliseconds in bigint columns that end in _ms, as everywhere in Hubbub: exact in JavaScript, no time
-- zone to get wrong. 9007199254740991 is "for ever". Projected tables carry no foreign key (rule J2): what they hold has
-- been decided and logged, and a row may arrive before the one it names.

create table users (
  id uuid primary key,
  username text not null,
  display_name text not null,
  email text,
  avatar_url text,
  bio text,
  bot boolean not null default false,
  password_hash text,
  -- Tokens issued up to then are void (rule E3).
  tokens_valid_after_ms bigint,
  created_at_ms bigint not null
);
create unique index users_username on users (lower(username));
create unique index users_email on users (lower(email));
create index users_tokens_valid_after on users (tokens_valid_after_ms) where tokens_valid_after_ms is not null;

-- One row per token ever given in a living family; `used` ones are kept so that their reuse is noticed.
create table refresh_tokens (
  token_hash bytea primary key,
  family_id text not null,
  user_id uuid not null references users (id) on delete cascade,
  expires_at_ms bigint not null,
  used boolean not null default false
);
create index refresh_tokens_family on refresh_tokens (family_id);
create index refresh_tokens_user on refresh_tokens (user_id);

-- Spaces too (`kind` space). Updated by every batch that touches the channel: room in the page keeps that off the indexes.
create table channels (
  id uuid primary key,
  kind text not null,
  space_id uuid,
  name text,
  description text,
  settings jsonb not null,
  archived boolean not null,
  slug text,
  language text,
  seq bigint not null,
  epoch bigint not null,
  -- [[first seq, epoch], …] of the last 32 reigns, oldest first (rule I1).
  reigns jsonb not null,
  member_count integer not null,
  message_count bigint not null default 0,
  last_message_at_ms bigint,
  last_at_ms bigint not null,
  created_at_ms bigint not null
) with (fillfactor = 70);
create index channels_space on channels (space_id) where space_id is not null;

create table channel_members (
  channel_id uuid not null,
  user_id uuid not null,
  role text not null,
  status text not null,
  overrides jsonb,
  muted_until_ms bigint,
  banned_until_ms bigint,
  joined_at_ms bigint not null,
  -- Of the last event about this member; an older one changes nothing.
  updated_seq bigint not null,
  last_sent_at_ms bigint not null default 0,
  delivered_seq bigint not null default 0,
  read_seq bigint not null default 0,
  -- Ordinal at the read mark: unread = channels.message_count − read_count (rule E6).
  read_count bigint not null default 0,
  primary key (channel_id, user_id)
) with (fillfactor = 80);
create index channel_members_user on channel_members (user_id, channel_id);

create table messages (
  channel_id uuid not null,
  seq bigint not null,
  epoch bigint not null,
  -- The event that last changed it, and when.
  updated_seq bigint not null,
  updated_at_ms bigint not null,
  ordinal bigint not null,
  author_id uuid not null,
  client_id uuid not null,
  -- SHA-256 of the request as sent; kept through edits and deletion (rule S1).
  sent_hash bytea,
  type text not null,
  content text not null,
  html text not null,
  language text,
  filename text,
  -- These jsonb columns are null where the message has none.
  mentions jsonb,
  attachments jsonb,
  preview jsonb,
  reply_to jsonb,
  -- seq of the thread's first message.
  thread_seq bigint,
  reply_count integer not null default 0,
  last_reply_at_ms bigint,
  pinned boolean not null default false,
  edited_at_ms bigint,
  deleted_at_ms bigint,
  at_ms bigint not null,
  encryption jsonb,
  metadata jsonb,
  primary key (channel_id, seq)
) partition by hash (channel_id);
do $$
begin
  for i in 0..15 loop
    execute format('create table messages_%s partition of messages for values with (modulus 16, remainder %s)', i, i);
  end loop;
end
$$;
create unique index messages_client_id on messages (channel_id, author_id, client_id);
create index messages_updated on messages (channel_id, updated_seq);

-- Who is mentioned where; the nil UUID stands for everyone in the channel, one row however many they are (rule E6).
create table mentions (
  channel_id uuid not null,
  user_id uuid not null,
  seq bigint not null,
  primary key (channel_id, user_id, seq)
);

-- The fence of Postgres (rules L2, P1). A row is made by the first claim.
create table shards (
  shard integer primary key,
  epoch bigint not null,
  flushed_epoch bigint not null default 0,
  flushed_n bigint not null default 0
) with (fillfactor = 50);

-- What the whole cluster agreed on once: its record, its token secret.
create table cluster (
  key text primary key,
  value jsonb not null
);

-- Work for jobs, written in the transaction that makes it due (rule J3).
create table outbox (
  id bigint generated always as identity primary key,
  kind text not null,
  payload jsonb not null,
  created_at_ms bigint not null
);

-- Records that Postgres refused (rule J2). `record` is json, not jsonb: it must hold what jsonb refuses.
create table dead_events (
  -- SHA-256 of the record: a replay buries it once.
  digest bytea primary key,
  shard integer not null,
  epoch bigint not null,
  channel_id text not null,
  seq bigint,
  type text not null,
  record json not null,
  sqlstate text,
  reason text not null,
  buried_at_ms bigint not null
);

-- The reigns of a channel with those of a batch added: an epoch enters once, with its first seq; the last 32 stay.
create function merge_reigns(kept jsonb, added jsonb) returns jsonb
language sql immutable parallel safe as $$
  select coalesce(jsonb_agg(jsonb_build_array(seq, epoch) order by epoch), '[]')
  from (
    select epoch, min(seq) as seq
    from (
      select (r ->> 0)::bigint as seq, (r ->> 1)::bigint as epoch
      from jsonb_array_elements(kept || added) as r
    ) as every
    group by epoch
    order by epoch desc
    limit 32
  ) as last
$$;

-- The greatest seq of a message of the channel with at_ms <= until_ms, 0 without one. Times never run backwards in a
-- channel, so halving the range of seq finds it in some twenty look-ups of the primary key, without an index of its own.
create function message_seq_at(channel uuid, until_ms bigint) returns bigint
language plpgsql stable parallel safe as $$
declare
  low bigint := 0;
  high bigint;
  middle bigint;
  found record;
begin
  select m.seq into high from messages m where m.channel_id = channel order by m.seq desc limit 1;
  while low < high loop
    middle := (low + high + 1) / 2;
    select m.seq, m.at_ms into found from messages m
      where m.channel_id = channel and m.seq <= middle order by m.seq desc limit 1;
    if found.seq is null or found.at_ms <= until_ms then
      low := middle;
    else
      high := found.seq - 1;
    end if;
  end loop;
  select m.seq into high from messages m where m.channel_id = channel and m.seq <= low order by m.seq desc limit 1;
  return coalesce(high, 0);
end
$$;

-- Ends a batch that names a channel without a row, as broken data (class 23), so that the event is found and set aside.
create function refuse_event(reason text) returns integer
language plpgsql as $$
begin
  raise exception using errcode = '23503', message = reason;
end
$$;
