// What a worker takes from its environment and its options, through one schema.
import os from 'node:os';
import path from 'node:path';
import { z } from 'zod';
import { defaultChildBytes } from '../pipeline/plan/child-ceiling.js';
import { InputError } from '../schemas/errors.js';

export const ROLES = ['orchestrate', 'io', 'compute'] as const;

export const workerOptions = z.strictObject({
  address: z.string().describe('Temporal front end, host:port'),
  namespace: z.string().default('default'),
  roles: z
    .array(z.enum(ROLES))
    .min(1)
    .default([...ROLES]),
  device: z.enum(['cpu', 'cuda', 'webgpu']).default('cpu'),
  slots: z.number().int().positive().describe('compute children at once').default(os.availableParallelism()),
  memoryBytes: z.number().int().positive().describe('ceiling of one compute child').default(defaultChildBytes()),
  folder: z
    .string()
    .describe('cache, spool files and process records')
    .default(path.join(os.homedir(), '.cache', 'assay')),
  cacheBytes: z
    .number()
    .int()
    .positive()
    .default(20 * 2 ** 30),
  hostId: z.string().default(os.hostname()),
  exitWithRun: z.string().nullable().default(null).describe('workflow id after whose end the worker shuts down'),
  allow: z
    .strictObject({
      any: z.boolean().default(false).describe('everything: everybody who reaches Temporal is trusted'),
      folder: z.string().nullable().default(null).describe('list that commands of this machine add to'),
      stores: z.array(z.strictObject({ url: z.string(), endpoint: z.string().nullable() })).default([]),
      sources: z.array(z.string()).default([]).describe('folders, files and prefixes in S3'),
    })
    .prefault({})
    .describe('stores and sources that this worker may use; default none'),
  logLevel: z.enum(['debug', 'info', 'warn', 'error']).default('info'),
});
export type WorkerOptions = z.infer<typeof workerOptions>;

/** Options given as one JSON argument; secrets (store and Temporal credentials) stay in the environment. */
export function parseWorkerOptions(argument: string | undefined): WorkerOptions {
  const result = workerOptions.safeParse(JSON.parse(argument ?? '{}'));
  if (result.success) return result.data;
  const text = result.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; ');
  throw new InputError(`Worker options: ${text}. Start workers with \`assay worker\`.`);
}

const testEnvironment = z.object({ ASSAY_CRASH_POINT: z.string().optional() });

/** The crash point that a test arms in this process, or null. */
export function crashPointOfEnvironment(): string | null {
  return testEnvironment.parse(process.env).ASSAY_CRASH_POINT ?? null;
}
