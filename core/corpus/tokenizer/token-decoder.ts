// Tokens that follow each other as text, one after the other: bytes of a character that several tokens share wait until it is whole.
// What stands before the first token is not known here: nothing is trimmed, so that a continuation fits behind its text.
import { tokenBytes, type TokenSpelling } from './token-text.js';

export class TokenDecoder {
  readonly #spellings: ReadonlyMap<number, string>;
  readonly #added: ReadonlyMap<number, string>;
  readonly #spelling: TokenSpelling;
  readonly #decoder = new TextDecoder('utf-8', { ignoreBOM: true });

  /** @param spellings of the vocabulary by id @param added texts of added tokens, which stand for themselves */
  constructor(spellings: ReadonlyMap<number, string>, added: ReadonlyMap<number, string>, spelling: TokenSpelling) {
    this.#spellings = spellings;
    this.#added = added;
    this.#spelling = spelling;
  }

  /** The characters that the token completes; U+FFFD for an id that no token has, and for bytes that are no character. */
  push(id: number): string {
    return this.#decoder.decode(this.#bytesOf(id), { stream: true });
  }

  /** What is left: U+FFFD where a character stays incomplete. */
  end(): string {
    return this.#decoder.decode();
  }

  #bytesOf(id: number): Uint8Array {
    const added = this.#added.get(id);
    // A vocabulary of pieces has a space before every word, added ones too.
    if (added !== undefined) return encoder.encode(this.#spelling.inside === '' ? added : ` ${added}`);
    const spelling = this.#spellings.get(id);
    return spelling === undefined ? UNKNOWN : tokenBytes(spelling, this.#spelling);
  }
}

const encoder = new TextEncoder();
const UNKNOWN = encoder.encode('\ufffd');
