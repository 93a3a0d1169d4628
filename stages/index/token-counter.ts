// Counts the tokens on which the feature in hand fires; memory grows with the vocabulary, not with the postings. Pure.

export class TokenCounter {
  #counts = new Uint32Array(65_536);
  #seen: number[] = [];

  add(token: number): void {
    if (token >= this.#counts.length) this.#grow(token);
    const times = this.#counts[token] as number;
    if (times === 0) this.#seen.push(token);
    this.#counts[token] = times + 1;
  }

  /** The `most` most frequent tokens, by count descending, then token ascending; starts anew. */
  take(most: number): { readonly token: number; readonly n: number }[] {
    const best: { token: number; n: number }[] = [];
    for (const token of this.#seen) {
      const n = this.#counts[token] as number;
      this.#counts[token] = 0;
      const last = best.at(-1);
      if (best.length === most && last && (n < last.n || (n === last.n && token > last.token))) continue;
      if (best.length === most) best.pop();
      const at = best.findIndex((other) => n > other.n || (n === other.n && token < other.token));
      best.splice(at < 0 ? best.length : at, 0, { token, n });
    }
    this.#seen = [];
    return best;
  }

  #grow(token: number): void {
    const grown = new Uint32Array(2 ** Math.ceil(Math.log2(token + 1)));
    grown.set(this.#counts);
    this.#counts = grown;
  }
}
