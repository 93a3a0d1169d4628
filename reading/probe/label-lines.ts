// The file of labels that `assay sae probe` reads: JSON lines {"id", "label"} of documents, {"id", "pos", "label"} of tokens. Pure.
import { z } from 'zod';
import { InputError } from '../../schemas/errors.js';
import type { GivenLabel } from './labelling.js';

const labelLine = z.strictObject({
  id: z.string(),
  pos: z.number().int().nonnegative().optional(),
  label: z.string().min(1),
});

/** @param file its name, for messages @throws InputError naming file and line */
export function parseLabelLines(text: string, file: string): GivenLabel[] {
  const found = new Map<string, GivenLabel>();
  for (const [i, content] of text
    .replace(/^\ufeff/, '')
    .split('\n')
    .entries()) {
    if (content.trim() === '') continue;
    const own = parseLine(content, { file, line: i + 1 });
    const place = JSON.stringify([own.id, own.pos]);
    const before = found.get(place);
    if (before && before.label !== own.label) throw twice(before, own, file);
    if (!before) found.set(place, own);
  }
  if (found.size > 0) return [...found.values()];
  throw new InputError(
    `Expected labels in ${file}, found none; write a line for each document: {"id": "genesis-1", "label": "law"}.`,
    { file },
  );
}

function parseLine(content: string, place: { readonly file: string; readonly line: number }): GivenLabel {
  let value: unknown;
  try {
    value = JSON.parse(content);
  } catch {
    value = undefined;
  }
  const parsed = labelLine.safeParse(value);
  if (parsed.success) return { line: place.line, pos: parsed.data.pos ?? null, ...pick(parsed.data) };
  const issue = parsed.error.issues[0];
  const what =
    value === undefined ? 'something that is no JSON' : `${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}`;
  throw new InputError(
    `Expected {"id": text, "label": text}, of a token with "pos": number, in ${place.file}, line ${place.line}, found ${what.trim()}; correct the line or remove it.`,
    place,
  );
}

function pick({ id, label }: { readonly id: string; readonly label: string }): Pick<GivenLabel, 'id' | 'label'> {
  return { id, label };
}

function twice(before: GivenLabel, own: GivenLabel, file: string): InputError {
  const what =
    own.pos === null ? `document ${JSON.stringify(own.id)}` : `position ${own.pos} of ${JSON.stringify(own.id)}`;
  return new InputError(
    `Expected one label for each document and position in ${file}, found ${JSON.stringify(before.label)} and ${JSON.stringify(own.label)} for ${what}, in lines ${before.line} and ${own.line}; keep one of them.`,
    { file, lines: [before.line, own.line] },
  );
}
