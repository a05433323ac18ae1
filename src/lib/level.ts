/**
 * Levels of a cluster (rule E7): which entries, commands and columns its nodes write to each other. The lowest that any of them
 * knows holds for all, so that nodes of two versions serve side by side while one is replaced by the other.
 */

/** What this code knows. 1: version 0.1.0. 2: the whole of a conversation: edits, reactions, pins, threads, presence, bans (0.2.0). */
export const LEVEL = 2;

/** Of a lease, a record and a table that say nothing of levels: 0.1.0 did not know of them. */
export const FIRST_LEVEL = 1;
