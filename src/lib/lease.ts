/** Milliseconds: the life of a node's and of the leader's lease. */
export const LEASE_TTL_MS = 6_000;
