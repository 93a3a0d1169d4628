// `.assay/config.json`, written by `up` and `run`: which store and which Temporal the commands of a folder mean.
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
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

/** The nearest `.assay/config.json` in `start` or a folder above it; null where there is none. @throws InputError where it is damaged */
export async function findLocalConfig(start: string): Promise<FoundConfig | null> {
  for (let folder = start; ; folder = dirname(folder)) {
    const text = await readFile(join(folder, NAME), 'utf8').catch(() => null);
    if (text !== null) return { config: parseConfig(text, join(folder, NAME)), folder };
    if (folder === parse(folder).root) return null;
  }
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
