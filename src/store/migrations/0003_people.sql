-- What people say of themselves and of each other.

-- Settings that the person has changed; the others are the server's defaults.
create table user_settings (
  user_id uuid primary key references users (id) on delete cascade,
  settings jsonb not null
);

-- Public keys for end-to-end encryption, opaque here.
create table user_keys (
  user_id uuid primary key references users (id) on delete cascade,
  key_id text not null,
  algorithm text not null,
  key text not null
);

-- `user_id` has blocked `other_id`.
create table blocks (
  user_id uuid not null references users (id) on delete cascade,
  other_id uuid not null references users (id) on delete cascade,
  at_ms bigint not null,
  primary key (user_id, other_id)
);
create index blocks_other on blocks (other_id, user_id);

-- Who a token of another issuer names: its `iss` and `sub`.
create table identities (
  issuer text not null,
  subject text not null,
  user_id uuid not null references users (id) on delete cascade,
  primary key (issuer, subject)
);
create index identities_user on identities (user_id);

-- What a person chose to show of themselves, and when they were last connected (rule E4).
alter table users
  add column presence_status text not null default 'online',
  add column presence_text text,
  add column last_seen_at_ms bigint;
-- Room in the page keeps them off the indexes.
alter table users set (fillfactor = 80);

-- The search of people, made of what every Postgres has: no extension, whose creation needs a right.
--
-- A name as it is compared: without case, accents or breadth. Bounded, since one sign may unfold into eighteen.
create function fold_name(name text) returns text
language sql immutable strict parallel safe
return left(btrim(lower(regexp_replace(normalize(name, nfkd), '[\u0300-\u036f]', '', 'g'))), 64);

create function name_words(name text) returns text[]
language sql immutable strict parallel safe
return array(
  select distinct word from regexp_split_to_table(fold_name(name), '[\s!-/:-@\[-`{-~]+') as word where word <> ''
);

-- The first six letters of a word, whole and with each of them left out. Two words that have one of these in common
-- differ, up to there, by a letter too much, too few, another or two exchanged. Short words are all alike: they have none.
create function name_slips(word text) returns text[]
language sql immutable strict parallel safe
return case when length(word) < 4 then '{}'::text[] else left(word, 6) || array(
  select distinct overlay(left(word, 6) placing '' from at for 1) from generate_series(1, least(length(word), 6)) as at
) end;

-- Under which keys a person is found: `=word` and `~slip`.
create function name_keys(username text, display_name text) returns tsvector
language sql immutable strict parallel safe
return array_to_tsvector(array(
  select distinct key
  from unnest(name_words(username || ' ' || display_name)) as word,
    unnest(array['=' || word] || array(select '~' || slip from unnest(name_slips(word)) as slip)) as key
));

-- Every word begins one of the person's. Null without words.
create function name_begins(query text) returns tsquery
language sql immutable strict parallel safe
return (select string_agg(quote_literal('=' || word) || ':*', ' & ')::tsquery from unnest(name_words(query)) as word);

-- Every word begins or resembles one of the person's. Null where none is long enough to resemble.
create function name_resembles(query text) returns tsquery
language sql immutable strict parallel safe
return (
  select case when max(length(word)) >= 4 then string_agg(
    '(' || array_to_string(
      quote_literal('=' || word) || ':*' || array(select quote_literal('~' || slip) from unnest(name_slips(word)) as slip),
      ' | '
    ) || ')',
    ' & '
  )::tsquery end
  from unnest(name_words(query)) as word
);

-- In the order of bytes, so that a beginning is a range.
create index users_username_begins on users (lower(username) text_pattern_ops);
create index users_name_begins on users (fold_name(display_name) text_pattern_ops);
create index users_name_keys on users using gin (name_keys(username, display_name)) with (fastupdate = off);
