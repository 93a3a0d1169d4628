// zstd frames (RFC 8878) piece by piece: headers are read here, so that everything that a frame states of itself is held against what
// came out: size of the content, checksum, window, dictionary. Memory is the part of the window that has content, at most 1 GiB.
import { damagedFile, refusedFile, truncatedFile, type CompressedFile } from './errors.js';
import { Xxh64 } from './xxh64.js';
import { BLOCK_BYTES, ZstdBlocks } from './zstd-blocks.js';

/** The largest history that is kept: what `zstd --long=30` asks for. */
const MOST_WINDOW_BYTES = 2 ** 30;
const MAGIC = 0xfd2fb528;
const SKIPPABLE = 0x184d2a50;
const [RLE, RESERVED] = [1, 3];

interface Frame {
  readonly windowBytes: number;
  /** Null where the frame does not state it. */
  readonly contentBytes: number | null;
  readonly hash: Xxh64 | null;
  readonly blocks: ZstdBlocks;
  produced: number;
  ended: boolean;
}

export class ZstdReader {
  readonly #file: CompressedFile;
  #bytes = new Uint8Array(0);
  #at = 0;
  #skip = 0;
  #frame: Frame | null = null;
  #frames = 0;

  constructor(name: string) {
    this.#file = { name, compression: 'zstd' };
  }

  /** The content that the next bytes complete. @throws DataError where they are no sound frames */
  *push(bytes: Uint8Array): Generator<Uint8Array, void, undefined> {
    const left = this.#bytes.subarray(this.#at);
    const joined = new Uint8Array(left.length + bytes.length);
    joined.set(left);
    joined.set(bytes, left.length);
    this.#bytes = joined;
    this.#at = 0;
    while (this.#skipped() && (this.#frame?.ended === true ? this.#readChecksum() : this.#frame || this.#open())) {
      if (!this.#frame || this.#frame.ended) continue;
      const content = this.#readBlock(this.#frame);
      if (content === null) return;
      if (content.length > 0) yield content;
    }
  }

  /** @throws DataError where the bytes ended within a frame */
  finish(): void {
    if (this.#frame || this.#skip > 0 || this.#left > 0) throw truncatedFile(this.#file);
  }

  get #left(): number {
    return this.#bytes.length - this.#at;
  }

  get #view(): DataView {
    return new DataView(this.#bytes.buffer, this.#at);
  }

  /** Passes over a skippable frame; false where more of it is to come. */
  #skipped(): boolean {
    const now = Math.min(this.#skip, this.#left);
    this.#at += now;
    this.#skip -= now;
    return this.#skip === 0;
  }

  /** Reads what stands between frames; false where it is not all there. */
  #open(): boolean {
    if (this.#left < 4) return false;
    const magic = this.#view.getUint32(0, true);
    if ((magic & 0xfffffff0) >>> 0 === SKIPPABLE) {
      if (this.#left < 8) return false;
      this.#skip = this.#view.getUint32(4, true);
      this.#at += 8;
      return true;
    }
    if (magic !== MAGIC) {
      throw damagedFile(
        this.#file,
        this.#frames === 0 ? 'no zstd frame header' : 'bytes after a frame that begin none',
      );
    }
    return this.#readHeader();
  }

  #readHeader(): boolean {
    if (this.#left < 5) return false;
    const view = this.#view;
    const descriptor = view.getUint8(4);
    const single = (descriptor & 0x20) !== 0;
    const idBytes = [0, 1, 2, 4][descriptor & 3] ?? 0;
    const sizeBytes = descriptor >>> 6 === 0 ? Number(single) : 2 ** (descriptor >>> 6);
    const sizeAt = 5 + Number(!single) + idBytes;
    if (this.#left < sizeAt + sizeBytes) return false;
    if ((descriptor & 8) !== 0) throw damagedFile(this.#file, 'a reserved bit of a frame header is set');
    this.#refuseDictionary(readUint(view, sizeAt - idBytes, idBytes));
    const contentBytes = sizeBytes === 0 ? null : readUint(view, sizeAt, sizeBytes) + (sizeBytes === 2 ? 256 : 0);
    const windowBytes = single ? (contentBytes ?? 0) : windowOf(view.getUint8(5));
    if (windowBytes > MOST_WINDOW_BYTES && (contentBytes ?? 0) > MOST_WINDOW_BYTES) throw this.#tooWide(windowBytes);
    const hash = (descriptor & 4) === 0 ? null : new Xxh64();
    const blocks = new ZstdBlocks(Math.min(windowBytes, MOST_WINDOW_BYTES));
    this.#frame = { windowBytes, contentBytes, hash, blocks, produced: 0, ended: false };
    this.#frames++;
    this.#at += sizeAt + sizeBytes;
    return true;
  }

  #refuseDictionary(id: number): void {
    if (id === 0) return;
    throw refusedFile(
      this.#file,
      `needs the dictionary ${id}, with which it was compressed`,
      'compress it again without one',
    );
  }

  #tooWide(windowBytes: number): Error {
    return refusedFile(
      this.#file,
      `needs a window of ${(windowBytes / 2 ** 30).toFixed(1)} GiB of memory to be decompressed, more than the 1 GiB that is given`,
      'compress it again with a smaller one (`zstd --long=30` or less)',
    );
  }

  /** The content of the next block; null where it is not all there. */
  #readBlock(frame: Frame): Uint8Array | null {
    if (this.#left < 3) return null;
    const header = readUint(this.#view, 0, 3);
    const [type, size] = [(header >>> 1) & 3, header >>> 3];
    const whole = 3 + (type === RLE ? 1 : size);
    if (type === RESERVED) throw damagedFile(this.#file, 'a block of unknown type');
    if (size > Math.min(BLOCK_BYTES, Math.max(frame.windowBytes, 1024)))
      throw damagedFile(this.#file, `a block of ${size} bytes`);
    if (this.#left < whole) return null;
    const block = this.#bytes.slice(this.#at, this.#at + whole);
    block[0] = (block[0] ?? 0) & 0xfe;
    this.#at += whole;
    const content = this.#decode(frame, block);
    this.#account(frame, content);
    if ((header & 1) === 1) this.#endFrame(frame);
    return content;
  }

  #decode(frame: Frame, block: Uint8Array): Uint8Array {
    try {
      return frame.blocks.decode(block);
    } catch (error) {
      throw damagedFile(this.#file, error instanceof Error ? error.message : String(error), error);
    }
  }

  #account(frame: Frame, content: Uint8Array): void {
    frame.produced += content.length;
    frame.hash?.update(content);
    const { contentBytes, produced } = frame;
    if (contentBytes !== null && produced > contentBytes) throw this.#otherSize(contentBytes, `more`);
    if (frame.windowBytes > MOST_WINDOW_BYTES && produced > MOST_WINDOW_BYTES) throw this.#tooWide(frame.windowBytes);
  }

  #endFrame(frame: Frame): void {
    const { contentBytes, produced } = frame;
    if (contentBytes !== null && produced !== contentBytes) throw this.#otherSize(contentBytes, String(produced));
    frame.ended = true;
    if (!frame.hash) this.#frame = null;
  }

  #otherSize(stated: number, found: string): Error {
    return damagedFile(this.#file, `a frame states ${stated} bytes of content and holds ${found}`);
  }

  #readChecksum(): boolean {
    if (this.#left < 4) return false;
    const stated = this.#view.getUint32(0, true);
    const found = this.#frame?.hash?.low32();
    if (stated !== found) throw damagedFile(this.#file, 'the content does not have the checksum that is stated');
    this.#at += 4;
    this.#frame = null;
    return true;
  }
}

/** A little-endian number of 0 to 8 bytes. */
function readUint(view: DataView, at: number, bytes: number): number {
  let value = 0;
  for (let i = bytes - 1; i >= 0; i--) value = value * 256 + view.getUint8(at + i);
  return value;
}

/** Bytes of the window that a descriptor means. */
function windowOf(descriptor: number): number {
  const base = 2 ** (10 + (descriptor >>> 3));
  return base + (base / 8) * (descriptor & 7);
}
