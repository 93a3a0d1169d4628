// Labels in a file: CSV (RFC 4180) with the columns feature and label, or one JSON object a line with these fields; other columns are
// passed over. Everything is checked before anything is changed. Pure.
import { InputError } from '../../schemas/errors.js';
import { checkedLabel } from './label-text.js';

export interface GivenLabel {
  readonly feature: number;
  readonly label: string;
}

interface GivenRow {
  readonly line: number;
  readonly feature: unknown;
  readonly label: unknown;
}

/**
 * The labels of a file, in its order.
 * @param file its name, for messages
 * @throws InputError naming file and line
 */
export function parseLabels(text: string, file: string): GivenLabel[] {
  const content = text.replace(/^\ufeff/, '');
  const rows = /^\s*\{/.test(content) ? jsonRows(content, file) : csvRows(content, file);
  const seen = new Map<number, { readonly label: string; readonly line: number }>();
  for (const row of rows) {
    const feature = featureOf(row, file);
    const label = labelOf(row, file);
    const before = seen.get(feature);
    if (before !== undefined && before.label !== label) throw twice(feature, [before.line, row.line], file);
    seen.set(feature, { label, line: row.line });
  }
  if (seen.size > 0) return [...seen].map(([feature, { label }]) => ({ feature, label }));
  throw new InputError(`Expected labels in ${file}, found none; give a line for each: 77,"names of villages".`, {
    file,
  });
}

function featureOf({ feature, line }: GivenRow, file: string): number {
  const isText = typeof feature === 'string' && /^\s*\d+\s*$/.test(feature);
  const value = isText ? Number(feature) : feature;
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  throw new InputError(
    `Expected the number of a feature in ${file}, line ${line}, found ${JSON.stringify(feature) ?? 'nothing'}; features count from 0.`,
    { file, line, feature },
  );
}

function labelOf({ label, line }: GivenRow, file: string): string {
  if (typeof label === 'string') return checkedLabel(label, `in ${file}, line ${line}`);
  throw new InputError(
    `Expected the text of a label in ${file}, line ${line}, found ${JSON.stringify(label) ?? 'nothing'}; give feature and label.`,
    { file, line, label },
  );
}

function twice(feature: number, lines: readonly number[], file: string): InputError {
  return new InputError(
    `Expected one label for each feature in ${file}, found two for feature ${feature}, in lines ${lines.join(' and ')}; keep one of them.`,
    { file, feature, lines },
  );
}

function* jsonRows(text: string, file: string): Generator<GivenRow> {
  for (const [i, content] of text.split('\n').entries()) {
    if (content.trim() === '') continue;
    yield { line: i + 1, ...fieldsOf(content, { file, line: i + 1 }) };
  }
}

function fieldsOf(content: string, place: { readonly file: string; readonly line: number }): Omit<GivenRow, 'line'> {
  let value: unknown;
  try {
    value = JSON.parse(content);
  } catch {
    value = null;
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    const { feature, label } = value as { feature?: unknown; label?: unknown };
    return { feature, label };
  }
  throw new InputError(
    `Expected one JSON object a line in ${place.file}, found another thing in line ${place.line}; write {"feature": 77, "label": "names of villages"}.`,
    place,
  );
}

/** The header may be left out where the first column is the feature and the second the label. */
function* csvRows(text: string, file: string): Generator<GivenRow> {
  const [first, ...rest] = csvRecords(text, file);
  if (first === undefined) return;
  const names = first.fields.map((name) => name.trim().toLowerCase());
  const places = [names.indexOf('feature'), names.indexOf('label')] as const;
  const headless = /^\s*\d+\s*$/.test(first.fields[0] ?? '');
  if (!headless && places.some((at) => at < 0))
    throw new InputError(
      `Expected the columns feature and label in the first line of ${file}, found ${first.fields.map((name) => JSON.stringify(name)).join(', ')}; name them there.`,
      { file, columns: first.fields },
    );
  const [feature, label] = headless ? [0, 1] : places;
  for (const { line, fields } of headless ? [first, ...rest] : rest)
    yield { line, feature: fields[feature], label: fields[label] };
}

interface CsvRecord {
  /** Of its first field. */
  readonly line: number;
  readonly fields: readonly string[];
}

/** A field in quotes, in which "" is one; or one without. Then what ends it. */
const FIELD = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r?\n|$)/y;

/** Records with their lines; empty lines are left out. */
function csvRecords(text: string, file: string): CsvRecord[] {
  const records: CsvRecord[] = [];
  let fields: string[] = [];
  let [line, begin] = [1, 1];
  for (let at = 0; at < text.length || fields.length > 0;) {
    FIELD.lastIndex = at;
    const match = FIELD.exec(text);
    if (match === null)
      throw new InputError(
        `Expected fields between commas in ${file}, line ${line}, found a quotation mark that does not fit; write "" for one inside a field in quotes.`,
        { file, line },
      );
    const [whole, quoted, plain, end] = match;
    fields.push(quoted === undefined ? (plain ?? '') : quoted.replaceAll('""', '"'));
    at += whole.length;
    line += whole.split('\n').length - 1;
    if (end === ',') continue;
    if (fields.some((field) => field !== '')) records.push({ line: begin, fields });
    fields = [];
    begin = line;
  }
  return records;
}
