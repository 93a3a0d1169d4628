// The text that a token stands for by itself: its spelling in the vocabulary, turned back. It is for people to read; the text of a
// token at its place in a document comes from its offsets.
import { BYTE_CHARACTERS } from './byte-alphabet.js';
import { isFields, stringField } from './json-fields.js';

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
const BYTES: ReadonlyMap<string, number> = new Map(BYTE_CHARACTERS.map((character, byte) => [character, byte]));

/**
 * Bytes of a byte-level spelling read as UTF-8 (what is no whole character becomes U+FFFD); `▁` of other vocabularies as a space, a
 * fallback byte `<0x0A>` as that byte, a suffix that ends words (`</w>`) as a space. A piece that goes on inside a word (`##ing`)
 * stays as it is spelt.
 */
export function tokenText(spelling: string, { byteLevel, suffix }: TokenSpelling): string {
  if (byteLevel) return byteText(spelling) ?? spelling;
  const [, byte] = /^<0x([0-9A-Fa-f]{2})>$/.exec(spelling) ?? [];
  if (byte !== undefined) return decoder.decode(Uint8Array.of(Number.parseInt(byte, 16)));
  const whole = suffix !== '' && spelling.endsWith(suffix) ? `${spelling.slice(0, -suffix.length)} ` : spelling;
  return whole.replaceAll('▁', ' ');
}

/** How a vocabulary spells its tokens. */
export interface TokenSpelling {
  readonly byteLevel: boolean;
  /** What marks the end of a word; empty where nothing does. */
  readonly suffix: string;
}

/** @param model the field `model` of a tokenizer.json */
export function wordSuffix(model: unknown): string {
  return isFields(model) ? stringField(model, 'end_of_word_suffix') : '';
}

function byteText(spelling: string): string | null {
  const bytes = Array.from(spelling, (character) => BYTES.get(character));
  return bytes.every((byte) => byte !== undefined) ? decoder.decode(Uint8Array.from(bytes)) : null;
}
