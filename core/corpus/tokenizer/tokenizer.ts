// A tokenizer.json as a function from text to ids and offsets (Unicode code points of the original text).
// The order of work is Hugging Face's: added tokens, normaliser, normalised added tokens, pre-tokenizer, model.
// Special tokens are never added; truncation, padding, post-processor and decoder are not looked at.
//
// Offsets: a token covers the characters of the original that it was made of: [starts, ends). Where a token holds only
// some bytes of a character it covers the whole character, so tokens that split one share its start; where characters
// were composed or rewritten together it covers all of them. White space that belongs to a token is part of it (nothing
// is trimmed); what the tokenizer puts in front by itself counts with the character behind it.
import { isTooDeep, MOST_LEVELS } from '../../text/parse-exact-json.js';
import { InputError } from '../../../schemas/errors.js';
import { sha256Hex } from '../../identity/digest.js';
import {
  cutterForNormalised,
  cutterForText,
  readAddedTokens,
  type AddedToken,
  type SectionCutter,
} from './added-tokens.js';
import { originEnd, originOf, unchanged, type AlignedText } from './aligned-text.js';
import { isFields, unsupported } from './json-fields.js';
import { createNormaliser, type Normaliser } from './normalise.js';
import { createPreTokeniser, type Place, type Sink } from './pre-tokenise.js';
import { TokenBuffer } from './token-buffer.js';
import { TokenDecoder } from './token-decoder.js';
import { tokenText, wordMarks, type TokenSpelling } from './token-text.js';
import { createWordModel, type WordModel, type WordTokens } from './word-model.js';

/** Words whose tokens are remembered, and how long such a word may be (UTF-16 units). */
const CACHED_WORDS = 1 << 17;
const CACHED_UNITS = 64;
const MARK = '▁';

export class Tokenizer {
  /** sha256 of the tokenizer.json. */
  readonly digest: string;
  /** Largest id + 1: rows that the model's embedding must have. */
  readonly vocabSize: number;
  readonly addedTokens: readonly AddedToken[];
  readonly #model: WordModel;
  readonly #normalise: Normaliser;
  readonly #cutText: SectionCutter;
  readonly #cutNormalised: SectionCutter;
  readonly #preTokenise: Sink;
  readonly #spelling: TokenSpelling;
  readonly #cache = new Map<string, WordTokens>();
  readonly #place: Place = { isTextStart: () => false };
  /** The section in hand, where it begins in the text, and where its tokens go. */
  #section: AlignedText = unchanged('');
  #base = 0;
  #out = new TokenBuffer();

  /** @param json the bytes of a tokenizer.json @throws InputError where it cannot be used, naming what was found */
  constructor(json: Uint8Array) {
    const config = parseTokenizer(json);
    this.digest = sha256Hex(json);
    this.addedTokens = readAddedTokens(config);
    this.#normalise = createNormaliser(config['normalizer']);
    const preTokeniser = createPreTokeniser(config['pre_tokenizer'], this.#place);
    this.#model = createWordModel(config['model'], preTokeniser);
    this.#spelling = { byteLevel: preTokeniser.byteLevel, ...wordMarks(config['model']) };
    this.#cutText = cutterForText(this.addedTokens);
    this.#cutNormalised = cutterForNormalised(this.addedTokens, this.#normalise);
    const emit: Sink = (word, at, lead) => {
      this.#emit(word, at, lead);
    };
    const sink = this.#model.cutsBefore(MARK) ? cutBeforeMarks(emit) : emit;
    this.#preTokenise = preTokeniser.step(sink);
    let largest = -1;
    for (const id of this.#model.vocabulary.values()) largest = Math.max(largest, id);
    for (const token of this.addedTokens) largest = Math.max(largest, token.id);
    this.vocabSize = largest + 1;
  }

  /** Id of a token, added ones first; undefined where there is none. */
  idOf(token: string): number | undefined {
    return this.addedTokens.find((t) => t.content === token)?.id ?? this.#model.vocabulary.get(token);
  }

  /** What each of the ids stands for by itself, for people to read; null for an id that no token has. */
  textsOf(ids: readonly number[]): (string | null)[] {
    const texts = new Map<number, string>();
    const wanted = new Set(ids);
    for (const [spelling, id] of this.#model.vocabulary)
      if (wanted.has(id)) texts.set(id, tokenText(spelling, this.#spelling));
    for (const { id, content } of this.addedTokens) texts.set(id, content);
    return ids.map((id) => texts.get(id) ?? null);
  }

  /** Turns ids that follow each other into text. */
  decoder(): TokenDecoder {
    const spellings = new Map([...this.#model.vocabulary].map(([spelling, id]) => [id, spelling]));
    const added = new Map(this.addedTokens.map(({ id, content }) => [id, content]));
    return new TokenDecoder(spellings, added, this.#spelling);
  }

  /** Appends the tokens of `text` to `out`, offsets in code points of `text`. Returns its code points. */
  encodeInto(text: string, out: TokenBuffer): number {
    const first = out.length;
    this.#out = out;
    this.#cutText(text, (token, from, to) => {
      if (token) out.push(token.id, from, to);
      else this.#encodeSection(text.slice(from, to), from);
    });
    return HAS_SURROGATES.test(text) ? toCodePoints(text, out, first) : text.length;
  }

  /** Ids and offsets of one text. */
  encode(text: string): { ids: Uint32Array; starts: Uint32Array; ends: Uint32Array } {
    const out = new TokenBuffer();
    this.encodeInto(text, out);
    return {
      ids: out.ids.slice(0, out.length),
      starts: out.starts.slice(0, out.length),
      ends: out.ends.slice(0, out.length),
    };
  }

  #encodeSection(original: string, base: number): void {
    const section = this.#normalise(unchanged(original));
    this.#section = section;
    this.#base = base;
    this.#cutNormalised(section.text, (token, from, to) => {
      if (token) {
        this.#out.push(token.id, base + originOf(section, from), base + originEnd(section, to - 1));
        return;
      }
      this.#place.isTextStart = (at) => base + originOf(section, at) === 0;
      this.#preTokenise(section.text.slice(from, to), from, 0);
    });
  }

  #emit(word: string, at: number, lead: number): void {
    const { ids, starts, ends } = this.#tokensOf(word);
    const out = this.#out;
    const section = this.#section;
    if (lead === 0 && section.from === null) {
      const shift = this.#base + at;
      for (let k = 0; k < ids.length; k++) {
        out.push(ids[k] as number, shift + (starts[k] as number), shift + (ends[k] as number));
      }
      return;
    }
    for (let k = 0; k < ids.length; k++) {
      const from = Math.max(0, (starts[k] as number) - lead);
      // What was put in front counts with the character behind it.
      const to = Math.max(1, (ends[k] as number) - lead);
      const start = this.#base + originOf(section, at + from);
      out.push(ids[k] as number, start, this.#base + originEnd(section, at + to - 1));
    }
  }

  #tokensOf(word: string): WordTokens {
    const known = this.#cache.get(word);
    if (known) return known;
    const tokens = this.#model.tokenise(word);
    if (word.length <= CACHED_UNITS) {
      if (this.#cache.size >= CACHED_WORDS) this.#cache.clear();
      this.#cache.set(word, tokens);
    }
    return tokens;
  }
}

const HAS_SURROGATES = /[\ud800-\udfff]/;

/**
 * Turns offsets in UTF-16 units into code points, in place; an end inside a character takes the character in. Returns the
 * code points of the text.
 */
function toCodePoints(text: string, out: TokenBuffer, first: number): number {
  const points = new Uint32Array(text.length + 1);
  let point = 0;
  for (let unit = 0; unit < text.length; unit++) {
    points[unit] = point;
    const code = text.charCodeAt(unit);
    const next = text.charCodeAt(unit + 1);
    if (code >= 0xd800 && code < 0xdc00 && next >= 0xdc00 && next < 0xe000) {
      unit++;
      points[unit] = point + 1;
    }
    point++;
  }
  points[text.length] = point;
  for (let k = first; k < out.length; k++) {
    out.starts[k] = points[out.starts[k] as number] as number;
    out.ends[k] = points[out.ends[k] as number] as number;
  }
  return point;
}

/** Cuts long pieces before each mark that follows another character. */
function cutBeforeMarks(next: Sink): Sink {
  return (piece, at, lead) => {
    let from = 0;
    for (let i = 1; i < piece.length; i++) {
      if (piece[i] !== MARK || piece[i - 1] === MARK) continue;
      next(piece.slice(from, i), at + Math.max(0, from - lead), Math.max(0, Math.min(lead, i) - from));
      from = i;
    }
    if (from < piece.length) {
      next(from === 0 ? piece : piece.slice(from), at + Math.max(0, from - lead), Math.max(0, lead - from));
    }
  };
}

function parseTokenizer(json: Uint8Array): Readonly<Record<string, unknown>> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(json));
    // Steps hold steps: whoever goes down through them has a stack that ends.
    if (isTooDeep(parsed)) throw new RangeError(`more than ${MOST_LEVELS} levels`);
  } catch (error) {
    throw new InputError(
      `Expected a tokenizer.json (Hugging Face), found ${json.length} bytes that are not JSON (${(error as Error).message}); give the file that \`tokenizer.save\` writes.`,
      { bytes: json.length },
      { cause: error },
    );
  }
  if (isFields(parsed) && isFields(parsed['model'])) return parsed;
  throw unsupported(
    'the tokenizer file',
    isFields(parsed) ? `JSON with the fields ${Object.keys(parsed).join(', ')}` : typeof parsed,
    'a tokenizer.json with a "model"',
  );
}
