// Reads the tables that Arrow's messages are made of (FlatBuffers): fields by number through the table's list of offsets.
// Every read is within the bytes or a DataError.
// Source: flatbuffers.dev, "FlatBuffer Binary Format"; the numbers of fields are those of arrow/format/*.fbs.
import { DataError } from '../../schemas/errors.js';

/** A vector of a table: `count` entries from `at` on. */
export interface FlatVector {
  readonly at: number;
  readonly count: number;
}

export class FlatTable {
  readonly #view: DataView;
  readonly #at: number;

  constructor(view: DataView, at: number) {
    this.#view = view;
    this.#at = at;
  }

  /** The table that a buffer holds. */
  static root(bytes: Uint8Array): FlatTable {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    return new FlatTable(
      view,
      within(() => view.getUint32(0, true)),
    );
  }

  /** The whole number of a field, `bits` wide; 0 where the field is left out. */
  number(field: number, bits: 8 | 16 | 32 | 64): number {
    const at = this.#field(field);
    if (at === null) return 0;
    return within(() => {
      if (bits === 8) return this.#view.getUint8(at);
      if (bits === 16) return this.#view.getInt16(at, true);
      return bits === 32 ? this.#view.getInt32(at, true) : wholeNumber(this.#view, at);
    });
  }

  /** The table of a field; null where the field is left out. */
  table(field: number): FlatTable | null {
    const at = this.#field(field);
    return at === null ? null : new FlatTable(this.#view, this.#follow(at));
  }

  text(field: number): string {
    const { at, count } = this.vector(field);
    return within(() => Buffer.from(this.#view.buffer, this.#view.byteOffset + at, count).toString('utf8'));
  }

  vector(field: number): FlatVector {
    const place = this.#field(field);
    if (place === null) return { at: 0, count: 0 };
    const at = this.#follow(place);
    return { at: at + 4, count: within(() => this.#view.getUint32(at, true)) };
  }

  /** The tables of a vector. */
  tables(field: number): FlatTable[] {
    const { at, count } = this.vector(field);
    return Array.from(
      { length: this.#counted(count, 4) },
      (_, i) => new FlatTable(this.#view, this.#follow(at + 4 * i)),
    );
  }

  /** The structs of a vector, each two whole numbers of 64 bits. */
  pairs(field: number): (readonly [number, number])[] {
    const { at, count } = this.vector(field);
    return Array.from({ length: this.#counted(count, 16) }, (_, i) =>
      within(() => [wholeNumber(this.#view, at + 16 * i), wholeNumber(this.#view, at + 16 * i + 8)] as const),
    );
  }

  /** Place of a field; null where it is left out. The list of offsets lies before the table and states its own size. */
  #field(field: number): number | null {
    return within(() => {
      const list = this.#at - this.#view.getInt32(this.#at, true);
      const entry = 4 + 2 * field;
      if (entry >= this.#view.getUint16(list, true)) return null;
      const offset = this.#view.getUint16(list + entry, true);
      return offset === 0 ? null : this.#at + offset;
    });
  }

  #follow(at: number): number {
    return at + within(() => this.#view.getUint32(at, true));
  }

  /** A count that fits into the bytes, so that a damaged one asks for no memory. */
  #counted(count: number, entryBytes: number): number {
    if (count * entryBytes <= this.#view.byteLength) return count;
    throw outside();
  }
}

/** A 64-bit integer below 2^53 in size. */
function wholeNumber(view: DataView, at: number): number {
  const value = Number(view.getBigInt64(at, true));
  if (Number.isSafeInteger(value)) return value;
  throw outside();
}

function within<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof RangeError) throw outside();
    throw error;
  }
}

function outside(): DataError {
  return new DataError('Expected an Arrow message whose parts lie within its bytes, found one that points outside.');
}
