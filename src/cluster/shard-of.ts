/** Which shard an actor lives in. Every node and every version of the code must agree: never change this function. */

const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/**
 * The shard, 0 to `shards` − 1, of a channel or user. FNV-1a over the id's characters (ids are ASCII), then the
 * finalizer of MurmurHash3, since FNV's low bits follow the last characters too closely.
 */
export function shardOf(id: string, shards: number): number {
  let hash = FNV_OFFSET;
  for (let i = 0; i < id.length; i++) hash = Math.imul(hash ^ id.charCodeAt(i), FNV_PRIME);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) % shards;
}
