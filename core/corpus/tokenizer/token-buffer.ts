// Growing columns of token ids and offsets, reused from document to document.

/** Ids and offsets of tokens, in order; only the first `length` entries count. */
export class TokenBuffer {
  length = 0;
  ids = new Uint32Array(4096);
  starts = new Uint32Array(4096);
  ends = new Uint32Array(4096);

  push(id: number, start: number, end: number): void {
    if (this.length === this.ids.length) this.#grow();
    this.ids[this.length] = id;
    this.starts[this.length] = start;
    this.ends[this.length] = end;
    this.length++;
  }

  clear(): void {
    this.length = 0;
  }

  #grow(): void {
    const larger = (values: Uint32Array<ArrayBuffer>): Uint32Array<ArrayBuffer> => {
      const grown = new Uint32Array(values.length * 2);
      grown.set(values);
      return grown;
    };
    this.ids = larger(this.ids);
    this.starts = larger(this.starts);
    this.ends = larger(this.ends);
  }
}
