// Fetches numbered things ahead of the compute child that asks for them in order, so that it never waits for the store
// while it computes. Holds no more than a few at a time.

/** Fetched ahead of the child. */
const AHEAD = 3;

export class FetchAhead<T> {
  readonly #count: number;
  readonly #fetch: (index: number) => Promise<T>;
  readonly #started = new Map<number, Promise<T>>();

  constructor(count: number, fetch: (index: number) => Promise<T>) {
    this.#count = count;
    this.#fetch = fetch;
  }

  /** The thing of this number, while the next ones are on their way. */
  async take(index: number): Promise<T> {
    for (let i = index; i <= Math.min(index + AHEAD, this.#count - 1); i++) {
      if (this.#started.has(i)) continue;
      const fetching = this.#fetch(i);
      fetching.catch(() => undefined); // reported when the child asks for it
      this.#started.set(i, fetching);
    }
    const taken = await (this.#started.get(index) as Promise<T>);
    this.#started.delete(index);
    return taken;
  }

  /** Resolves once nothing is being fetched any more. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#started.values());
  }
}
