// The beginning of a part, looked at before anything is written: whether it begins with a document, whether it has any, and whether
// its records have ids. Reads files, writes nothing.
import { isBad, parseDocument, type DocumentRule } from '../../core/corpus/document.js';
import { fieldAt } from '../../core/corpus/field-path.js';
import { DataError, InputError } from '../../schemas/errors.js';
import type { Part } from '../../schemas/stored.js';
import { decompress } from './compression/decompress.js';
import type { PartFile } from './part-files.js';
import type { RawRecord } from './raw-record.js';
import { readJsonLines } from './read-jsonl.js';
import { readParquetHead } from './read-parquet.js';
import { readRecords } from './read-records.js';
import { partFiles, type ListPartsOptions } from './source-files.js';

/** A compressed file up to this size may hold nothing. */
const SMALL_BYTES = 1 << 16;
/** Parquet rows that are looked at. */
const HEAD_ROWS = 64;

type HeadRule = DocumentRule & { readonly onBadDocument: 'fail' | 'skip' };

/**
 * Checks a part's first record as the corpus stage will: fields there and valid, file readable.
 * With `onBadDocument: skip` the first good one of the first batch counts.
 * @throws InputError naming file and line
 */
export async function checkFirstRecord(part: Part, rule: HeadRule, options: ListPartsOptions): Promise<void> {
  try {
    const files = (await partFiles(part, options)).slice(0, 1);
    const [first] = files;
    if (part.format === 'parquet' && first) {
      const { records } = await parquetHead(first, rule);
      checkRecords({ file: first.label, records }, part, rule);
      return;
    }
    for await (const found of readRecords({ part, files, ...rule })) {
      checkRecords(found, part, rule);
      return;
    }
    throw noDocument(part.location);
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    throw new InputError(error.message, error.details, { cause: error });
  }
}

function checkRecords(
  { file, records }: { readonly file: string; readonly records: readonly RawRecord[] },
  part: Part,
  rule: HeadRule,
): void {
  const parsed = records.map((record) => ({
    line: record.line,
    found: 'bad' in record ? record.bad : parseDocument(record.fields, rule, madeId(part, record.line)),
  }));
  if (rule.onBadDocument === 'skip' && parsed.some(({ found }) => !isBad(found))) return;
  const [bad] = parsed;
  if (!bad) throw noDocument(file);
  if (!isBad(bad.found)) return;
  const skipped =
    rule.onBadDocument === 'skip'
      ? `expected a document that can be taken, found ${parsed.length === 1 ? 'one record that' : `${parsed.length} records that all`} would be skipped; here `
      : '';
  throw new InputError(
    `${file}:${bad.line}: ${skipped}${bad.found.problem}; correct the file, or corpus.id, corpus.text and corpus.split.`,
    { file, line: bad.line, ...bad.found.details },
  );
}

/** The id of a record without one, where the part's records have none; a part of texts has its files' names as ids. */
export function madeId(part: Part, line: number): string | undefined {
  return part.format === 'txt' || part.name === undefined ? undefined : `${part.name}:${line}`;
}

/** What the beginning of a file of records shows. */
export interface Head {
  /** It ends without a record. */
  readonly empty: boolean;
  /** No record at its beginning has an id. */
  readonly withoutIds: boolean;
}

/** The beginning of a file; of one that cannot be read nothing is said here. */
export async function headOf(part: Omit<Part, 'digest'>, file: PartFile, idField: string): Promise<Head> {
  try {
    if (part.format === 'txt') return { empty: part.bytes === 0, withoutIds: false };
    const records = part.format === 'parquet' ? await parquetRecords(file) : await jsonRecords(part, file);
    const fields = records.flatMap((record) => ('bad' in record ? [] : [record.fields]));
    const absent = (value: unknown): boolean => value === undefined || value === null;
    const withoutIds = fields.length > 0 && fields.every((one) => absent(fieldAt(one, idField)));
    return { empty: records.length === 0, withoutIds };
  } catch {
    return { empty: false, withoutIds: false };
  }
}

/** Records of the first piece that has any; none where a small file has none. */
async function jsonRecords(part: Omit<Part, 'digest'>, file: PartFile): Promise<readonly RawRecord[]> {
  const chunks = decompress((await file.open()).chunks(), file.compression, file.label);
  for await (const records of readJsonLines(chunks)) return records;
  if (part.bytes <= SMALL_BYTES) return [];
  throw noDocument(file.label);
}

async function parquetRecords(file: PartFile): Promise<readonly RawRecord[]> {
  return (await readParquetHead(await file.open(), file.label, { rows: HEAD_ROWS })).records;
}

async function parquetHead(file: PartFile, rule: DocumentRule): Promise<{ readonly records: readonly RawRecord[] }> {
  const split = 'field' in rule.split ? [rule.split.field] : [];
  const wanted = [rule.textField, ...split, rule.idField];
  const head = await readParquetHead(await file.open(), file.label, { rows: HEAD_ROWS, wanted });
  const missing = [rule.textField, ...split].filter((name) => head.columnOf(name) === null);
  if (missing.length === 0) return head;
  throw new InputError(
    `${file.label}: expected the columns ${[rule.idField, rule.textField, ...split].join(', ')}, found ${head.columns.join(', ')}; correct corpus.id, corpus.text and corpus.split.`,
    { file: file.label, missing, columns: head.columns },
  );
}

function noDocument(file: string): InputError {
  return new InputError(`Expected at least one document in ${file}, found none; remove it from the sources.`, { file });
}
