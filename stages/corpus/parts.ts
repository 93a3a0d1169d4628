// From the sources of a run file to the ordered list of parts, each with its digest; and the check of each part's first
// record before anything is written. Reads files and listings; writes nothing.
import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { isBad, parseDocument, type DocumentRule } from '../../core/corpus/document.js';
import { AssayError, DataError, InputError } from '../../schemas/errors.js';
import { openStore } from '../../storage/objects/open-store.js';
import type { Part } from '../../schemas/stored.js';
import { formatOf, KNOWN_NAMES, type Format } from './formats.js';
import { globPattern, globRoot, isGlob } from './glob.js';
import {
  isRemote,
  isText,
  localPartFiles,
  remotePartFiles,
  splitLocation,
  type OpenSource,
  type PartFile,
} from './part-files.js';
import { readParquetShape } from './read-parquet.js';
import { readRecords, textDigest } from './read-records.js';
import { listFiles } from './read-text.js';

export interface ListPartsOptions {
  /** Folder from which relative sources start: the run file's. */
  readonly baseFolder: string;
  readonly format: Format | 'auto';
  /** Opens `s3://bucket`; default by the environment. */
  readonly openSource?: OpenSource | undefined;
  readonly signal?: AbortSignal | undefined;
}

type Unread = Omit<Part, 'digest' | 'bytes'>;

/**
 * The parts of a corpus: sources in the given order, the files of a folder, pattern or prefix in the order of their names
 * (UTF-16 code units); all .txt files below a folder are one part, before its other files.
 * @throws InputError where a source is missing, unreadable, empty, of an unknown kind or given twice
 */
export async function listParts(sources: readonly string[], options: ListPartsOptions): Promise<Part[]> {
  const parts: Part[] = [];
  for (const source of sources) {
    const found = isRemote(source) ? await listRemote(source, options) : await listLocal(source, options);
    if (found.length === 0) throw nothingFound(source, options);
    for (const unread of found) parts.push(await digestPart(unread, options));
  }
  refuseDoubles(parts);
  return parts;
}

async function listLocal(source: string, { baseFolder, format }: ListPartsOptions): Promise<Unread[]> {
  const full = path.resolve(baseFolder, source);
  const nameOf = (file: string): string => path.relative(baseFolder, file).split(path.sep).join('/');
  if (isGlob(source)) {
    const root = path.resolve(baseFolder, globRoot(source));
    const pattern = globPattern(full.split(path.sep).join('/'));
    const names = await readable(root, () => listFiles(root));
    const matches = names
      .map((name) => path.join(root, name))
      .filter((file) => pattern.test(file.split(path.sep).join('/')));
    return matches.map((file) => filePart(file, nameOf(file), format));
  }
  const info = await readable(full, () => stat(full));
  if (!info.isDirectory()) return [filePart(full, nameOf(full), format)];
  const names = await readable(full, () => listFiles(full));
  return folderParts(names, full, format).map((part) =>
    part.kind === 'folder' ? part : { ...part, ...(part.format === 'txt' ? { name: nameOf(part.location) } : {}) },
  );
}

async function listRemote(source: string, options: ListPartsOptions): Promise<Unread[]> {
  const { url, key } = splitLocation(source);
  const store = await sourceStore(options)(url);
  const prefix = isGlob(key) ? globRoot(key) : key.replace(/\/$/, '');
  const keys: string[] = [];
  for await (const object of store.list(prefix, { signal: options.signal })) keys.push(object.key);
  const place = (found: string): string => `${url}/${found}`;
  if (isGlob(key)) {
    const pattern = globPattern(key);
    return keys.filter((k) => pattern.test(k)).map((k) => filePart(place(k), k, options.format));
  }
  if (keys.includes(key)) return [filePart(place(key), path.posix.basename(key), options.format)];
  const folder = prefix === '' ? '' : `${prefix}/`;
  const names = keys.filter((k) => k.startsWith(folder)).map((k) => k.slice(folder.length));
  return folderParts(names, place(folder), options.format);
}

/** Parts below a folder: its text files as one, then every other file whose kind is known. */
function folderParts(names: readonly string[], folder: string, format: Format | 'auto'): Unread[] {
  const parts: Unread[] = [];
  const texts = names.filter(isText);
  if (texts.length > 0 && (format === 'auto' || format === 'txt')) {
    parts.push({ location: folder, kind: 'folder', format: 'txt', compression: 'none' });
  }
  for (const name of names) {
    const kind = formatOf(name, 'auto');
    if (!kind || kind.format === 'txt' || (format !== 'auto' && kind.format !== format)) continue;
    const location = isRemote(folder) ? `${folder}${name}` : path.join(folder, name);
    parts.push({ location, kind: 'file', ...kind });
  }
  return parts;
}

function filePart(location: string, name: string, format: Format | 'auto'): Unread {
  const kind = formatOf(location, format);
  if (kind) return { location, kind: 'file', ...kind, ...(kind.format === 'txt' ? { name } : {}) };
  throw new InputError(
    `corpus.sources: expected a file named ${KNOWN_NAMES}, found ${location}; rename it, or set corpus.format (Parquet is never compressed as a whole).`,
    { field: 'corpus.sources', file: location },
  );
}

async function digestPart(unread: Unread, options: ListPartsOptions): Promise<Part> {
  const files = await partFiles({ ...unread, digest: '', bytes: 0 }, options);
  const digests: [string, string][] = [];
  let bytes = 0;
  for (const file of files) {
    const hash = createHash('sha256');
    await readable(file.label, async () => {
      for await (const chunk of (await file.open()).chunks()) {
        hash.update(chunk);
        bytes += chunk.length;
      }
    });
    digests.push([file.id, hash.digest('hex')]);
  }
  if (bytes === 0) {
    const text = `corpus.sources: expected documents in ${unread.location}, found an empty file; remove it from the sources or fill it.`;
    throw new InputError(text, { field: 'corpus.sources', file: unread.location });
  }
  const digest = unread.format === 'txt' ? textDigest(digests) : (digests[0]?.[1] ?? '');
  return { ...unread, digest, bytes };
}

export function partFiles(part: Part, options: ListPartsOptions): Promise<PartFile[]> {
  if (isRemote(part.location)) return remotePartFiles(part, sourceStore(options), options.signal);
  return readable(part.location, () => localPartFiles(part, part.location));
}

function sourceStore(options: ListPartsOptions): OpenSource {
  return options.openSource ?? ((url) => openStore(url));
}

/**
 * Checks a part's first record as the corpus stage will: fields there and valid, file readable.
 * With `onBadDocument: skip` the first good one of the first batch counts.
 * @throws InputError naming file and line
 */
export async function checkFirstRecord(
  part: Part,
  rule: DocumentRule & { readonly onBadDocument: 'fail' | 'skip' },
  options: ListPartsOptions,
): Promise<void> {
  try {
    const files = (await partFiles(part, options)).slice(0, 1);
    const [first] = files;
    if (part.format === 'parquet' && first) {
      await checkColumns(first, rule);
      return;
    }
    for await (const { file, records } of readRecords({ part, files, ...rule })) {
      const parsed = records.map((record) => ({
        line: record.line,
        found: 'bad' in record ? record.bad : parseDocument(record.fields, rule),
      }));
      if (rule.onBadDocument === 'skip' && parsed.some(({ found }) => !isBad(found))) return;
      const bad = parsed[0];
      if (!bad || !isBad(bad.found)) return;
      throw new InputError(
        `${file}:${bad.line}: ${bad.found.problem}; correct the file, or corpus.id, corpus.text and corpus.split.`,
        {
          file,
          line: bad.line,
          ...bad.found.details,
        },
      );
    }
    throw new InputError(
      `Expected at least one document in ${part.location}, found none; remove it from the sources.`,
      { file: part.location },
    );
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    throw new InputError(error.message, error.details, { cause: error });
  }
}

async function checkColumns(file: PartFile, rule: DocumentRule): Promise<void> {
  const { columns, rows } = await readParquetShape(await file.open(), file.label);
  const wanted = [rule.idField, rule.textField, ...('field' in rule.split ? [rule.split.field] : [])];
  const missing = wanted.filter((column) => !columns.includes(column));
  if (missing.length > 0) {
    throw new InputError(
      `${file.label}: expected the columns ${wanted.join(', ')}, found ${columns.join(', ')}; correct corpus.id, corpus.text and corpus.split.`,
      { file: file.label, missing, columns },
    );
  }
  if (rows === 0)
    throw new InputError(`Expected at least one document in ${file.label}, found no row; remove it from the sources.`, {
      file: file.label,
    });
}

/** Runs a read of the file system; its errors become InputErrors that name the file. */
async function readable<T>(file: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof AssayError && error.exitCode !== 1) throw error;
    const { code, message } = error as NodeJS.ErrnoException;
    const found =
      code === 'ENOENT' ? 'found no such file' : code === 'EACCES' || code === 'EPERM' ? 'may not read it' : message;
    throw new InputError(
      `corpus.sources: expected a readable file or folder ${file}, ${found}; correct the path (relative ones start at the run file) or its rights.`,
      { field: 'corpus.sources', file, code },
      { cause: error },
    );
  }
}

function nothingFound(source: string, options: ListPartsOptions): InputError {
  const what = isGlob(source) ? 'the pattern matches nothing' : 'there is no file of a known kind';
  return new InputError(
    `corpus.sources: expected files named ${KNOWN_NAMES} at ${source}, ${what} (relative to ${options.baseFolder}); correct the source or corpus.format.`,
    { field: 'corpus.sources', source },
  );
}

function refuseDoubles(parts: readonly Part[]): void {
  const seen = new Map<string, string>();
  for (const { digest, location } of parts) {
    const first = seen.get(digest);
    if (first !== undefined) {
      throw new InputError(
        `corpus.sources: expected every part once, found the same content in ${first} and ${location}; remove one of them.`,
        { field: 'corpus.sources', files: [first, location], digest },
      );
    }
    seen.set(digest, location);
  }
}
