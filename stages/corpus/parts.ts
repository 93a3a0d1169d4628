// From the sources of a run file to the ordered list of parts, each with its digest, and what is to be said of what is left out.
// Reads files and listings; writes nothing.
import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { InputError } from '../../schemas/errors.js';
import type { Part } from '../../schemas/stored.js';
import { headOf } from './first-record.js';
import { formatOf, KNOWN_NAMES, type Format } from './formats.js';
import { globPattern, globRoot, isGlob } from './glob.js';
import { isRemote, isText, splitLocation } from './part-files.js';
import { partDigest } from './read-records.js';
import { partFiles, readable, sourceStore, type ListPartsOptions } from './source-files.js';
import { emptyNote, leftOutNote, madeIdsNote } from './source-notes.js';
import { walkFolder } from './walk-folder.js';

type Unread = Omit<Part, 'digest' | 'bytes'>;
type LeftOut = { readonly name: string; readonly why: string };

/** What a source gives: parts still to be read, and what of it is left out. */
interface Listed {
  readonly parts: readonly Unread[];
  readonly leftOut: readonly LeftOut[];
}

/**
 * The parts of a corpus: sources in the given order, the files of a folder, pattern or prefix in the order of their names
 * (UTF-16 code units); all .txt files below a folder are one part, before its other files. Files without a document are left out
 * where another has one.
 * @throws InputError where a source is missing, unreadable, empty, of an unknown kind or given twice
 */
export async function listParts(sources: readonly string[], options: ListPartsOptions): Promise<Part[]> {
  const parts: Part[] = [];
  const empty: string[] = [];
  const unnamed: string[] = [];
  const say = (note: string | null): void => {
    if (note !== null) options.onNote?.(note);
  };
  for (const source of sources) {
    const { parts: found, leftOut } = await (isRemote(source)
      ? listRemote(source, options)
      : listLocal(source, options));
    if (found.length === 0) throw nothingFound(source, options);
    say(leftOutNote(source, leftOut));
    for (const unread of found) {
      const part = await digestPart(unread, options);
      if (part === null) empty.push(unread.location);
      else parts.push(part);
      if (part?.format !== 'txt' && part?.name !== undefined) unnamed.push(part.name);
    }
  }
  if (parts.length === 0) throw allEmpty(empty);
  say(emptyNote(empty));
  say(madeIdsNote(unnamed, options.idField ?? ''));
  refuseDoubles(parts);
  return parts;
}

async function listLocal(source: string, { baseFolder, format }: ListPartsOptions): Promise<Listed> {
  const full = path.resolve(baseFolder, source);
  const nameOf = (file: string): string => path.relative(baseFolder, file).split(path.sep).join('/');
  const there = await stat(full).catch(() => null);
  if (!there && isGlob(source)) {
    const { root, rest } = await patternParts(source, baseFolder);
    const pattern = globPattern(rest);
    const { files, leftOut } = await readable(root, () => walkFolder(root));
    const matches = files.filter((name) => pattern.test(name)).map((name) => path.join(root, name));
    return {
      parts: matches.map((file) => filePart(file, nameOf(file), format)),
      leftOut: leftOut.filter(({ why }) => why !== 'hidden'),
    };
  }
  const info = there ?? (await readable(full, () => stat(full)));
  if (!info.isDirectory()) return { parts: [filePart(full, nameOf(full), format)], leftOut: [] };
  const { files, leftOut } = await readable(full, () => walkFolder(full));
  const { parts, leftOut: unknown } = folderParts(files, full, format);
  const named = parts.map((part) =>
    part.kind === 'folder' ? part : { ...part, ...(part.format === 'txt' ? { name: nameOf(part.location) } : {}) },
  );
  return { parts: named, leftOut: [...unknown, ...leftOut] };
}

/** A pattern's folder, and what below it is a pattern: a folder that exists is no pattern, whatever its name. */
async function patternParts(source: string, baseFolder: string): Promise<{ root: string; rest: string }> {
  const segments = path.posix.normalize(source.split(path.sep).join('/')).split('/');
  let root = source.startsWith('/') ? '/' : baseFolder;
  let first = 0;
  for (; first < segments.length - 1; first++) {
    const next = path.resolve(root, segments[first] ?? '');
    if (isGlob(segments[first] ?? '') && !(await stat(next).catch(() => null))?.isDirectory()) break;
    root = next;
  }
  return { root, rest: segments.slice(first).join('/') };
}

async function listRemote(source: string, options: ListPartsOptions): Promise<Listed> {
  const { url, key } = splitLocation(source);
  const store = await sourceStore(options)(url);
  const prefix = isGlob(key) ? globRoot(key) : key.replace(/\/$/, '');
  const keys: string[] = [];
  for await (const object of store.list(prefix, { signal: options.signal })) keys.push(object.key);
  const place = (found: string): string => `${url}/${found}`;
  if (keys.includes(key)) {
    return { parts: [filePart(place(key), path.posix.basename(key), options.format)], leftOut: [] };
  }
  const folder = key === '' ? '' : `${key.replace(/\/$/, '')}/`;
  const below = keys.filter((k) => k.startsWith(folder));
  if (isGlob(key) && below.length === 0) {
    const pattern = globPattern(key);
    return {
      parts: keys.filter((k) => pattern.test(k)).map((k) => filePart(place(k), k, options.format)),
      leftOut: [],
    };
  }
  return folderParts(
    below.map((k) => k.slice(folder.length)),
    place(folder),
    options.format,
  );
}

/** Parts below a folder: its text files as one, then every other file whose kind is known. */
function folderParts(names: readonly string[], folder: string, format: Format | 'auto'): Listed {
  const parts: Unread[] = [];
  const leftOut: LeftOut[] = [];
  if (names.some(isText) && (format === 'auto' || format === 'txt')) {
    parts.push({ location: folder, kind: 'folder', format: 'txt', compression: 'none' });
  }
  for (const name of names) {
    const kind = formatOf(name, 'auto');
    if (!kind) leftOut.push({ name, why: 'of unknown kind' });
    else if (format !== 'auto' && kind.format !== format) leftOut.push({ name, why: `not ${format}` });
    else if (kind.format !== 'txt') {
      parts.push({ location: isRemote(folder) ? `${folder}${name}` : path.join(folder, name), kind: 'file', ...kind });
    }
  }
  return { parts, leftOut };
}

function filePart(location: string, name: string, format: Format | 'auto'): Unread {
  const kind = formatOf(location, format);
  if (kind) return { location, kind: 'file', ...kind, ...(kind.format === 'txt' ? { name } : {}) };
  throw new InputError(
    `corpus.sources: expected a file named ${KNOWN_NAMES}, found ${location}; rename it, or set corpus.format (Parquet is never compressed as a whole).`,
    { field: 'corpus.sources', file: location },
  );
}

/** Null for a file without a document. */
async function digestPart(unread: Unread, options: ListPartsOptions): Promise<Part | null> {
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
  const [file] = files;
  if (file && unread.kind === 'file') {
    const head = await headOf({ ...unread, bytes }, file, options.idField ?? '');
    if (head.empty) return null;
    const named =
      options.idField !== undefined && head.withoutIds ? { ...unread, name: nameIn(unread, options) } : unread;
    return { ...named, digest: partDigest(named, digests), bytes };
  }
  return bytes === 0 ? null : { ...unread, digest: partDigest(unread, digests), bytes };
}

/** A file's name in ids: its path from the run file, or its key. */
function nameIn({ location }: Unread, { baseFolder }: ListPartsOptions): string {
  if (isRemote(location)) return splitLocation(location).key;
  return path.relative(baseFolder, location).split(path.sep).join('/');
}

function allEmpty(files: readonly string[]): InputError {
  return new InputError(
    `corpus.sources: expected documents in ${files.join(', ')}, found ${files.length === 1 ? 'a file' : 'files'} without a single record; remove ${files.length === 1 ? 'it' : 'them'} from the sources or fill ${files.length === 1 ? 'it' : 'them'}.`,
    { field: 'corpus.sources', file: files[0] },
  );
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
