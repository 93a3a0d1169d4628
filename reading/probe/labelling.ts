// What the label of a stored row is: by a file of labels, or the first letter of the row's token.
import type { Tokenizer } from '../../core/corpus/tokenizer/tokenizer.js';
import { InputError } from '../../schemas/errors.js';
import type { TableColumns } from '../../storage/tables/layouts.js';

/** Label of a row; -1: none. */
type LabelOf = (doc: number, pos: number) => number;

export interface Labelling {
  /** By class. */
  readonly names: readonly string[];
  /** Documents with labels; null: any may have some. */
  readonly documents: readonly number[] | null;
  /** Whether labels are of the tokens themselves. */
  readonly byToken: boolean;
  /** Labels of a shard. @param tokens of the shard, where `byToken` */
  shard(tokens: readonly TableColumns['tokens'][]): LabelOf;
}

/** A space, or none, and ASCII letters alone: as SAEBench's vocabulary of letters. */
const WORD = /^ ?([a-zA-Z])[a-zA-Z]*$/;

/** The first letter of a token that is a word of ASCII letters or its end, whatever its case. */
export function labelFirstLetters(tokenizer: Tokenizer, vocabulary: number): Labelling {
  const ids = Array.from({ length: vocabulary }, (_, id) => id);
  const letters = Int8Array.from(tokenizer.textsOf(ids), (text) => {
    const [, letter] = WORD.exec(text ?? '') ?? [];
    return letter === undefined ? -1 : letter.toLowerCase().charCodeAt(0) - 97;
  });
  return {
    names: Array.from({ length: 26 }, (_, i) => String.fromCharCode(97 + i)),
    documents: null,
    byToken: true,
    shard: (tables) => {
      const places = new Map<number, Uint32Array>();
      for (const { doc, offsets, ids: tokens } of tables)
        doc.forEach((one, row) => places.set(one, tokens.subarray(offsets[row], offsets[row + 1])));
      return (doc, pos) => letters[places.get(doc)?.[pos] ?? -1] ?? -1;
    },
  };
}

/** A line of a file of labels. */
export interface GivenLabel {
  readonly line: number;
  readonly id: string;
  /** Null: of every token of the document that has no label of its own. */
  readonly pos: number | null;
  readonly label: string;
}

export interface KnownDocument {
  readonly doc: number;
  readonly tokens: number;
}

/**
 * Labels by documents and positions, classes in the order of their names.
 * @param known documents of the run by id, those that are asked for
 * @throws InputError for ids that the run does not have, positions beyond a document, fewer than two classes
 */
export function labelDocuments(
  given: readonly GivenLabel[],
  known: ReadonlyMap<string, KnownDocument>,
  file: string,
): Labelling {
  refuseUnknown(given, known, file);
  const names = [...new Set(given.map(({ label }) => label))].sort();
  if (names.length < 2)
    throw new InputError(
      `Expected labels of two or more classes in ${file}, found ${JSON.stringify(names[0] ?? '')} alone; a probe tells a class from others.`,
      { file, labels: names },
    );
  const classOf = new Map(names.map((name, i) => [name, i]));
  const whole = new Map<number, number>();
  const single = new Map<number, Map<number, number>>();
  for (const { id, pos, label, line } of given) {
    const { doc, tokens } = known.get(id) as KnownDocument;
    const own = classOf.get(label) as number;
    if (pos === null) whole.set(doc, own);
    else if (pos < tokens) single.set(doc, (single.get(doc) ?? new Map<number, number>()).set(pos, own));
    else
      throw new InputError(
        `Expected a position below ${tokens}, the tokens of document ${JSON.stringify(id)}, in ${file}, line ${line}, found ${pos}; positions count from 0.`,
        { file, line, id, pos },
      );
  }
  return {
    names,
    documents: [...new Set([...whole.keys(), ...single.keys()])].sort((a, b) => a - b),
    byToken: false,
    shard: () => (doc, pos) => single.get(doc)?.get(pos) ?? whole.get(doc) ?? -1,
  };
}

const MOST_NAMED = 5;

function refuseUnknown(given: readonly GivenLabel[], known: ReadonlyMap<string, KnownDocument>, file: string): void {
  const unknown = [...new Map(given.filter(({ id }) => !known.has(id)).map((one) => [one.id, one])).values()];
  if (unknown.length === 0) return;
  const shown = unknown.slice(0, MOST_NAMED).map(({ id, line }) => `${JSON.stringify(id)} (line ${line})`);
  const more = unknown.length > MOST_NAMED ? ` and ${unknown.length - MOST_NAMED} more` : '';
  throw new InputError(
    `Expected ids of documents of the run in ${file}, found ${shown.join(', ')}${more}, which it does not have; ids are those of the corpus, as \`assay sql\` shows them in the table documents.`,
    { file, ids: unknown.slice(0, MOST_NAMED).map(({ id }) => id) },
  );
}
