/** `hubbub drain <node>`. */
import { askAdmin } from "./admin-api.ts";

/** Asks for the drain and prints that it has begun; `hubbub status --watch` shows it. */
export async function drainNode(node: string, { json = false }: { json?: boolean }): Promise<void> {
  const answer = await askAdmin<unknown>(`/nodes/${encodeURIComponent(node)}/drain`, {
    method: "POST",
    notFound: `No node ${node} is in the cluster: "hubbub status" lists names and ids.`,
  });
  console.log(
    json
      ? JSON.stringify(answer)
      : `${node} drains: its shards move first, then its clients leave in waves. See: hubbub status --watch`,
  );
}
