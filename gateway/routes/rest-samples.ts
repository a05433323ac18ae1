/** A good request for every route that is built: what tests of the table start from. A test keeps it as long as the server's. */
import type { Method } from "../http/route.ts";
import { id } from "./rest-doubles.ts";

export const CHANNEL = id(9);
export const MESSAGE = `${CHANNEL}.1`;
export const PERSON = id(2);

export type RestSample = {
  method: Method;
  /** Under `/api/v1`. */
  path: string;
  /** Needs no token. */
  public?: true;
  body?: Record<string, unknown>;
  /** Whom or what it is about, and what is refused when that is not there: the caller alone, someone else, or a channel or space. */
  names: "nothing" | "person" | "channel";
};

export const BUILT: readonly RestSample[] = [
  {
    method: "POST",
    path: "/auth/register",
    public: true,
    body: { username: "bob", password: "0123456789" },
    names: "nothing",
  },
  {
    method: "POST",
    path: "/auth/login",
    public: true,
    body: { login: "bob", password: "0123456789" },
    names: "nothing",
  },
  {
    method: "POST",
    path: "/auth/refresh",
    public: true,
    body: { refreshToken: "a".repeat(43) },
    names: "nothing",
  },
  {
    method: "POST",
    path: "/auth/logout",
    public: true,
    body: { refreshToken: "a".repeat(43) },
    names: "nothing",
  },
  { method: "POST", path: "/auth/revoke-all", names: "nothing" },
  { method: "GET", path: "/users/me", names: "nothing" },
  { method: "PATCH", path: "/users/me", body: { displayName: "Bob" }, names: "nothing" },
  { method: "GET", path: "/users/search?q=bob", names: "nothing" },
  { method: "GET", path: `/users/${PERSON}`, names: "person" },
  { method: "GET", path: `/users/${PERSON}/presence`, names: "person" },
  {
    method: "PUT",
    path: "/users/me/keys",
    body: { keyId: "one", algorithm: "x25519", key: "AAAA" },
    names: "nothing",
  },
  { method: "GET", path: `/users/${PERSON}/keys`, names: "person" },
  { method: "GET", path: "/users/me/settings", names: "nothing" },
  { method: "PATCH", path: "/users/me/settings", body: { digest: "daily" }, names: "nothing" },
  { method: "PATCH", path: `/channels/${CHANNEL}/members/me`, body: { notify: "none" }, names: "channel" },
  { method: "GET", path: "/users/me/blocks", names: "nothing" },
  { method: "PUT", path: `/users/${PERSON}/block`, names: "person" },
  { method: "DELETE", path: `/users/${PERSON}/block`, names: "person" },
  { method: "GET", path: "/spaces", names: "nothing" },
  { method: "POST", path: "/spaces", body: { name: "one" }, names: "nothing" },
  { method: "GET", path: `/spaces/${CHANNEL}`, names: "channel" },
  { method: "PATCH", path: `/spaces/${CHANNEL}`, body: { name: "two" }, names: "channel" },
  { method: "DELETE", path: `/spaces/${CHANNEL}`, names: "channel" },
  { method: "POST", path: `/spaces/${CHANNEL}/join`, names: "channel" },
  ...memberSamples("spaces"),
  { method: "GET", path: "/channels", names: "nothing" },
  { method: "POST", path: "/channels", body: { kind: "private", name: "one" }, names: "nothing" },
  { method: "GET", path: `/channels/${CHANNEL}`, names: "channel" },
  { method: "PATCH", path: `/channels/${CHANNEL}`, body: { name: "two" }, names: "channel" },
  { method: "POST", path: `/channels/${CHANNEL}/join`, names: "channel" },
  ...memberSamples("channels"),
  { method: "GET", path: `/channels/${CHANNEL}/present`, names: "channel" },
  { method: "GET", path: `/channels/${CHANNEL}/messages`, names: "channel" },
  {
    method: "POST",
    path: `/channels/${CHANNEL}/messages`,
    body: { clientId: id(7), content: "hi" },
    names: "channel",
  },
  {
    method: "POST",
    path: `/channels/${CHANNEL}/messages/delete`,
    body: { messageIds: [MESSAGE] },
    names: "channel",
  },
  { method: "GET", path: `/messages/${MESSAGE}`, names: "channel" },
  { method: "PATCH", path: `/messages/${MESSAGE}`, body: { content: "hi" }, names: "channel" },
  { method: "DELETE", path: `/messages/${MESSAGE}`, names: "channel" },
  { method: "GET", path: `/messages/${MESSAGE}/history`, names: "channel" },
  { method: "PUT", path: `/messages/${MESSAGE}/read`, names: "channel" },
  { method: "GET", path: `/messages/${MESSAGE}/reactions`, names: "channel" },
  { method: "POST", path: `/messages/${MESSAGE}/reactions`, body: { emoji: "👍" }, names: "channel" },
  { method: "DELETE", path: `/messages/${MESSAGE}/reactions?emoji=%F0%9F%91%8D`, names: "channel" },
  { method: "PUT", path: `/messages/${MESSAGE}/pin`, names: "channel" },
  { method: "DELETE", path: `/messages/${MESSAGE}/pin`, names: "channel" },
  { method: "GET", path: `/channels/${CHANNEL}/pins`, names: "channel" },
  { method: "GET", path: `/threads/${MESSAGE}/messages`, names: "channel" },
  { method: "PUT", path: `/threads/${MESSAGE}/follow`, body: { following: true }, names: "channel" },
  { method: "GET", path: `/channels/${CHANNEL}/receipts?messageId=${MESSAGE}`, names: "channel" },
  { method: "GET", path: "/dm", names: "nothing" },
  { method: "POST", path: "/dm", body: { userId: PERSON }, names: "person" },
  { method: "GET", path: "/sync?since=0", names: "nothing" },
  { method: "POST", path: "/sync", body: { channels: {} }, names: "nothing" },
  { method: "GET", path: "/search?q=meeting", names: "nothing" },
  { method: "GET", path: `/channels/${CHANNEL}/messages/search?q=meeting`, names: "channel" },
];

function memberSamples(of: "channels" | "spaces"): RestSample[] {
  const path = `/${of}/${CHANNEL}` as const;
  return [
    { method: "GET", path: `${path}/members`, names: "channel" },
    { method: "POST", path: `${path}/members`, body: { userId: PERSON }, names: "channel" },
    { method: "PATCH", path: `${path}/members/${PERSON}`, body: { role: "admin" }, names: "channel" },
    { method: "DELETE", path: `${path}/members/${PERSON}`, names: "channel" },
    { method: "POST", path: `${path}/leave`, names: "channel" },
  ];
}

/** A sample's path as its route is written: ids are `:id` and `:userId`, and there is no query. */
export function patternOf(path: string): string {
  return path
    .split("?")[0]!
    .replace(`members/${PERSON}`, "members/:userId")
    .replace(MESSAGE, ":id")
    .replace(CHANNEL, ":id")
    .replace(PERSON, ":id");
}
