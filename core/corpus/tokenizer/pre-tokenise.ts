// The pre-tokenizers of a tokenizer.json as steps that pass pieces of the text on, each with its place in it.
// Written anew rather than taken from the tokenizer library because pieces must keep their places, and because the
// library's use JavaScript's \s and \w where the Rust code that made the vocabularies uses Unicode's.
import { compilePattern } from './normalise.js';
import { booleanField, isFields, listField, stringField, unsupported, type Fields } from './json-fields.js';

/**
 * Takes a piece. Its first `lead` units were added by a pre-tokenizer; unit lead + i of it is unit at + i of the
 * normalised text.
 */
export type Sink = (piece: string, at: number, lead: number) => void;
export type Step = (next: Sink) => Sink;

export interface PreTokeniser {
  readonly step: Step;
  /** Whether the model works on the bytes of UTF-8, spelt in GPT-2's byte alphabet. */
  readonly byteLevel: boolean;
  /** Steps after ByteLevel (Falcon): cut a word that is spelt in the byte alphabet. Null for none. */
  readonly cutBytes: BytesCutter | null;
}

/** Calls with each piece of a word in the byte alphabet and its first byte; bytes that a step removes are in no piece. */
export type BytesCutter = (spelt: string, onPiece: (piece: string, byte: number) => void) => void;

/** What a step may know about the piece's place; set by the tokenizer before each section. */
export interface Place {
  /** Whether unit `at` of the section came from the very first unit of the text. */
  isTextStart: (at: number) => boolean;
}

const SUPPORTED =
  'BertPreTokenizer, ByteLevel, CharDelimiterSplit, Digits, Metaspace, Punctuation, Sequence, Split, Whitespace, WhitespaceSplit';
const PUNCTUATION = '\\p{P}!-\\/:-@\\[-`\\{-~';
/** GPT-2's pattern; \s is Unicode White_Space as in the Rust code. It leaves no gaps. */
const GPT2 =
  /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\p{White_Space}\p{L}\p{N}]+|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+/gu;

/**
 * The pre-tokenizer that a tokenizer.json describes.
 * @throws InputError for a kind that is not supported
 */
export function createPreTokeniser(config: unknown, place: Place): PreTokeniser {
  if (config === null || config === undefined) return { step: (next) => next, byteLevel: false, cutBytes: null };
  if (!isFields(config)) throw unsupported('the pre-tokenizer', JSON.stringify(config), SUPPORTED);
  const list = stringField(config, 'type') === 'Sequence' ? listField(config, 'pretokenizers') : [config];
  const byteLevelAt = list.findIndex((one) => stringField(one, 'type') === 'ByteLevel');
  const before = byteLevelAt < 0 ? list : list.slice(0, byteLevelAt + 1);
  const after = list.slice(before.length);
  const adding = after.find((one) => ADDING.has(stringField(one, 'type')));
  if (adding) {
    throw unsupported('a step after ByteLevel', `"${stringField(adding, 'type')}"`, 'those that only cut');
  }
  return {
    step: inTurn(before.map((one) => createStep(one, place))),
    byteLevel: byteLevelAt >= 0,
    cutBytes: after.length === 0 ? null : bytesCutter(inTurn(after.map((one) => createStep(one, place)))),
  };
}

/** Steps that put text in front or spell it anew. */
const ADDING: ReadonlySet<string> = new Set(['ByteLevel', 'Metaspace', 'Sequence']);

function inTurn(steps: readonly Step[]): Step {
  return (next) => steps.reduceRight((sink, step) => step(sink), next);
}

function bytesCutter(step: Step): BytesCutter {
  return (spelt, onPiece) => {
    step(onPiece)(spelt, 0, 0);
  };
}

function createStep(config: Fields, place: Place): Step {
  const type = stringField(config, 'type');
  switch (type) {
    case 'ByteLevel':
      return byteLevel(config);
    case 'Metaspace':
      return metaspace(config, place);
    case 'Split':
      return splitStep(
        compilePattern(config['pattern']),
        behaviourOf(config, 'Removed'),
        booleanField(config, 'invert', false),
      );
    case 'Digits':
      return splitStep(/\p{N}/gu, booleanField(config, 'individual_digits', false) ? 'Isolated' : 'Contiguous');
    case 'Punctuation':
      return splitStep(new RegExp(`[${PUNCTUATION}]`, 'gu'), behaviourOf(config, 'Isolated'));
    case 'CharDelimiterSplit':
      return splitStep(compilePattern({ String: stringField(config, 'delimiter') }), 'Removed');
    case 'WhitespaceSplit':
      return splitStep(/\p{White_Space}/gu, 'Removed');
    case 'Whitespace':
      return splitStep(WORDS, 'Removed', true);
    case 'BertPreTokenizer': {
      const spaces = splitStep(/\p{White_Space}/gu, 'Removed');
      const marks = splitStep(new RegExp(`[${PUNCTUATION}]`, 'gu'), 'Isolated');
      return (next) => spaces(marks(next));
    }
    default:
      throw unsupported('the pre-tokenizer', `"${type}"`, SUPPORTED);
  }
}

const WORD = '\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}';
const WORDS = new RegExp(`[${WORD}]+|[^${WORD}\\p{White_Space}]+`, 'gu');

/** Adds text at the front of a piece. */
function lengthen(added: string, next: Sink): Sink {
  return (piece, at, lead) => {
    next(added + piece, at, lead + added.length);
  };
}

/** Units a … b − 1 of a piece, with their place. */
function cutPiece(next: Sink, [piece, at, lead]: Parameters<Sink>, [a, b]: [number, number]): void {
  const within = Math.max(0, Math.min(lead, b) - a);
  next(a === 0 && b === piece.length ? piece : piece.slice(a, b), at + Math.max(0, a - lead), within);
}

function byteLevel(config: Fields): Step {
  const addSpace = booleanField(config, 'add_prefix_space', true);
  const useRegex = booleanField(config, 'use_regex', true);
  return (next) => {
    const split: Sink = (piece, at, lead) => {
      let a = 0;
      for (const word of piece.match(GPT2) ?? []) {
        next(word, at + Math.max(0, a - lead), Math.max(0, Math.min(lead - a, word.length)));
        a += word.length;
      }
    };
    const sink = useRegex ? split : next;
    const spaced = lengthen(' ', sink);
    return (piece, at, lead) => {
      (addSpace && !piece.startsWith(' ') ? spaced : sink)(piece, at, lead);
    };
  };
}

function metaspace(config: Fields, place: Place): Step {
  const mark = stringField(config, 'replacement', '▁');
  const legacy = booleanField(config, 'add_prefix_space', true) ? 'always' : 'never';
  const scheme = stringField(config, 'prepend_scheme', legacy);
  const words = splitStep(compilePattern({ String: mark }), 'MergedWithNext');
  const split = booleanField(config, 'split', true);
  return (next) => {
    const sink = split ? words(next) : next;
    const marked = lengthen(mark, sink);
    return (piece, at, lead) => {
      const text = piece.replaceAll(' ', mark);
      const prepends = !text.startsWith(mark) && (scheme === 'always' || (scheme === 'first' && place.isTextStart(at)));
      (prepends ? marked : sink)(text, at, lead);
    };
  };
}

const BEHAVIOURS = ['Removed', 'Isolated', 'MergedWithPrevious', 'MergedWithNext', 'Contiguous'] as const;
type Behaviour = (typeof BEHAVIOURS)[number];

function behaviourOf(config: Fields, fallback: Behaviour): Behaviour {
  const name = stringField(config, 'behavior', fallback);
  const found = BEHAVIOURS.find((behaviour) => behaviour === name);
  if (found) return found;
  throw unsupported('the behavior of a split', `"${name}"`, BEHAVIOURS.join(', '));
}

interface Range {
  from: number;
  to: number;
  readonly match: boolean;
}

/** Cuts pieces at the matches of a pattern; `invert` swaps what is a match and what lies between. */
function splitStep(pattern: RegExp, behaviour: Behaviour, invert = false): Step {
  return (next) => (piece, at, lead) => {
    for (const { from, to } of merge(rangesOf(piece, pattern, invert), behaviour)) {
      if (to > from) cutPiece(next, [piece, at, lead], [from, to]);
    }
  };
}

function rangesOf(piece: string, pattern: RegExp, invert: boolean): Range[] {
  const ranges: Range[] = [];
  let end = 0;
  for (const match of piece.matchAll(pattern)) {
    const { index } = match;
    if (index > end) ranges.push({ from: end, to: index, match: invert });
    end = index + match[0].length;
    ranges.push({ from: index, to: end, match: !invert });
  }
  if (end < piece.length) ranges.push({ from: end, to: piece.length, match: invert });
  return ranges;
}

function merge(ranges: readonly Range[], behaviour: Behaviour): readonly Range[] {
  switch (behaviour) {
    case 'Isolated':
      return ranges;
    case 'Removed':
      return ranges.filter((range) => !range.match);
    case 'Contiguous':
      return join(ranges, (previous, range) => previous.match === range.match);
    case 'MergedWithPrevious':
      return join(ranges, (previous, range) => range.match && !previous.match);
    case 'MergedWithNext':
      return join(ranges, (previous, range) => previous.match && !range.match);
  }
}

/** Joins a range to the one before it where `joins` says so of the two as they were found. */
function join(ranges: readonly Range[], joins: (previous: Range, range: Range) => boolean): readonly Range[] {
  const joined: Range[] = [];
  ranges.forEach((range, i) => {
    const previous = ranges[i - 1];
    const last = joined.at(-1);
    if (previous && last && joins(previous, range)) last.to = range.to;
    else joined.push({ ...range });
  });
  return joined;
}
