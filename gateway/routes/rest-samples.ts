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
  { method: "GET", path: `/users/${PERSON}`, names: "person" },
  { method: "GET", path: "/spaces", names: "nothing" },
  { method: "POST", path: "/spaces", body: { name: "one" }, names: "nothing" },
  { method: "GET", path: `/spaces/${CHANNEL}`, names: "channel" },
  { method: "GET", path: `/spaces/${CHANNEL}/members`, names: "channel" },
  { method: "POST", path: `/spaces/${CHANNEL}/join`, names: "channel" },
  { method: "GET", path: "/channels", names: "nothing" },
  { method: "POST", path: "/channels", body: { kind: "private", name: "one" }, names: "nothing" },
  { method: "GET", path: `/channels/${CHANNEL}`, names: "channel" },
  { method: "GET", path: `/channels/${CHANNEL}/members`, names: "channel" },
  { method: "GET", path: `/channels/${CHANNEL}/messages`, names: "channel" },
  {
    method: "POST",
    path: `/channels/${CHANNEL}/messages`,
    body: { clientId: id(7), content: "hi" },
    names: "channel",
  },
  { method: "GET", path: `/messages/${MESSAGE}`, names: "channel" },
  { method: "GET", path: "/dm", names: "nothing" },
  { method: "POST", path: "/dm", body: { userId: PERSON }, names: "person" },
  { method: "GET", path: "/sync?since=0", names: "nothing" },
  { method: "POST", path: "/sync", body: { channels: {} }, names: "nothing" },
];

/** A sample's path as its route is written: ids are `:id`, and there is no query. */
export function patternOf(path: string): string {
  return path.split("?")[0]!.replace(MESSAGE, ":id").replace(CHANNEL, ":id").replace(PERSON, ":id");
}
