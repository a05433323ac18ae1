-- What is found, and by which words. A table of its own beside `messages`, filled by triggers: the version before this one
-- goes on writing messages and fills it too. One table without partitions: a search asks one index, not sixteen.
create table message_search (
  channel_id uuid not null,
  seq bigint not null,
  at_ms bigint not null,
  author_id uuid not null,
  -- The event that had last changed the message when this was written: nothing older takes its place.
  version bigint not null,
  -- Its words, in the language of its space, and its marks (see `search_marks`). Empty: deleted, nothing finds it.
  words tsvector not null,
  primary key (channel_id, seq)
);
-- New rows wait in a list of at most 512 kB and are merged together. Every look of a search reads the list: a longer one would
-- save the writer little and cost the reader much (docs/decisions/0007).
create index message_search_words on message_search using gin (words) with (fastupdate = on, gin_pending_list_limit = 512);

-- Channels whose messages below a seq must still be put in, or put in again.
create table search_backlog (
  channel_id uuid primary key,
  below_seq bigint not null
);

-- What a message may be asked for besides its words, as lexemes that no text can hold: they begin with a blank. So the index
-- itself brings words, place, author and time together, and reads no message that only one of them fits. Of ids the last
-- eight signs: whoever searches looks at the row's own columns as well.
create function search_marks(channel_id uuid, space_id uuid, author_id uuid, at_ms bigint, has text[]) returns tsvector
language sql immutable parallel safe
return array_to_tsvector(array_remove(has || array[
  ' c' || right(channel_id::text, 8),
  ' s' || right(space_id::text, 8),
  ' a' || right(author_id::text, 8),
  -- Days since 1970, and spans of sixteen of them.
  ' d' || (at_ms / 86400000)::text,
  ' e' || (at_ms / 1382400000)::text
], null));

create function search_has(type text, content text, attachments jsonb) returns text[]
language sql immutable parallel safe
return array[
  case when type = 'code' or content like '%```%' then ' code' end,
  case when content like '%http://%' or content like '%https://%' then ' link' end,
  case when jsonb_array_length(attachments) > 0 or type not in ('text', 'code', 'system') then ' file' end
];

-- The message's own words, and the names of its files. Without a space, or without a language, words are taken as they are.
-- Angle brackets are only signs: what stands in them is no tag to us, as it is to the parser of Postgres.
create function search_words(language text, content text, filename text, attachments jsonb) returns tsvector
language sql stable parallel safe
return to_tsvector(coalesce(language, 'simple')::regconfig, translate(
  case when filename is null and attachments is null then content
    else content || ' ' || coalesce(filename, '') || ' ' ||
      coalesce(jsonb_path_query_array(attachments, '$[*].filename')::text, '')
  end, '<>', '  '
));

-- Words and marks: all that a message is found by.
create function search_entry(
  channel_id uuid, space_id uuid, author_id uuid, at_ms bigint, lang text,
  type text, content text, filename text, attachments jsonb, deleted_at_ms bigint
) returns tsvector
language sql stable parallel safe
return case when deleted_at_ms is null then
  search_words(lang, content, filename, attachments) ||
  search_marks(channel_id, space_id, author_id, at_ms, search_has(type, content, attachments))
else ''::tsvector end;

-- Of a whole statement's messages at once. Encrypted ones have no row.
create function search_added() returns trigger
language plpgsql as $$
begin
  if not exists (select from added) then
    return null;
  end if;
  insert into message_search as s (channel_id, seq, at_ms, author_id, version, words)
  select n.channel_id, n.seq, n.at_ms, n.author_id, n.updated_seq, search_entry(n.channel_id, c.space_id, n.author_id, n.at_ms,
    p.language, n.type, n.content, n.filename, n.attachments, n.deleted_at_ms)
  from added n
  left join lateral (select space_id from channels where id = n.channel_id limit 1) c on true
  left join lateral (select language from channels where id = c.space_id limit 1) p on true
  where n.encryption is null
  on conflict (channel_id, seq) do update set words = excluded.words, version = excluded.version
  where s.version < excluded.version;
  -- A space lives on another shard than its channels: its row may come after theirs, and with it their language.
  insert into search_backlog as b (channel_id, below_seq)
  select n.channel_id, max(n.seq) + 1
  from added n
  cross join lateral (select space_id from channels where id = n.channel_id limit 1) c
  where c.space_id is not null and not exists (select from channels p where p.id = c.space_id)
  group by n.channel_id
  on conflict (channel_id) do update set below_seq = greatest(b.below_seq, excluded.below_seq);
  return null;
end
$$;
create trigger search_added after insert on messages
referencing new table as added for each statement execute function search_added();

-- Another text, or none any more. A deleted message keeps an empty row, so that nothing older can bring its words back.
create function search_changed() returns trigger
language plpgsql as $$
begin
  insert into message_search as s (channel_id, seq, at_ms, author_id, version, words)
  select new.channel_id, new.seq, new.at_ms, new.author_id, new.updated_seq, search_entry(new.channel_id, c.space_id, new.author_id,
    new.at_ms, p.language, new.type, new.content, new.filename, new.attachments, new.deleted_at_ms)
  from channels c left join channels p on p.id = c.space_id
  where c.id = new.channel_id
  on conflict (channel_id, seq) do update set words = excluded.words, version = excluded.version
  where s.version < excluded.version;
  return null;
end
$$;
create trigger search_changed after update on messages for each row
when (
  old.encryption is null and (
    old.content is distinct from new.content or old.attachments is distinct from new.attachments
    or old.deleted_at_ms is distinct from new.deleted_at_ms
  )
)
execute function search_changed();

-- Puts in the newest `batch` messages of one channel of the backlog whose language is known. False: there is none.
create function search_catch_up(batch integer) returns boolean
language plpgsql as $$
declare
  next record;
  reached bigint;
begin
  select b.channel_id, b.below_seq, c.space_id, p.language into next
  from search_backlog b join channels c on c.id = b.channel_id left join channels p on p.id = c.space_id
  where c.space_id is null or p.id is not null
  order by b.channel_id limit 1 for update of b skip locked;
  if not found then
    return false;
  end if;
  with wanted as (
    select * from messages where channel_id = next.channel_id and seq < next.below_seq order by seq desc limit batch
  ), written as (
    insert into message_search as s (channel_id, seq, at_ms, author_id, version, words)
    select channel_id, seq, at_ms, author_id, updated_seq, search_entry(channel_id, next.space_id, author_id, at_ms,
      next.language, type, content, filename, attachments, deleted_at_ms)
    from wanted where encryption is null
    on conflict (channel_id, seq) do update set words = excluded.words where s.version <= excluded.version
  )
  select case when count(*) = batch then min(seq) end into reached from wanted;
  if reached is null then
    delete from search_backlog where channel_id = next.channel_id;
  else
    update search_backlog set below_seq = reached where channel_id = next.channel_id;
  end if;
  return true;
end
$$;

insert into search_backlog (channel_id, below_seq) select id, seq + 1 from channels where message_count > 0;
