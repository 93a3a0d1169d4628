// The sequences of a compressed zstd block (RFC 8878, 3.1.1.3.2): how many literals to take, and which bytes before to repeat.
import { BackwardBits, fseTable, readFseTable, singleTable, type FseTable } from './zstd-bits.js';

/** One kind of code: its greatest symbol, the accuracy allowed, and the shares that hold where a block states none. */
interface Kind {
  readonly symbol: number;
  readonly accuracy: number;
  readonly usual: FseTable;
}

// RFC 8878, 3.1.1.3.2.2: the default distributions.
const LITERAL_SHARES = [
  4, 3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3, 2, 1, 1, 1, 1, 1, -1, -1, -1, -1,
];
const MATCH_SHARES = [
  1, 4, 3, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
  1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1, -1, -1,
];
const OFFSET_SHARES = [1, 1, 1, 1, 1, 1, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1];

const LITERALS: Kind = { symbol: 35, accuracy: 9, usual: fseTable(LITERAL_SHARES, 6) };
const OFFSETS: Kind = { symbol: 31, accuracy: 8, usual: fseTable(OFFSET_SHARES, 5) };
const MATCHES: Kind = { symbol: 52, accuracy: 9, usual: fseTable(MATCH_SHARES, 6) };
/** An offset of this code lies beyond every history that is kept. */
const FAR_CODE = 31;

// RFC 8878, 3.1.1.3.2.1.1: bits that follow a code, and the least length that it means.
const LITERAL_BITS = [...zeros(16), 1, 1, 1, 1, 2, 2, 3, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16];
const MATCH_BITS = [...zeros(32), 1, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16];
const LITERAL_BASES = basesOf(LITERAL_BITS, 0);
const MATCH_BASES = basesOf(MATCH_BITS, 3);

/** The tables in force, which a later block may use again. */
export interface SequenceTables {
  readonly literals: FseTable;
  readonly offsets: FseTable;
  readonly matches: FseTable;
}

/** Takes a sequence: its number of literals, its offset as it is stored (1 … 3 mean one used before), the length of its match. */
export type TakeSequence = (literals: number, offset: number, match: number) => void;

/**
 * Reads the sequences at the end of a block's body; the result is the tables in force from here on.
 * @throws RangeError where they are not sound
 */
export function readSequences(
  section: Uint8Array,
  before: SequenceTables | null,
  take: TakeSequence,
): SequenceTables | null {
  const { count, start } = readCount(section);
  if (count === 0) {
    if (start !== section.length) throw new RangeError('bytes stand behind the literals of a block');
    return before;
  }
  const modes = section[start] ?? 0;
  if ((modes & 3) !== 0) throw new RangeError('a reserved bit of a block is set');
  let at = start + 1;
  const next = (kind: Kind, mode: number, last: FseTable | undefined): FseTable => {
    const read = readTable({ section, at, kind, mode, last });
    at = read.end;
    return read.table;
  };
  const literals = next(LITERALS, modes >>> 6, before?.literals);
  const offsets = next(OFFSETS, (modes >>> 4) & 3, before?.offsets);
  const matches = next(MATCHES, (modes >>> 2) & 3, before?.matches);
  const tables = { literals, offsets, matches };
  decode(new BackwardBits(section.subarray(at)), count, { tables, take });
  return tables;
}

function readCount(section: Uint8Array): { readonly count: number; readonly start: number } {
  const [first, second = 0, third = 0] = section;
  if (first === undefined) throw new RangeError('a block breaks off');
  const start = first < 128 ? 1 : first < 255 ? 2 : 3;
  if (section.length < start) throw new RangeError('a block breaks off');
  const count = start === 1 ? first : start === 2 ? ((first - 128) << 8) + second : second + (third << 8) + 0x7f00;
  return { count, start };
}

interface TableSource {
  readonly section: Uint8Array;
  readonly at: number;
  readonly kind: Kind;
  /** 0 the usual one, 1 one symbol, 2 described here, 3 the last one again. */
  readonly mode: number;
  readonly last: FseTable | undefined;
}

function readTable({ section, at, kind, mode, last }: TableSource): { readonly table: FseTable; readonly end: number } {
  if (mode === 0) return { table: kind.usual, end: at };
  if (mode === 2) return readFseTable(section, at, kind);
  if (mode === 3) {
    if (!last) throw new RangeError('a block needs the tables of one before it');
    return { table: last, end: at };
  }
  const symbol = section[at];
  if (symbol === undefined || symbol > kind.symbol) throw new RangeError('a block has a code that there is not');
  return { table: singleTable(symbol), end: at + 1 };
}

function decode(
  bits: BackwardBits,
  count: number,
  { tables, take }: { readonly tables: SequenceTables; readonly take: TakeSequence },
): void {
  const { literals, offsets, matches } = tables;
  let literal = bits.read(literals.accuracy);
  let offset = bits.read(offsets.accuracy);
  let match = bits.read(matches.accuracy);
  for (let i = 0; i < count; i++) {
    const code = offsets.symbols[offset] ?? 0;
    if (code >= FAR_CODE) throw new RangeError('a match reaches too far back');
    const stored = 2 ** code + bits.read(code);
    const matchCode = matches.symbols[match] ?? 0;
    const length = (MATCH_BASES[matchCode] ?? 0) + bits.read(MATCH_BITS[matchCode] ?? 0);
    const literalCode = literals.symbols[literal] ?? 0;
    const taken = (LITERAL_BASES[literalCode] ?? 0) + bits.read(LITERAL_BITS[literalCode] ?? 0);
    if (bits.left < 0) throw new RangeError('the sequences of a block break off');
    take(taken, stored, length);
    if (i === count - 1) break;
    literal = (literals.bases[literal] ?? 0) + bits.read(literals.bits[literal] ?? 0);
    match = (matches.bases[match] ?? 0) + bits.read(matches.bits[match] ?? 0);
    offset = (offsets.bases[offset] ?? 0) + bits.read(offsets.bits[offset] ?? 0);
  }
  if (bits.left !== 0) throw new RangeError('the sequences of a block do not end where their codes do');
}

function zeros(count: number): number[] {
  return new Array<number>(count).fill(0);
}

function basesOf(bits: readonly number[], first: number): number[] {
  let base = first;
  return bits.map((count) => {
    const own = base;
    base += 2 ** count;
    return own;
  });
}
