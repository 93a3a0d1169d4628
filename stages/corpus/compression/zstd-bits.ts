// Bit streams of zstd blocks (RFC 8878, 4.1): the one that is read from its end, and the tables of finite state entropy (FSE) whose
// description is read from its start. What a stream does not have is an error, never a zero that nobody notices.

/** A stream that is read from its last bit to its first; its last byte holds a mark above the first bit that is read. */
export class BackwardBits {
  /** Bits that are left; below zero where more were asked for than there are. */
  left: number;
  readonly #bytes: Uint8Array;

  /** @throws RangeError where the mark is missing */
  constructor(bytes: Uint8Array) {
    const last = bytes[bytes.length - 1] ?? 0;
    if (last === 0) throw new RangeError('a bit stream has no end');
    this.#bytes = bytes;
    this.left = bytes.length * 8 - 1 - Math.clz32(last << 24);
  }

  /** The next bits as a number, without taking them; zeros stand below the first bit. @param count 0 … 31 */
  peek(count: number): number {
    const from = this.left - count;
    const bytes = this.#bytes;
    if (from < 0) {
      if (this.left <= 0) return 0;
      const value =
        ((bytes[0] ?? 0) | ((bytes[1] ?? 0) << 8) | ((bytes[2] ?? 0) << 16) | ((bytes[3] ?? 0) << 24)) >>> 0;
      return ((value & (2 ** this.left - 1)) << -from) >>> 0;
    }
    const at = from >>> 3;
    const shift = from & 7;
    let value =
      ((bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24)) >>>
      shift;
    if (shift + count > 32) value |= (bytes[at + 4] ?? 0) << (32 - shift);
    return value & (2 ** count - 1);
  }

  /** Takes the next bits. @param count 0 … 31 */
  read(count: number): number {
    const value = this.peek(count);
    this.left -= count;
    return value;
  }
}

/** A decoding table of FSE: in each state a symbol, and how the next state is read. */
export interface FseTable {
  readonly accuracy: number;
  readonly symbols: Uint8Array;
  readonly bits: Uint8Array;
  readonly bases: Uint16Array;
}

/** The table of one symbol, which is read without a bit. */
export function singleTable(symbol: number): FseTable {
  return { accuracy: 0, symbols: Uint8Array.of(symbol), bits: Uint8Array.of(0), bases: Uint16Array.of(0) };
}

/**
 * The table that is described at `at`, and where its description ends (RFC 8878, 4.1.1).
 * @throws RangeError where it is none, or says more than is allowed
 */
export function readFseTable(
  bytes: Uint8Array,
  at: number,
  most: { readonly accuracy: number; readonly symbol: number },
): { readonly table: FseTable; readonly end: number } {
  let position = at * 8;
  const peek = (count: number): number => {
    const byte = position >>> 3;
    const value = (bytes[byte] ?? 0) | ((bytes[byte + 1] ?? 0) << 8) | ((bytes[byte + 2] ?? 0) << 16);
    return (value >>> (position & 7)) & (2 ** count - 1);
  };
  const accuracy = peek(4) + 5;
  position += 4;
  if (accuracy > most.accuracy) throw new RangeError('a table is more exact than allowed');
  const shares: number[] = [];
  for (let left = 2 ** accuracy; left > 0;) {
    // A share of 0 … left + 1, one bit shorter where that is enough; it stands for one less, −1 for "less than one".
    const count = 32 - Math.clz32(left + 1);
    const spare = 2 ** count - 1 - (left + 1);
    const short = peek(count - 1);
    let value = short;
    if (short >= spare) {
      value = peek(count);
      if (value >= 2 ** (count - 1)) value -= spare;
      position++;
    }
    position += count - 1;
    shares.push(value - 1);
    left -= Math.abs(value - 1);
    for (let zeros = value === 1 ? 3 : 0; zeros === 3;) {
      zeros = peek(2);
      position += 2;
      for (let i = 0; i < zeros; i++) shares.push(0);
    }
    if (left < 0 || shares.length > most.symbol + 1) throw new RangeError('a table has symbols that there are not');
  }
  const end = Math.ceil(position / 8);
  if (end > bytes.length) throw new RangeError('a table breaks off');
  return { table: fseTable(shares, accuracy), end };
}

/** Spreads the symbols over the states by their shares; −1 is a share of less than one, at the end of the table. */
export function fseTable(shares: readonly number[], accuracy: number): FseTable {
  const size = 2 ** accuracy;
  const symbols = new Uint8Array(size);
  let high = size;
  shares.forEach((share, symbol) => {
    if (share === -1) symbols[--high] = symbol;
  });
  const step = (size >> 1) + (size >> 3) + 3;
  let at = 0;
  shares.forEach((share, symbol) => {
    for (let i = 0; i < share; i++) {
      symbols[at] = symbol;
      do at = (at + step) & (size - 1);
      while (at >= high);
    }
  });
  const next = shares.map(Math.abs);
  const bits = new Uint8Array(size);
  const bases = new Uint16Array(size);
  for (let state = 0; state < size; state++) {
    const symbol = symbols[state] ?? 0;
    const number = next[symbol] ?? 0;
    next[symbol] = number + 1;
    const count = accuracy - (31 - Math.clz32(number));
    bits[state] = count;
    bases[state] = (number << count) - size;
  }
  return { accuracy, symbols, bits, bases };
}
