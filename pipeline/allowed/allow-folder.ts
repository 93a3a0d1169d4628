// The allow-list of a machine's own workers: a folder with a file for each thing that is allowed, so that two commands can add to it at
// once. `up` and `run` write it beside their stack; the workers of the stack read it. Only its owner may write there.
import { randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { digestOf } from '../../core/identity/digest.js';
import type { AllowedEntries, AllowedStore } from './allow-list.js';

const entry = z.union([
  z.strictObject({
    formatVersion: z.literal(1),
    store: z.strictObject({ url: z.string(), endpoint: z.string().nullable() }),
  }),
  z.strictObject({ formatVersion: z.literal(1), source: z.string().describe('absolute path, or a prefix in S3') }),
]);

/** Adds to the folder's list; what is there already is left as it is. */
export async function allowIn(folder: string, { stores, sources }: AllowedEntries): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const entries = [
    ...stores.map((store) => ({ formatVersion: 1, store })),
    ...sources.map((source) => ({ formatVersion: 1, source })),
  ];
  for (const value of entries) {
    const file = path.join(folder, `${digestOf(value).slice(0, 32)}.json`);
    const aside = `${file}.${randomUUID()}`;
    await writeFile(aside, `${JSON.stringify(value)}\n`, { mode: 0o600 });
    await rename(aside, file);
  }
}

/** What the folder allows; nothing where there is no folder. A file that is no entry allows nothing. */
export async function allowedIn(folder: string): Promise<AllowedEntries> {
  const names = (await readdir(folder).catch(() => [])).filter((name) => name.endsWith('.json'));
  const found = { stores: [] as AllowedStore[], sources: [] as string[] };
  for (const name of names) {
    const text = await readFile(path.join(folder, name), 'utf8').catch(() => '');
    const parsed = entry.safeParse(jsonOf(text));
    if (!parsed.success) continue;
    if ('store' in parsed.data) found.stores.push(parsed.data.store);
    else found.sources.push(parsed.data.source);
  }
  return found;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return null;
  }
}
