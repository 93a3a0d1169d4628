// `.assay/config.json`, written by `up` and `run`: which store and which Temporal the commands of a folder mean.
import { mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { dirname, join, parse } from 'node:path';
import { z } from 'zod';
import { InputError } from '../schemas/errors.js';
import type { StoreOptions } from '../storage/objects/s3-client.js';

/** Unknown fields are kept: a newer release may have written them. */
const localConfig = z.looseObject({
  formatVersion: z.literal(1),
  store: z.string().describe('canonical URL of the store'),
  storeOptions: z
    .object({
      endpoint: z.string().optional(),
      region: z.string().optional(),
      pathStyle: z.boolean().optional(),
      checksums: z.enum(['when_supported', 'when_required']).default('when_supported'),
    })
    .optional(),
  temporal: z.object({ address: z.string(), namespace: z.string(), web: z.string().optional() }).optional(),
});

export interface LocalConfig {
  readonly formatVersion: 1;
  readonly store: string;
  readonly storeOptions?: StoreOptions | undefined;
  readonly temporal?:
    { readonly address: string; readonly namespace: string; readonly web?: string | undefined } | undefined;
}

export interface FoundConfig {
  readonly config: LocalConfig;
  /** The folder that holds `.assay`. */
  readonly folder: string;
}

const NAME = join('.assay', 'config.json');

/**
 * The nearest `.assay/config.json` in `start` or a folder above it that is this user's or root's; null where there is none.
 * @throws InputError where it is damaged
 */
export async function findLocalConfig(start: string): Promise<FoundConfig | null> {
  for (const folder of upwards(start)) {
    const file = join(folder, NAME);
    const text = (await ownerOf(file)) === 'ours' ? await readFile(file, 'utf8').catch(() => null) : null;
    if (text !== null) return { config: parseConfig(text, file), folder };
  }
  return null;
}

/**
 * Configurations of other users that `findLocalConfig` passes over: they would choose the store and the Temporal server that this
 * user's commands write to and start programs for.
 */
export async function foreignConfigs(start: string, me = process.getuid?.()): Promise<string[]> {
  const found: string[] = [];
  for (const folder of upwards(start)) {
    const owner = await ownerOf(join(folder, NAME), me);
    if (owner === 'ours') return found;
    if (owner === 'foreign') found.push(join(folder, NAME));
  }
  return found;
}

function upwards(start: string): string[] {
  const folders = [start];
  for (let folder = start; folder !== parse(folder).root;) folders.push((folder = dirname(folder)));
  return folders;
}

async function ownerOf(file: string, me = process.getuid?.()): Promise<'ours' | 'foreign' | 'none'> {
  const info = await stat(file).catch(() => null);
  if (info === null) return 'none';
  // Where the system knows no users, every file is ours.
  return me === undefined || info.uid === me || info.uid === 0 ? 'ours' : 'foreign';
}

/** Writes (or replaces, in one step) the configuration of a folder. */
export async function writeLocalConfig(folder: string, config: LocalConfig): Promise<void> {
  const path = join(folder, NAME);
  await mkdir(dirname(path), { recursive: true });
  const temporary = `${path}.${process.pid}`;
  await writeFile(temporary, `${JSON.stringify(config, null, 2)}\n`);
  await rename(temporary, path);
}

function parseConfig(text: string, path: string): LocalConfig {
  let value: unknown = null;
  let fault = '';
  try {
    value = JSON.parse(text);
  } catch (error) {
    fault = (error as Error).message;
  }
  const parsed = localConfig.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const found = fault === '' ? `${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}` : fault;
  throw new InputError(
    `${path}: expected a configuration that \`assay up\` or \`assay run\` wrote, found ${found} — remove the file, or name the store with --store.`,
    { file: path },
  );
}
