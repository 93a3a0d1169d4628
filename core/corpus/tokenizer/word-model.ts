// One pre-token ("word") to its tokens and where each lies in it: the tokenizer library merges, this file aligns.
// Every model's output is compared with the word it came from, so a token is never placed by guess.
import { DataError, InputError } from '../../../schemas/errors.js';
import { BYTE_CHARACTERS, byteUnits, spellBytes } from './byte-alphabet.js';
import { booleanField, isFields, stringField, unsupported, type Fields } from './json-fields.js';
import { BPE, Unigram, WordPiece } from './library.js';
import type { BytesCutter, PreTokeniser } from './pre-tokenise.js';

/** Tokens of a word; token k covers its UTF-16 units starts[k] … ends[k] − 1. */
export interface WordTokens {
  readonly ids: readonly number[];
  readonly starts: readonly number[];
  readonly ends: readonly number[];
}

export interface WordModel {
  tokenise(word: string): WordTokens;
  /** Ids by token, without added tokens. */
  readonly vocabulary: ReadonlyMap<string, number>;
  /** Whether a text may be cut before a mark that follows another character without changing its tokens. */
  cutsBefore(mark: string): boolean;
}

const SUPPORTED = 'BPE, WordPiece, Unigram';

/**
 * The model that a tokenizer.json describes.
 * @throws InputError for a kind or a setting whose tokens cannot be aligned
 */
export function createWordModel(
  config: unknown,
  { byteLevel, cutBytes }: Pick<PreTokeniser, 'byteLevel' | 'cutBytes'>,
): WordModel {
  if (!isFields(config)) throw unsupported('the model', JSON.stringify(config), SUPPORTED);
  const type = modelType(config);
  if (byteLevel && type !== 'BPE') {
    throw unsupported('the model behind ByteLevel', `"${type}"`, 'BPE');
  }
  switch (type) {
    case 'BPE':
      return bpeModel(config, byteLevel, cutBytes);
    case 'WordPiece':
      return wordPieceModel(config);
    case 'Unigram':
      return unigramModel(config);
    default:
      throw unsupported('the model', `"${type}"`, SUPPORTED);
  }
}

/** Older files do not name the model's type. */
function modelType(config: Fields): string {
  const type = stringField(config, 'type');
  if (type !== '') return type;
  if (Array.isArray(config['merges'])) return 'BPE';
  if (Array.isArray(config['vocab'])) return 'Unigram';
  return typeof config['continuing_subword_prefix'] === 'string' ? 'WordPiece' : '';
}

function bpeModel(config: Fields, byteLevel: boolean, cutBytes: BytesCutter | null): WordModel {
  refuse(config, 'dropout', (value) => typeof value === 'number' && value > 0);
  refuse(config, 'continuing_subword_prefix', (value) => typeof value === 'string' && value !== '');
  const model = new BPE({ ...config, type: 'BPE' });
  const vocabulary = model.tokens_to_ids;
  const suffix = stringField(config, 'end_of_word_suffix');
  const unknown = unknownId(config, vocabulary);
  const fuses = booleanField(config, 'fuse_unk', false);
  if (byteLevel) requireAllBytes((byte) => vocabulary.has(BYTE_CHARACTERS[byte] ?? ''), 'byte-level');
  else if (unknown === null) {
    if (!booleanField(config, 'byte_fallback', false)) {
      throw unsupported(
        'a BPE model',
        'neither unk_token nor byte_fallback',
        'those that give every character a token',
      );
    }
    requireAllBytes((byte) => vocabulary.has(byteToken(byte)), 'byte-fallback');
  }
  const align = (word: string): WordTokens =>
    alignTokens(word, model.encode([word]), { vocabulary, suffix, unknown, fuses });
  return {
    vocabulary,
    tokenise: byteLevel ? (word) => toUnits(word, alignPieces(spellBytes(word), align, cutBytes)) : align,
    cutsBefore: (mark) => !byteLevel && suffix === '' && neverInside(vocabulary, mark),
  };
}

/** The tokens of a word in the byte alphabet, cut into pieces first where a tokenizer does so. */
function alignPieces(spelt: string, align: (piece: string) => WordTokens, cutBytes: BytesCutter | null): WordTokens {
  if (!cutBytes) return align(spelt);
  const tokens: MutableTokens = { ids: [], starts: [], ends: [] };
  cutBytes(spelt, (piece, byte) => {
    const { ids, starts, ends } = align(piece);
    ids.forEach((id, i) => {
      push(tokens, id, [byte + (starts[i] ?? 0), byte + (ends[i] ?? 0)]);
    });
  });
  return tokens;
}

function wordPieceModel(config: Fields): WordModel {
  const model = new WordPiece({
    continuing_subword_prefix: '##',
    ...config,
    type: 'WordPiece',
  });
  const vocabulary = model.tokens_to_ids;
  const prefix = stringField(config, 'continuing_subword_prefix', '##');
  const unknown = unknownId(config, vocabulary);
  return {
    vocabulary,
    cutsBefore: () => false,
    tokenise: (word) => {
      const tokens = model.encode([word]);
      if (tokens.length === 1 && tokens[0] === model.unk_token && word !== model.unk_token) {
        if (unknown === null) throw misaligned(word, tokens);
        return { ids: [unknown], starts: [0], ends: [word.length] };
      }
      const pieces = tokens.map((token, i) => (i === 0 ? token : token.slice(prefix.length)));
      if (pieces.join('') !== word) throw misaligned(word, tokens);
      return inOrder(
        tokens.map((token) => vocabulary.get(token) ?? 0),
        pieces.map((piece) => piece.length),
      );
    },
  };
}

function unigramModel(config: Fields): WordModel {
  const model = new Unigram({ ...config, type: 'Unigram' }, '');
  const vocabulary = model.tokens_to_ids;
  const unknown = typeof config['unk_id'] === 'number' ? config['unk_id'] : null;
  const fallsBack = booleanField(config, 'byte_fallback', false);
  return {
    vocabulary,
    cutsBefore: (mark) => neverInside(vocabulary, mark),
    tokenise: (word) => {
      const pieces = fuseUnknown(model.tokenize(word), vocabulary);
      if (pieces.join('') !== word) throw misaligned(word, pieces);
      const tokens: MutableTokens = { ids: [], starts: [], ends: [] };
      let unit = 0;
      for (const piece of pieces) {
        const end = unit + piece.length;
        const id = vocabulary.get(piece);
        const bytes = id === undefined && fallsBack ? byteTokens(piece, vocabulary) : null;
        if (bytes) {
          const { from, to } = byteUnits(piece);
          bytes.forEach((byte, i) => {
            push(tokens, byte, [unit + (from[i] ?? 0), unit + (to[i] ?? 0)]);
          });
        } else {
          const known = id ?? unknown;
          if (known === null) throw misaligned(word, pieces);
          push(tokens, known, [unit, end]);
        }
        unit = end;
      }
      return tokens;
    },
  };
}

interface MutableTokens {
  ids: number[];
  starts: number[];
  ends: number[];
}

function push(tokens: MutableTokens, id: number, [start, end]: readonly [number, number]): void {
  tokens.ids.push(id);
  tokens.starts.push(start);
  tokens.ends.push(end);
}

function inOrder(ids: readonly number[], lengths: readonly number[]): WordTokens {
  const tokens: MutableTokens = { ids: [], starts: [], ends: [] };
  let unit = 0;
  ids.forEach((id, i) => {
    const end = unit + (lengths[i] ?? 0);
    push(tokens, id, [unit, end]);
    unit = end;
  });
  return tokens;
}

interface Alphabet {
  readonly vocabulary: ReadonlyMap<string, number>;
  readonly suffix: string;
  readonly unknown: number | null;
  readonly fuses: boolean;
}

/**
 * Places BPE tokens in their word by walking both. A token is (1) text that stands at the cursor; (2) one byte `<0xE2>` of
 * the character there; (3) the unknown token, for one unknown character, or for a run of them where they are fused.
 */
function alignTokens(word: string, tokens: readonly string[], alphabet: Alphabet): WordTokens {
  const { vocabulary, suffix, unknown, fuses } = alphabet;
  const placed: MutableTokens = { ids: [], starts: [], ends: [] };
  let unit = 0;
  let byte = 0;
  tokens.forEach((token, i) => {
    const last = i === tokens.length - 1;
    const text = last && suffix !== '' && token.endsWith(suffix) ? token.slice(0, -suffix.length) : token;
    const id = vocabulary.get(token) ?? unknown;
    if (id === null) throw misaligned(word, tokens);
    const isUnknown = id === unknown;
    if (byte === 0 && word.startsWith(text, unit)) {
      push(placed, id, [unit, unit + text.length]);
      unit += text.length;
    } else if (BYTE_TOKEN.test(token)) {
      const symbol = characterAt(word, unit);
      push(placed, id, [unit, unit + symbol.length]);
      byte = (byte + 1) % Buffer.byteLength(symbol);
      if (byte === 0) unit += symbol.length;
    } else if (isUnknown && unit < word.length) {
      const end = unit + characterAt(word, unit).length;
      if (fuses && placed.ids.at(-1) === id && placed.ends.at(-1) === unit) placed.ends[placed.ends.length - 1] = end;
      else push(placed, id, [unit, end]);
      unit = end;
    } else throw misaligned(word, tokens);
  });
  if (unit !== word.length || byte !== 0) throw misaligned(word, tokens);
  return placed;
}

/** SentencePiece's name of a byte. */
function byteToken(byte: number): string {
  return `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`;
}

const BYTE_TOKEN = /^<0x[0-9A-F]{2}>$/;

function characterAt(word: string, unit: number): string {
  return String.fromCodePoint(word.codePointAt(unit) ?? 0);
}

/** Tokens placed on a word's bytes, moved to its UTF-16 units; a token that splits a character covers all of it. */
function toUnits(word: string, tokens: WordTokens): WordTokens {
  const { from, to } = byteUnits(word);
  if (from.length === word.length) return tokens;
  return {
    ids: tokens.ids,
    starts: tokens.starts.map((byte) => from[byte] ?? word.length),
    ends: tokens.ends.map((byte) => to[byte - 1] ?? 0),
  };
}

function fuseUnknown(pieces: readonly string[], vocabulary: ReadonlyMap<string, number>): string[] {
  const fused: string[] = [];
  let open = false;
  for (const piece of pieces) {
    const unknown = !vocabulary.has(piece);
    if (unknown && open) fused.push((fused.pop() ?? '') + piece);
    else fused.push(piece);
    open = unknown;
  }
  return fused;
}

function byteTokens(text: string, vocabulary: ReadonlyMap<string, number>): number[] | null {
  const ids: number[] = [];
  for (const byte of new TextEncoder().encode(text)) {
    const id = vocabulary.get(byteToken(byte));
    if (id === undefined) return null;
    ids.push(id);
  }
  return ids;
}

/** Whether no token has the mark behind another character: then no merge and no piece crosses that border. */
function neverInside(vocabulary: ReadonlyMap<string, number>, mark: string): boolean {
  if (!vocabulary.has(mark)) return false;
  for (const token of vocabulary.keys()) {
    for (let at = token.indexOf(mark, 1); at > 0; at = token.indexOf(mark, at + 1)) {
      if (token[at - 1] !== mark) return false;
    }
  }
  return true;
}

function unknownId(config: Fields, vocabulary: ReadonlyMap<string, number>): number | null {
  const token = stringField(config, 'unk_token');
  if (token === '') return null;
  const id = vocabulary.get(token);
  if (id !== undefined) return id;
  throw new InputError(
    `Expected the tokenizer's unk_token "${token}" in its vocabulary, found none; add it to the vocabulary or remove the setting.`,
    { unkToken: token },
  );
}

function requireAllBytes(known: (byte: number) => boolean, kind: string): void {
  const missing = Array.from({ length: 256 }, (_, byte) => byte).filter((byte) => !known(byte));
  if (missing.length === 0) return;
  const shown = missing.slice(0, 8).map((byte) => `0x${byte.toString(16).padStart(2, '0')}`);
  throw unsupported(
    `the vocabulary of a ${kind} tokenizer`,
    `one without ${missing.length} of the 256 bytes (${shown.join(', ')}${missing.length > 8 ? ', …' : ''})`,
    'those that hold every byte',
  );
}

function refuse(config: Fields, field: string, refused: (value: unknown) => boolean): void {
  const value = config[field];
  if (refused(value)) throw unsupported(`model.${field}`, JSON.stringify(value), 'null');
}

function misaligned(word: string, tokens: readonly string[]): DataError {
  const shown = word.length > 60 ? `${word.slice(0, 60)}…` : word;
  return new DataError(
    `Expected the tokenizer's tokens to spell the text of a word of ${word.length} characters, got ${tokens.length} tokens that spell another; ` +
      'offsets cannot be given for this tokenizer: use another, and report this one.',
    { excerpt: JSON.stringify({ text: shown, tokens: tokens.slice(0, 20) }) },
  );
}
