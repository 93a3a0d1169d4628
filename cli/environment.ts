// The environment variables that the command line reads: the only place in cli/ that knows their names.
import { homedir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { InputError } from '../schemas/errors.js';
import type { SinkSettings } from './terminal/sink.js';

const address = z.string().regex(/^[^\s/:]+:\d{1,5}$/, 'expected HOST:PORT, e.g. 127.0.0.1:7233');

const schema = z.object({
  ASSAY_STORE: z.string().min(1).optional().describe('store that commands read, where --store does not say'),
  ASSAY_DEBUG: z.string().optional().describe('set to 1: errors come with their stack'),
  ASSAY_LOG_LEVEL: z
    .enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'])
    .default('info')
    .describe('least level of the JSON logs on stderr'),
  TEMPORAL_ADDRESS: address
    .optional()
    .describe('Temporal front end, HOST:PORT; default: the one that `assay up` started'),
  TEMPORAL_NAMESPACE: z.string().min(1).default('default').describe('Temporal namespace'),
  ASSAY_CACHE: z.string().min(1).optional().describe('folder for local copies of stored files; default ~/.cache/assay'),
  NO_COLOR: z.string().optional().describe('set to anything: no colours (no-color.org)'),
  TERM: z.string().optional().describe('dumb: no colours, and no line of a terminal is replaced'),
});

export interface Environment {
  readonly store: string | null;
  readonly debug: boolean;
  readonly logLevel: 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent';
  /** Null where the environment names none. */
  readonly temporalAddress: string | null;
  readonly temporalNamespace: string;
  readonly cacheFolder: string;
}

/** Name and meaning of every variable, for the documentation. */
export const ENVIRONMENT_VARIABLES: readonly { readonly name: string; readonly meaning: string }[] = Object.entries(
  schema.shape,
).map(([name, field]) => ({ name, meaning: field.description ?? '' }));

/**
 * The variables, checked. An empty one counts as not set.
 * @throws InputError that names every wrong variable
 */
export function readEnvironment(variables: Readonly<Record<string, string | undefined>>): Environment {
  const set = Object.fromEntries(Object.entries(variables).filter(([, value]) => value !== undefined && value !== ''));
  const parsed = schema.safeParse(set);
  if (!parsed.success) {
    const lines = parsed.error.issues.map((issue) => {
      const name = String(issue.path[0]);
      return `Environment variable ${name}: found "${set[name] ?? ''}": ${issue.message} — correct or unset it.`;
    });
    throw new InputError(lines.join('\n'), {
      variables: parsed.error.issues.map((issue) => issue.path[0]),
    });
  }
  const { data } = parsed;
  return {
    store: data.ASSAY_STORE ?? null,
    debug: data.ASSAY_DEBUG !== undefined && data.ASSAY_DEBUG !== '0',
    logLevel: data.ASSAY_LOG_LEVEL,
    temporalAddress: data.TEMPORAL_ADDRESS ?? null,
    temporalNamespace: data.TEMPORAL_NAMESPACE,
    cacheFolder: data.ASSAY_CACHE ?? join(homedir(), '.cache', 'assay'),
  };
}

/** What the variables say of the terminal; needed before they are checked, since the errors are printed on it. */
export function terminalSettings(variables: Readonly<Record<string, string | undefined>>): SinkSettings {
  return { colour: !variables['NO_COLOR'], dumb: variables['TERM'] === 'dumb' };
}
