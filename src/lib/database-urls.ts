/** The servers of a `DATABASE_URL`: one, or several with commas of which one takes writes, in the form of libpq. */

/** Shown where a URL is refused. */
export const DATABASE_URL_FORM =
  "postgres://user:password@host[:port]/database, or several hosts with commas: the one that takes writes is used";

const FORM = /^(postgres(?:ql)?:\/\/(?:[^/?#]*@)?)([^@/?#]+)(\/[^?#]*)?(?:\?([^#]*))?$/;
/** Of libpq: which of several servers is wanted. Ours is always the one that is no standby. */
const WANTED = "target_session_attrs";
const WANTED_VALUES = ["read-write", "primary"];

/** One URL for each server, in the order given; undefined when the text has not the form. */
export function databaseUrls(text: string): readonly string[] | undefined {
  const [, start, hosts = "", path = "", query = ""] = FORM.exec(text) ?? [];
  if (start === undefined) return undefined;
  const parameters = new URLSearchParams(query);
  const wanted = parameters.get(WANTED);
  if (wanted !== null && !WANTED_VALUES.includes(wanted)) return undefined;
  parameters.delete(WANTED);
  const rest = parameters.size > 0 ? `?${parameters}` : "";
  const urls = hosts.split(",").map((host) => `${start}${host}${path}${rest}`);
  const isWhole = (url: string) => URL.canParse(url) && new URL(url).hostname !== "";
  return urls.every(isWhole) ? urls : undefined;
}
