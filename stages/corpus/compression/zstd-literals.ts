// The literals of a compressed zstd block (RFC 8878, 3.1.1.3.1 and 4.2): as they are, one repeated, or in Huffman codes.
import { BackwardBits, readFseTable } from './zstd-bits.js';

/** Longest code (RFC 8878, 4.2.1). */
const MOST_CODE_BITS = 11;
/** Four streams hold at least so many literals. */
const LEAST_OF_FOUR = 6;
const [RAW, RLE, TREELESS] = [0, 1, 3];

/** For each value of the next `codeBits` bits: the literal, and how many of them are its code. */
export interface HuffmanTable {
  readonly codeBits: number;
  readonly symbols: Uint8Array;
  readonly bits: Uint8Array;
}

export interface Literals {
  readonly literals: Uint8Array;
  /** Where the section ends in the block's body. */
  readonly end: number;
  /** The table in force from here on. */
  readonly table: HuffmanTable | null;
}

/**
 * The literals at the beginning of a block's body.
 * @param before the table of the blocks before @param most literals that a block may have
 * @throws RangeError where they are not sound
 */
export function readLiterals(body: Uint8Array, before: HuffmanTable | null, most: number): Literals {
  const { type, streams, count, stored, start } = readHeader(body);
  if (count > most) throw new RangeError('a block has more literals than allowed');
  const end = start + (type === RAW ? count : type === RLE ? 1 : stored);
  if (end > body.length) throw new RangeError('the literals of a block break off');
  if (type === RAW) return { literals: body.subarray(start, end), end, table: before };
  if (type === RLE) return { literals: new Uint8Array(count).fill(body[start] ?? 0), end, table: before };
  const section = body.subarray(start, end);
  const found = type === TREELESS ? { table: before, end: 0 } : readHuffmanTable(section);
  if (!found.table) throw new RangeError('a block needs the codes of one before it');
  const literals = new Uint8Array(count);
  const coded = section.subarray(found.end);
  if (streams === 1) decodeStream(coded, literals, found.table);
  else decodeFour(coded, literals, found.table);
  return { literals, end, table: found.table };
}

interface Header {
  readonly type: number;
  readonly streams: number;
  readonly count: number;
  /** Bytes that the table and the codes take. */
  readonly stored: number;
  readonly start: number;
}

function readHeader(body: Uint8Array): Header {
  const first = body[0] ?? 0;
  const [type, format] = [first & 3, (first >>> 2) & 3];
  const plain = type === RAW || type === RLE;
  const start = plain ? [1, 2, 1, 3][format] : [3, 3, 4, 5][format];
  const bits = plain ? [5, 12, 5, 20][format] : [10, 10, 14, 18][format];
  if (start === undefined || bits === undefined || body.length < start) throw new RangeError('a block breaks off');
  let value = 0;
  for (let i = start - 1; i >= 0; i--) value = value * 256 + (body[i] ?? 0);
  const numbers = Math.floor(value / (plain && bits === 5 ? 8 : 16));
  const [count, stored] = [numbers % 2 ** bits, plain ? 0 : Math.floor(numbers / 2 ** bits)];
  return { type, streams: format === 0 ? 1 : 4, count, stored, start };
}

function readHuffmanTable(section: Uint8Array): { readonly table: HuffmanTable; readonly end: number } {
  const first = section[0];
  if (first === undefined) throw new RangeError('the codes of a block break off');
  const direct = first >= 128;
  const end = 1 + (direct ? (first - 126) >> 1 : first);
  if (end > section.length) throw new RangeError('the codes of a block break off');
  const weights = direct
    ? Array.from({ length: first - 127 }, (_, i) => ((section[1 + (i >> 1)] ?? 0) >>> (i % 2 === 0 ? 4 : 0)) & 15)
    : compressedWeights(section.subarray(1, end));
  return { table: huffmanTable(weights), end };
}

/** Two states take turns, until one asks for more bits than there are (RFC 8878, 4.2.1.2). */
function compressedWeights(bytes: Uint8Array): number[] {
  const { table, end } = readFseTable(bytes, 0, { accuracy: 6, symbol: MOST_CODE_BITS });
  const stream = new BackwardBits(bytes.subarray(end));
  const states = [stream.read(table.accuracy), stream.read(table.accuracy)];
  const weights: number[] = [];
  if (stream.left < 0) throw new RangeError('the codes of a block break off');
  for (let turn = 0; weights.length <= 255; turn ^= 1) {
    const state = states[turn] ?? 0;
    weights.push(table.symbols[state] ?? 0);
    states[turn] = (table.bases[state] ?? 0) + stream.read(table.bits[state] ?? 0);
    if (stream.left >= 0) continue;
    weights.push(table.symbols[states[turn ^ 1] ?? 0] ?? 0);
    break;
  }
  return weights;
}

/** A literal of weight w takes 2^(w − 1) values; the weight of the last one is what is left to a power of two. */
function huffmanTable(stated: readonly number[]): HuffmanTable {
  const sizeOf = (weight: number): number => (weight === 0 ? 0 : 2 ** (weight - 1));
  const sum = stated.reduce((total, weight) => total + sizeOf(weight), 0);
  const codeBits = 32 - Math.clz32(sum);
  const rest = 2 ** codeBits - sum;
  const weights = [...stated, 32 - Math.clz32(rest)];
  const shortest = weights.filter((weight) => weight === 1).length;
  const sound = sum > 0 && (rest & (rest - 1)) === 0 && shortest >= 2 && shortest % 2 === 0;
  if (!sound || codeBits > MOST_CODE_BITS || weights.length > 256)
    throw new RangeError('the codes of a block are none');
  const symbols = new Uint8Array(2 ** codeBits);
  const bits = new Uint8Array(2 ** codeBits);
  let at = 0;
  for (let weight = 1; weight <= codeBits; weight++) {
    weights.forEach((one, symbol) => {
      if (one !== weight) return;
      const to = at + sizeOf(weight);
      symbols.fill(symbol, at, to);
      bits.fill(codeBits + 1 - weight, at, to);
      at = to;
    });
  }
  return { codeBits, symbols, bits };
}

function decodeFour(coded: Uint8Array, literals: Uint8Array, table: HuffmanTable): void {
  if (coded.length < 6 || literals.length < LEAST_OF_FOUR) throw new RangeError('the literals of a block break off');
  const each = (literals.length + 3) >> 2;
  let at = 6;
  for (let i = 0; i < 4; i++) {
    const end = i === 3 ? coded.length : at + (coded[2 * i] ?? 0) + 256 * (coded[2 * i + 1] ?? 0);
    if (end > coded.length) throw new RangeError('the literals of a block break off');
    decodeStream(coded.subarray(at, end), literals.subarray(each * i, each * (i + 1)), table);
    at = end;
  }
}

function decodeStream(coded: Uint8Array, literals: Uint8Array, { codeBits, symbols, bits }: HuffmanTable): void {
  const stream = new BackwardBits(coded);
  for (let i = 0; i < literals.length; i++) {
    const code = stream.peek(codeBits);
    literals[i] = symbols[code] ?? 0;
    stream.left -= bits[code] ?? 0;
  }
  if (stream.left !== 0) throw new RangeError('the literals of a block do not end where their codes do');
}
