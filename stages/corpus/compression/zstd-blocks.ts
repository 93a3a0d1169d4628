// The content of one zstd frame, block by block. Entropy decoding is fzstd's; the history that matches reach into is kept here,
// because fzstd takes the whole window at once and moves it for every block. It is reached through fzstd's private fields, which a
// test of every block type holds.
import { Decompress } from 'fzstd';
import { ResourceError } from '../../../schemas/errors.js';

/** Greatest content of a block (RFC 8878, 3.1.1.2.4). */
export const BLOCK_BYTES = 131_072;
/** History grows from this by doubling. */
const FIRST_BYTES = 1 << 20;
/** What may lie before the window, so that it moves rarely. */
const SLACK_BYTES = 32 * 2 ** 20;
/** A frame without size or checksum whose window is 128 KiB, and four empty blocks: fzstd begins with its 18th byte. */
const OPENING = Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0, 0x38, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);

/** fzstd's state of a frame: `w` the history, `e` its size. */
interface FrameState {
  w: Uint8Array;
  e: number;
}

export class ZstdBlocks {
  readonly #windowBytes: number;
  readonly #decoder: Decompress;
  readonly #state: FrameState;
  /** Where fzstd appends each block, having given it out. */
  readonly #scratch = new Uint8Array(BLOCK_BYTES);
  #block: Uint8Array | null = null;
  #history = new Uint8Array(0);
  /** The used part of the history. */
  #from = 0;
  #to = 0;

  constructor(windowBytes: number) {
    this.#windowBytes = windowBytes;
    this.#decoder = new Decompress((bytes) => {
      this.#block = bytes;
      const state = Reflect.get(this.#decoder, 's') as FrameState;
      state.w = this.#scratch;
    });
    this.#decoder.push(OPENING);
    this.#state = stateOf(this.#decoder);
  }

  /** Bytes of content that matches may still reach. */
  get kept(): number {
    return this.#to - this.#from;
  }

  /** The content of a block. @param block its header, without the mark of the last one, and its body @throws where it is damaged */
  decode(block: Uint8Array): Uint8Array {
    this.#state.w = this.#history.subarray(this.#from, this.#to);
    this.#state.e = this.kept;
    this.#block = null;
    Reflect.set(this.#decoder, 'c', []);
    this.#decoder.push(block);
    const content = this.#block as Uint8Array | null;
    if (!content) throw new RangeError('a block ends early');
    this.#keep(content);
    return content;
  }

  #keep(content: Uint8Array): void {
    const wanted = Math.min(this.#windowBytes, this.kept + content.length);
    if (this.#to + content.length > this.#history.length) this.#makeRoom(content.length);
    this.#history.set(content, this.#to);
    this.#to += content.length;
    this.#from = this.#to - wanted;
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

function stateOf(decoder: Decompress): FrameState {
  const state: unknown = Reflect.get(decoder, 's');
  const found = typeof state === 'object' && state !== null ? (state as Partial<FrameState>) : {};
  if (found.w instanceof Uint8Array && typeof found.e === 'number') return found as FrameState;
  throw new ResourceError(
    "Expected fzstd's state of a frame to hold its window, found none; install fzstd in the version of package-lock.json.",
    { state: Object.keys(found) },
  );
}
