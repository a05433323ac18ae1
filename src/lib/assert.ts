/** A broken promise of our own code. Never shown to a client: whoever owns the failing part rebuilds it. */
export class InvariantError extends Error {
  override name = "InvariantError";
}

/** States what must hold here; throws `InvariantError` when it does not. */
export function assert(holds: boolean, promise: string): asserts holds {
  if (!holds) throw new InvariantError(promise);
}

/** Closes a `switch` over a union: compiles only while every case above is handled. */
export function unreachable(value: never): never {
  throw new InvariantError(`unhandled case ${JSON.stringify(value)}`);
}
