// How much of a feature's activation mass on test rows is explained by the token it stands on. Pure; one feature in hand.
//
//   f_r ≥ 0   the stored activation on test row r (0 where it does not fire; values below 0 count as 0), t(r) its token
//   n_t       stored test rows of token t;   S_t = Σ_{t(r) = t} f_r
//   g_r       = (S_t − f_r) / (n_t − 1), t = t(r): the mean activation on the *other* test rows of the token; 0 where n_t = 1
//   share     = Σ_r min(f_r, g_r) / Σ_r f_r
// In [0, 1]: 1 where the activation is a function of the token; the density where a feature of one value fires regardless of it.
// Σ_r g_r = Σ_r f_r over tokens with n_t > 1, so that the rule has the mass of what it explains. Leaving the row itself out of its
// token's mean keeps a token that occurs once from explaining itself: nothing is measured on what it was fitted to.
// Null where the feature does not fire on test rows. Proof: tests/unit/stages/profile/token-share.test.ts.

export class TokenShare {
  /** [tokens] stored test rows. */
  readonly #rows: Uint32Array;
  readonly #sums: Float64Array;
  #tokens = new Uint32Array(1024);
  #values = new Float32Array(1024);
  #n = 0;

  /** @param rows stored test rows per token id */
  constructor(rows: Uint32Array) {
    this.#rows = rows;
    this.#sums = new Float64Array(rows.length);
  }

  /** Takes a firing of the feature in hand on a test row. */
  add(token: number, value: number): void {
    if (!(value > 0)) return;
    if (this.#n === this.#tokens.length) this.#grow();
    this.#tokens[this.#n] = token;
    this.#values[this.#n] = value;
    this.#n++;
    this.#sums[token] = (this.#sums[token] as number) + value;
  }

  /** The share of the feature in hand; starts the next one. NaN: it did not fire. */
  close(): number {
    let [mass, explained] = [0, 0];
    for (let i = 0; i < this.#n; i++) {
      const token = this.#tokens[i] as number;
      const value = this.#values[i] as number;
      const others = (this.#rows[token] as number) - 1;
      const mean = others > 0 ? ((this.#sums[token] as number) - value) / others : 0;
      mass += value;
      explained += Math.min(value, mean);
    }
    for (let i = 0; i < this.#n; i++) this.#sums[this.#tokens[i] as number] = 0;
    this.#n = 0;
    return explained / mass;
  }

  #grow(): void {
    const [tokens, values] = [new Uint32Array(2 * this.#n), new Float32Array(2 * this.#n)];
    tokens.set(this.#tokens);
    values.set(this.#values);
    [this.#tokens, this.#values] = [tokens, values];
  }
}
