// The normalisers of a tokenizer.json as rewrites that keep track of where every character came from.
// Same results as Hugging Face's Rust code (character by character: no final sigma), checked in tests/golden/tokens.
import { InputError } from '../../../schemas/errors.js';
import { AlignedBuilder, rewriteMatches, type AlignedText } from './aligned-text.js';
import { booleanField, isFields, listField, stringField, unsupported, type Fields } from './json-fields.js';
import { SplitPreTokenizer } from './library.js';

export type Normaliser = (input: AlignedText) => AlignedText;

const FORMS = { NFC: 'NFC', NFD: 'NFD', NFKC: 'NFKC', NFKD: 'NFKD' } as const;
type Form = keyof typeof FORMS;

const SUPPORTED = 'BertNormalizer, Lowercase, NFC, NFD, NFKC, NFKD, Prepend, Replace, Sequence, Strip, StripAccents';

/**
 * The normaliser that a tokenizer.json describes.
 * @throws InputError for a kind that is not supported
 */
export function createNormaliser(config: unknown): Normaliser {
  if (config === null || config === undefined) return (input) => input;
  if (!isFields(config)) throw unsupported('the normalizer', JSON.stringify(config), SUPPORTED);
  const type = stringField(config, 'type');
  if (Object.hasOwn(FORMS, type)) return unicodeForm(type as Form);
  switch (type) {
    case 'Sequence':
      return inTurn(listField(config, 'normalizers').map(createNormaliser));
    case 'BertNormalizer':
      return bertNormaliser(config);
    case 'Lowercase':
      return lowercase;
    case 'StripAccents':
      return (input) => rewriteMatches(input, /\p{M}/gu, () => '');
    case 'Strip':
      return strip(config);
    case 'Prepend':
      return prepend(stringField(config, 'prepend'));
    case 'Replace': {
      const content = stringField(config, 'content');
      const pattern = compilePattern(config['pattern']);
      return (input) => rewriteMatches(input, pattern, () => content);
    }
    default:
      throw unsupported('the normalizer', `"${type}"`, SUPPORTED);
  }
}

/** At the start of a pattern: all of it takes no heed of case. */
const ANY_CASE = '(?i)';
/** What the two dialects read differently there. */
const CASED = /\\[pP]\{\^?(L[ult]|Lowercase|Uppercase|Cased)/;

/** A {String} or {Regex} pattern of a tokenizer.json (Oniguruma dialect) as a JavaScript one with flags gu. */
export function compilePattern(pattern: unknown): RegExp {
  const text = JSON.stringify(pattern);
  const regex = isFields(pattern) ? stringField(pattern, 'Regex') : '';
  const anyCase = regex.startsWith(ANY_CASE);
  if (anyCase && CASED.test(regex))
    throw unsupported('a pattern under (?i)', text, 'those without letters of one case');
  try {
    const compiled = new SplitPreTokenizer({
      type: 'Split',
      pattern: anyCase ? { Regex: regex.slice(ANY_CASE.length) } : pattern,
      behavior: 'Isolated',
      invert: false,
    }).pattern;
    if (compiled) return anyCase ? new RegExp(compiled.source, `${compiled.flags}i`) : compiled;
  } catch (error) {
    throw new InputError(
      `The tokenizer's pattern ${text} cannot be used: ${(error as Error).message}; convert the tokenizer to one without it.`,
      { pattern: text },
      { cause: error },
    );
  }
  throw unsupported('a pattern', text, '{"String": …}, {"Regex": …}');
}

function inTurn(steps: readonly Normaliser[]): Normaliser {
  return (input) => steps.reduce((text, step) => step(text), input);
}

/**
 * Characters that may compose with what stands before them: marks, Hangul vowels and finals, half-width voicing marks and
 * half-width Hangul. Everything else starts a segment that normalises on its own.
 */
const SEGMENT = /[^][\p{M}\u1160-\u11FF\uD7B0-\uD7FF\uFF9E\uFF9F\uFFA0-\uFFDC\u{16D63}-\u{16D6A}]*/gu;
/** Coarser: pieces that begin with an ASCII character. */
const ASCII_SEGMENT = /[^]\P{ASCII}*/gu;

function unicodeForm(form: Form): Normaliser {
  return (input) => {
    const whole = input.text.normalize(form);
    if (whole === input.text) return input;
    const rewrite = (segment: string): string => segment.normalize(form);
    const fine = rewriteMatches(input, SEGMENT, rewrite);
    if (fine.text === whole) return fine;
    const coarse = rewriteMatches(input, ASCII_SEGMENT, rewrite);
    if (coarse.text === whole) return coarse;
    const builder = new AlignedBuilder(input);
    builder.replace(whole, 0, input.text.length);
    return builder.finish();
  };
}

function lowercase(input: AlignedText): AlignedText {
  if (input.text.toLowerCase() === input.text) return input;
  return rewriteMatches(input, /\p{Changes_When_Lowercased}/gu, (c) => c.toLowerCase());
}

function strip(config: Fields): Normaliser {
  const left = booleanField(config, 'strip_left', true);
  const right = booleanField(config, 'strip_right', true);
  const pattern = /^\p{White_Space}+/gu;
  const atEnd = /\p{White_Space}+$/gu;
  return (input) => {
    const first = left ? rewriteMatches(input, pattern, () => '') : input;
    return right ? rewriteMatches(first, atEnd, () => '') : first;
  };
}

/** UTF-16 units of a text's first character. */
function firstCharacter(text: string): number {
  return (text.codePointAt(0) ?? 0) > 0xffff ? 2 : 1;
}

function prepend(content: string): Normaliser {
  return (input) => {
    if (input.text === '') return input;
    const builder = new AlignedBuilder(input);
    builder.replace(content, 0, firstCharacter(input.text));
    builder.keep(0, input.text.length);
    return builder.finish();
  };
}

/** U+FFFD and control, format and private characters, but not tab, newline, carriage return. */
const UNCLEAN = /\uFFFD|(?![\t\n\r])[\p{Cc}\p{Cf}\p{Co}]/gu;
/** The ranges of BERT's original code (0x2B920 is its own slip, kept because the vocabulary was built with it). */
const CHINESE =
  /[\u4E00-\u9FFF\u3400-\u4DBF\u{20000}-\u{2A6DF}\u{2A700}-\u{2B73F}\u{2B740}-\u{2B81F}\u{2B920}-\u{2CEAF}\uF900-\uFAFF\u{2F800}-\u{2FA1F}]/gu;

function bertNormaliser(config: Fields): Normaliser {
  const lower = booleanField(config, 'lowercase', true);
  const steps: Normaliser[] = [];
  if (booleanField(config, 'clean_text', true)) {
    steps.push(
      (input) => rewriteMatches(input, UNCLEAN, () => ''),
      (input) => rewriteMatches(input, /\p{White_Space}/gu, () => ' '),
    );
  }
  if (booleanField(config, 'handle_chinese_chars', true)) {
    steps.push((input) => rewriteMatches(input, CHINESE, (c) => ` ${c} `));
  }
  if (booleanField(config, 'strip_accents', lower)) {
    steps.push(unicodeForm('NFD'), (input) => rewriteMatches(input, /\p{Mn}/gu, () => ''));
  }
  if (lower) steps.push(lowercase);
  return inTurn(steps);
}
