// The content of one zstd frame, block by block (RFC 8878, 3.1.1.2), and the history that matches reach into. A match that reaches
// before the history, literals that are not there and codes that do not end where they should are errors.
import { readLiterals, type HuffmanTable } from './zstd-literals.js';
import { readSequences, type SequenceTables } from './zstd-sequences.js';

/** Greatest content of a block (RFC 8878, 3.1.1.2.4). */
export const BLOCK_BYTES = 131_072;
/** History grows from this by doubling. */
const FIRST_BYTES = 1 << 20;
/** What may lie before the window, so that it moves rarely. */
const SLACK_BYTES = 32 * 2 ** 20;
/** Longest match that is copied byte by byte. */
const SHORT_BYTES = 48;
const [RAW, RLE] = [0, 1];

export class ZstdBlocks {
  readonly #windowBytes: number;
  #history = new Uint8Array(0);
  /** The used part of the history. */
  #from = 0;
  #to = 0;
  #codes: HuffmanTable | null = null;
  #tables: SequenceTables | null = null;
  /** The last three offsets, newest first. */
  #offsets: [number, number, number] = [1, 4, 8];

  constructor(windowBytes: number) {
    this.#windowBytes = windowBytes;
  }

  /** The content of a block. @param block its header and its body @throws RangeError where it is damaged */
  decode(block: Uint8Array): Uint8Array {
    const header = (block[0] ?? 0) | ((block[1] ?? 0) << 8) | ((block[2] ?? 0) << 16);
    const [type, size] = [(header >>> 1) & 3, header >>> 3];
    const body = block.subarray(3);
    if (this.#to + BLOCK_BYTES > this.#history.length) this.#makeRoom(BLOCK_BYTES);
    const start = this.#to;
    if (type === RAW) this.#append(body);
    else if (type === RLE) this.#history.fill(body[0] ?? 0, start, (this.#to += size));
    else this.#decompress(body, start + BLOCK_BYTES);
    this.#from = Math.max(this.#from, this.#to - this.#windowBytes);
    return this.#history.slice(start, this.#to);
  }

  #append(bytes: Uint8Array): void {
    this.#history.set(bytes, this.#to);
    this.#to += bytes.length;
  }

  /** @param most where the content ends at the latest */
  #decompress(body: Uint8Array, most: number): void {
    const { literals, end, table } = readLiterals(body, this.#codes, BLOCK_BYTES);
    this.#codes = table;
    let at = 0;
    this.#tables = readSequences(body.subarray(end), this.#tables, (count, stored, match) => {
      if (at + count > literals.length) throw new RangeError('a block takes more literals than it has');
      if (this.#to + count + match > most) throw new RangeError('a block has more content than allowed');
      this.#append(literals.subarray(at, at + count));
      at += count;
      this.#repeat(this.#offsetOf(stored, count), match);
    });
    if (this.#to + literals.length - at > most) throw new RangeError('a block has more content than allowed');
    this.#append(literals.subarray(at));
  }

  /** The distance that a stored offset means: 1 … 3 are the last ones again (RFC 8878, 3.1.1.5). */
  #offsetOf(stored: number, literals: number): number {
    const [first, second, third] = this.#offsets;
    if (stored > 3) {
      this.#offsets = [stored - 3, first, second];
      return stored - 3;
    }
    const which = stored + (literals === 0 ? 1 : 0);
    if (which === 1) return first;
    const distance = which === 2 ? second : which === 3 ? third : first - 1;
    this.#offsets = [distance, first, which === 2 ? third : second];
    return distance;
  }

  /** Appends what stands `distance` before, which may be what it appends. */
  #repeat(distance: number, length: number): void {
    const history = this.#history;
    let from = this.#to - distance;
    if (distance === 0 || from < this.#from) throw new RangeError('a match reaches too far back');
    const end = this.#to + length;
    if (distance >= length && length > SHORT_BYTES) history.copyWithin(this.#to, from, from + length);
    else for (let to = this.#to; to < end; to++) history[to] = history[from++] ?? 0;
    this.#to = end;
  }

  #makeRoom(more: number): void {
    const used = this.#history.subarray(this.#from, this.#to);
    const most = this.#windowBytes + Math.max(BLOCK_BYTES, Math.min(this.#windowBytes, SLACK_BYTES));
    const wanted = Math.min(most, Math.max(FIRST_BYTES, 2 * this.#history.length));
    if (wanted >= used.length + more && wanted > this.#history.length) {
      const grown = new Uint8Array(wanted);
      grown.set(used);
      this.#history = grown;
    } else this.#history.copyWithin(0, this.#from, this.#to);
    this.#to = used.length;
    this.#from = 0;
  }
}
