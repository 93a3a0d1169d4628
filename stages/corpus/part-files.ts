// The files that a part is made of, wherever they lie, and how to open each.
import path from 'node:path';
import { DataError } from '../../schemas/errors.js';
import { isMachineFault } from '../../schemas/system-errors.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import type { Part } from '../../schemas/stored.js';
import { formatOf, type Compression } from './formats.js';
import { listTextFiles } from './read-text.js';
import { localBytes, objectBytes, type StoredBytes } from './stored-bytes.js';

export interface PartFile {
  /** Name within the part: the document's id where the file is a text. */
  readonly id: string;
  /** Name for messages. */
  readonly label: string;
  readonly compression: Compression;
  open(): Promise<StoredBytes>;
}

/** Opens a store by its URL; sources may lie in another store than the run's. */
export type OpenSource = (url: string) => Promise<ObjectStore>;

/** Whether a location is an object or a prefix in S3. */
export function isRemote(location: string): boolean {
  return location.startsWith('s3://');
}

/** Store URL and key of an `s3://bucket/key` location. */
export function splitLocation(location: string): { readonly url: string; readonly key: string } {
  const [, bucket = '', key = ''] = /^s3:\/\/([^/]+)\/?(.*)$/.exec(location) ?? [];
  return { url: `s3://${bucket}`, key };
}

/** Files of a part on this machine. @param at where its file or folder lies (a copy, for a remote part) */
export async function localPartFiles(part: Part, at: string): Promise<PartFile[]> {
  const opener = (file: string, label: string) => (): Promise<StoredBytes> =>
    localBytes(file).catch((error: unknown) => {
      if (isMachineFault(error)) throw error;
      const { code } = error as NodeJS.ErrnoException;
      throw new DataError(
        `Expected the source file ${label}, which was there when the run was planned, got ${String(code)}; put it back and resume.`,
        { file: label, code },
        { cause: error },
      );
    });
  if (part.kind === 'file') {
    const id = part.name ?? path.basename(part.location);
    return [{ id, label: part.location, compression: part.compression, open: opener(at, part.location) }];
  }
  const names = await listTextFiles(at);
  return names.map((id) => {
    const label = isRemote(part.location) ? `${part.location}${id}` : path.join(part.location, id);
    return { id, label, compression: compressionOf(id), open: opener(path.join(at, id), label) };
  });
}

/** Files of a part in a store, read by ranges. */
export async function remotePartFiles(part: Part, openSource: OpenSource, signal?: AbortSignal): Promise<PartFile[]> {
  const { url, key } = splitLocation(part.location);
  const store = await openSource(url);
  const files: PartFile[] = [];
  for await (const object of store.list(key, { signal })) {
    const wanted = part.kind === 'file' ? object.key === key : isText(object.key.slice(key.length));
    if (!wanted) continue;
    const id = part.kind === 'file' ? (part.name ?? path.posix.basename(key)) : object.key.slice(key.length);
    files.push({
      id,
      label: `${url}/${object.key}`,
      compression: part.kind === 'file' ? part.compression : compressionOf(id),
      open: () => Promise.resolve(objectBytes(store, object, signal)),
    });
  }
  if (files.length > 0) return files;
  throw new DataError(
    `Expected ${part.location}, which was there when the run was planned, found no such object; put it back and resume.`,
    {
      file: part.location,
    },
  );
}

function compressionOf(name: string): Compression {
  return formatOf(name, 'auto')?.compression ?? 'none';
}

/** Whether a name is that of a text file, hidden ones excepted. */
export function isText(name: string): boolean {
  return formatOf(name, 'auto')?.format === 'txt' && !name.split('/').some((segment) => segment.startsWith('.'));
}
