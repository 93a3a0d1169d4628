// The text that a token stands for by itself: its spelling in the vocabulary, turned back. It is for people to read; the text of a
// token at its place in a document comes from its offsets.
import { BYTE_CHARACTERS } from './byte-alphabet.js';
import { isFields, stringField } from './json-fields.js';

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
const BYTES: ReadonlyMap<string, number> = new Map(BYTE_CHARACTERS.map((character, byte) => [character, byte]));

/**
 * Bytes of a byte-level spelling read as UTF-8 (what is no whole character becomes U+FFFD); `▁` of other vocabularies as a space, a
 * fallback byte `<0x0A>` as that byte, a suffix that ends words (`</w>`) as a space. A piece that goes on inside a word (`##ing`)
 * stays as it is spelt.
 */
export function tokenText(spelling: string, kind: TokenSpelling): string {
  return decoder.decode(bytesOf(spelling, kind) ?? encoder.encode(wordText(spelling, kind)));
}

/**
 * What a token adds to a text that others went before: its bytes, which may be part of a character. As `tokenText`, but that a piece
 * which goes on inside a word loses its mark, and one that begins a word of such a vocabulary has a space before it.
 */
export function tokenBytes(spelling: string, kind: TokenSpelling): Uint8Array {
  const bytes = bytesOf(spelling, kind);
  if (bytes !== null) return bytes;
  const { inside } = kind;
  if (inside === '') return encoder.encode(wordText(spelling, kind));
  return encoder.encode(spelling.startsWith(inside) ? spelling.slice(inside.length) : ` ${spelling}`);
}

/** How a vocabulary spells its tokens. */
export interface TokenSpelling {
  readonly byteLevel: boolean;
  /** What marks the end of a word; empty where nothing does. */
  readonly suffix: string;
  /** What marks a piece that goes on inside a word; empty where words are not cut so. */
  readonly inside: string;
}

/** Of a vocabulary of words. @param model the field `model` of a tokenizer.json */
export function wordMarks(model: unknown): Pick<TokenSpelling, 'suffix' | 'inside'> {
  if (!isFields(model)) return { suffix: '', inside: '' };
  const isPieces = model['type'] === 'WordPiece' || typeof model['continuing_subword_prefix'] === 'string';
  return {
    suffix: stringField(model, 'end_of_word_suffix'),
    inside: isPieces ? stringField(model, 'continuing_subword_prefix', '##') : '',
  };
}

/** The bytes that a spelling stands for; null where it is text. */
function bytesOf(spelling: string, { byteLevel }: TokenSpelling): Uint8Array | null {
  if (byteLevel) {
    const bytes = Array.from(spelling, (character) => BYTES.get(character));
    return bytes.every((byte) => byte !== undefined) ? Uint8Array.from(bytes) : null;
  }
  const [, byte] = /^<0x([0-9A-Fa-f]{2})>$/.exec(spelling) ?? [];
  return byte === undefined ? null : Uint8Array.of(Number.parseInt(byte, 16));
}

function wordText(spelling: string, { byteLevel, suffix }: TokenSpelling): string {
  if (byteLevel) return spelling;
  const whole = suffix !== '' && spelling.endsWith(suffix) ? `${spelling.slice(0, -suffix.length)} ` : spelling;
  return whole.replaceAll('▁', ' ');
}
