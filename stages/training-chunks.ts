// How many steps a training makes between two looks at the clock. Follows the measured time; changes no byte.

export class ChunkSteps {
  #steps: number;
  readonly #most: number;

  /** @param first steps of the first chunk, before anything was measured */
  constructor(first: number, most = Infinity) {
    this.#steps = first;
    this.#most = most;
  }

  /** Steps of the next chunk. */
  get next(): number {
    return this.#steps;
  }

  /** A chunk took that long; the next one is to take `aimMs`. */
  measured({ steps, ms, aimMs }: { readonly steps: number; readonly ms: number; readonly aimMs: number }): void {
    this.#steps = Math.max(1, Math.min(this.#most, Math.round((aimMs * steps) / ms)));
  }
}
