/** REST with a log-in that keeps itself alive: tokens are refreshed before they end, by one tab at a time. */

const STORED = "hubbub.log-in";
/** Refresh this long before the end, milliseconds: a slow phone's clock and request fit in. */
const REFRESH_AHEAD_MS = 60_000;

/** A refusal as an exception: only the outbox and the log-in form look inside. */
export class Refused extends Error {
  constructor(problem) {
    super(problem.detail ?? problem.message);
    this.code = problem.code;
    this.retry = problem.retry;
  }
}

let logIn = read();

export function me() {
  return logIn?.user;
}

/** Throws `Refused` when the name or the password is wrong. */
export async function logInAs(login, password) {
  keep(await call("POST", "/auth/login", { login, password }));
}

export async function logOut() {
  const { refreshToken } = logIn ?? {};
  forget();
  // The log-in is gone here whatever the server says; there it ends by itself.
  if (refreshToken) await call("POST", "/auth/logout", { refreshToken }).catch(() => {});
}

export function forget() {
  logIn = undefined;
  localStorage.removeItem(STORED);
}

/** A token that is good for a while yet. Throws `Refused` with `unauthenticated` when the log-in has ended. */
export async function freshToken({ force = false } = {}) {
  if (!force && Date.now() < (logIn?.expiresAtMs ?? 0) - REFRESH_AHEAD_MS) return logIn.token;
  // A refresh token works once: tabs that share it take turns, and the second finds what the first was given.
  await (navigator.locks ? navigator.locks.request(STORED, refresh) : refresh());
  return logIn.token;
}

async function refresh() {
  const before = logIn;
  logIn = read();
  if (!logIn) throw new Refused({ code: "unauthenticated", retry: "never", detail: "Log in again." });
  if (before && logIn.token !== before.token) return;
  keep(await call("POST", "/auth/refresh", { refreshToken: logIn.refreshToken }));
}

/** GET as the person who is logged in. */
export async function get(path) {
  return call("GET", path, undefined, await freshToken());
}

export async function post(path, body) {
  return call("POST", path, body, await freshToken());
}

async function call(method, path, body, token) {
  const headers = {
    ...(token && { authorization: `Bearer ${token}` }),
    ...(body && { "content-type": "application/json" }),
  };
  const response = await fetch(`/api/v1${path}`, { method, headers, body: body && JSON.stringify(body) });
  const isJson = /\bjson\b/.test(response.headers.get("content-type") ?? "");
  // A proxy in between answers for a server that is away: the same as no answer, which fetch says with a TypeError.
  if (!response.ok && !isJson) throw new TypeError(`no answer of the server: ${response.status}`);
  const answer = isJson ? await response.json() : undefined;
  if (!response.ok) throw new Refused(answer);
  return answer;
}

function keep(answer) {
  logIn = answer;
  localStorage.setItem(STORED, JSON.stringify(answer));
}

function read() {
  return JSON.parse(localStorage.getItem(STORED) ?? "null") ?? undefined;
}
