// Where the classes of rows come from: a file of labels of documents or tokens, or the first letter of each token. Pure.
import { InputError } from '../../schemas/errors.js';

export interface LabelSource {
  /** Whether texts of tokens are needed. */
  readonly byToken: boolean;
  /** The class of a row; null: it has none. */
  readonly labelOf: (row: {
    readonly id: string;
    readonly pos: number;
    readonly token: string | null;
  }) => string | null;
  /** Ids of documents that the labels name; null: all documents count. */
  readonly ids: ReadonlySet<string> | null;
}

/** One token in letters alone, after one space or none, as SAEBench takes them; upper and lower case are one class. */
export const firstLetters: LabelSource = {
  byToken: true,
  ids: null,
  labelOf: ({ token }) => /^ ?([A-Za-z])[A-Za-z]*$/.exec(token ?? '')?.[1]?.toLowerCase() ?? null,
};

interface Given {
  readonly line: number;
  readonly id: string;
  readonly pos: number | null;
  readonly label: string;
}

/** Labels of a file: one JSON object a line, {"id", "label"} of a document or {"id", "pos", "label"} of a token. @throws InputError naming file and line */
export function parseLabelSource(text: string, file: string): LabelSource {
  const documents = new Map<string, string>();
  const tokens = new Map<string, Map<number, string>>();
  for (const given of linesOf(text, file)) {
    const own: Map<string | number, string> =
      given.pos === null ? documents : (tokens.get(given.id) ?? new Map<number, string>());
    if (given.pos !== null) tokens.set(given.id, own as Map<number, string>);
    const key = given.pos ?? given.id;
    const before = own.get(key);
    if (before !== undefined && before !== given.label) throw twice(given, before, file);
    own.set(key, given.label);
  }
  if (documents.size === 0 && tokens.size === 0)
    throw new InputError(
      `Expected labels in ${file}, found none; give a line for each document: {"id": "genesis-1", "label": "narrative"}.`,
      { file },
    );
  return {
    byToken: false,
    ids: new Set([...documents.keys(), ...tokens.keys()]),
    labelOf: ({ id, pos }) => tokens.get(id)?.get(pos) ?? documents.get(id) ?? null,
  };
}

function* linesOf(text: string, file: string): Generator<Given> {
  for (const [i, content] of text
    .replace(/^\ufeff/, '')
    .split('\n')
    .entries()) {
    if (content.trim() === '') continue;
    const line = i + 1;
    let value: unknown = null;
    try {
      value = JSON.parse(content);
    } catch {
      // Told below like any other line that is no label.
    }
    const { id, pos, label } = (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>;
    const isPlace = pos === undefined || (typeof pos === 'number' && Number.isSafeInteger(pos) && pos >= 0);
    if (typeof id !== 'string' || typeof label !== 'string' || label === '' || !isPlace)
      throw new InputError(
        `Expected {"id": text, "label": text} with or without "pos" (a token's place in its document, from 0) in ${file}, line ${line}, found ${content.slice(0, 80)}.`,
        { file, line },
      );
    yield { line, id, pos: (pos) ?? null, label };
  }
}

function twice({ id, pos, label, line }: Given, before: string, file: string): InputError {
  const what = pos === null ? `document "${id}"` : `token ${pos} of "${id}"`;
  return new InputError(
    `Expected one label of each document or token in ${file}, found two of ${what}: "${before}" and, in line ${line}, "${label}"; keep one of them.`,
    { file, line, id },
  );
}
