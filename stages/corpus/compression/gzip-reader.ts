// gzip members (RFC 1952) piece by piece. Node's own reader stops without a word where zeros stand between members, and takes a
// header that breaks off for padding; here every member is read and checked, and what is no member is refused.
import { crc32, createInflateRaw, type InflateRaw } from 'node:zlib';
import { damagedFile, refusedFile, truncatedFile, type CompressedFile } from './errors.js';

/** Compressed bytes handed on at once: content may be a thousand times as long. */
const PIECE_BYTES = 1 << 14;
const CHUNK_BYTES = 1 << 18;
const TRAILER_BYTES = 8;
const [ID1, ID2, DEFLATE] = [0x1f, 0x8b, 8];
const FLAGS = { headerCrc: 2, extra: 4, name: 8, comment: 16, reserved: 0xe0 };

/** A member whose content is being read. */
interface Member {
  readonly inflate: InflateRaw;
  readonly ready: Uint8Array[];
  fed: number;
  crc: number;
  bytes: number;
  failure: Error | null;
}

export class GzipReader {
  readonly #file: CompressedFile;
  #pending = Buffer.alloc(0);
  #members = 0;
  #member: Member | null = null;
  /** The member whose trailer comes next. */
  #ended: Member | null = null;

  constructor(name: string) {
    this.#file = { name, compression: 'gzip' };
  }

  /** The content that the next bytes complete. @throws DataError where they are no sound members */
  async *push(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
    this.#pending = Buffer.concat([this.#pending, bytes]);
    for (;;) {
      if (this.#member) yield* this.#inflate(this.#member);
      if (this.#member) return;
      if (this.#ended && !this.#readTrailer(this.#ended)) return;
      if (!this.#open()) return;
    }
  }

  /** @throws DataError where the bytes ended within a member */
  finish(): void {
    if (this.#member || this.#ended || this.#pending.length > 0) throw truncatedFile(this.#file);
  }

  close(): void {
    this.#member?.inflate.destroy();
  }

  /** Feeds what is pending, until it is used up or the member's content ends. */
  async *#inflate(member: Member): AsyncGenerator<Uint8Array, void, undefined> {
    while (this.#pending.length > 0) {
      const piece = this.#pending.subarray(0, PIECE_BYTES);
      await feed(member, piece);
      // What the stream still holds is handed out by reading it.
      while (member.inflate.read() !== null);
      if (member.failure) throw damagedFile(this.#file, member.failure.message, member.failure);
      for (const content of member.ready.splice(0)) {
        member.crc = crc32(content, member.crc);
        member.bytes += content.length;
        yield content;
      }
      const unused = member.fed - member.inflate.bytesWritten;
      this.#pending = this.#pending.subarray(piece.length - unused);
      if (unused === 0) continue;
      member.inflate.destroy();
      this.#member = null;
      this.#ended = member;
      return;
    }
  }

  #readTrailer(member: Member): boolean {
    if (this.#pending.length < TRAILER_BYTES) return false;
    if (this.#pending.readUInt32LE(0) !== member.crc) throw damagedFile(this.#file, 'incorrect data check');
    if (this.#pending.readUInt32LE(4) !== member.bytes % 2 ** 32)
      throw damagedFile(this.#file, 'incorrect length check');
    this.#pending = this.#pending.subarray(TRAILER_BYTES);
    this.#ended = null;
    return true;
  }

  /** Reads a member's header; false where it is not all there. Zeros between and after members are padding. */
  #open(): boolean {
    if (this.#members > 0) {
      let at = 0;
      while (this.#pending[at] === 0) at++;
      this.#pending = this.#pending.subarray(at);
    }
    const bytes = this.#pending;
    if (bytes.length === 0) return false;
    if (bytes[0] !== ID1 || (bytes[1] ?? ID2) !== ID2) throw this.#noMember();
    const length = headerBytes(bytes);
    if (bytes[2] !== undefined && bytes[2] !== DEFLATE) throw damagedFile(this.#file, 'unknown compression method');
    if (((bytes[3] ?? 0) & FLAGS.reserved) !== 0) throw damagedFile(this.#file, 'unknown header flags set');
    if (length === null) return false;
    this.#pending = bytes.subarray(length);
    this.#members++;
    this.#member = newMember();
    return true;
  }

  #noMember(): Error {
    if (this.#members === 0) return damagedFile(this.#file, 'incorrect header check');
    return refusedFile(
      this.#file,
      'has other bytes after its compressed content',
      'cut them off, or compress the whole again (`zcat FILE | gzip`)',
    );
  }
}

function newMember(): Member {
  const member: Member = {
    inflate: createInflateRaw({ chunkSize: CHUNK_BYTES }),
    ready: [],
    fed: 0,
    crc: 0,
    bytes: 0,
    failure: null,
  };
  member.inflate.on('data', (content: Uint8Array) => member.ready.push(content));
  member.inflate.on('error', (error) => {
    member.failure = error;
  });
  return member;
}

/** Resolves when the piece is inflated, or the stream ended or failed before. */
async function feed(member: Member, piece: Uint8Array): Promise<void> {
  member.fed += piece.length;
  await new Promise<void>((resolve) => {
    const { inflate } = member;
    const done = (): void => {
      inflate.off('end', done);
      inflate.off('close', done);
      resolve();
    };
    inflate.once('end', done);
    inflate.once('close', done);
    // What is left over after the end of the content ends the stream without the callback.
    inflate.write(piece, (error) => {
      if (error) member.failure = error;
      done();
    });
  });
}

/** Length of a member's header; null where it is not all there. */
function headerBytes(bytes: Buffer): number | null {
  let at = 10;
  if (bytes.length < at) return null;
  const flags = bytes[3] ?? 0;
  if ((flags & FLAGS.extra) !== 0) {
    if (bytes.length < at + 2) return null;
    at += 2 + bytes.readUInt16LE(at);
  }
  for (const flag of [FLAGS.name, FLAGS.comment]) {
    if ((flags & flag) === 0) continue;
    const end = bytes.indexOf(0, at);
    if (end < 0) return null;
    at = end + 1;
  }
  if ((flags & FLAGS.headerCrc) !== 0) at += 2;
  return bytes.length < at ? null : at;
}
