// Names and limits that every layer shares. Imports nothing, because workflow code may import it.

/** Version of every stored record and table; readers refuse a newer one. */
export const FORMAT_VERSION = 1;

/** The stages of a run, in the order in which they feed each other. */
export const STAGES = ['corpus', 'tokens', 'activations', 'train', 'encode', 'index'] as const;
export type RunStage = (typeof STAGES)[number];

/** Every stage that commits: those of a run, and those by which `model train` goes on from the tokens. */
export const ALL_STAGES = [...STAGES, 'stream', 'language-model'] as const;
export type StageName = (typeof ALL_STAGES)[number];

/** Splits of a corpus, in the order in which documents are numbered. */
export const SPLITS = ['fit', 'calib', 'test'] as const;
export type Split = (typeof SPLITS)[number];

/** Exit codes of the command line (contract). */
export const EXIT = { done: 0, failed: 1, badInput: 2, unreachable: 3, interrupted: 130 } as const;

/** Largest stored object, in bytes; larger content is cut into chunks of this size. */
export const MAX_OBJECT_BYTES = 128 * 2 ** 20;

/** Rows in one record batch of a table. */
export const BATCH_ROWS = { activations: 4096, postings: 16384, other: 4096, top: 256 } as const;

/** Temporal task queues by role; the host queue serves local files and cached state. */
export const QUEUES = {
  orchestrate: 'assay-orchestrate',
  io: 'assay-io',
  compute: (provider: string): string => `assay-compute-${provider}`,
  host: (hostId: string): string => `assay-host-${hostId}`,
} as const;

/** Orchestration limits (reference: Temporal's history and update limits). */
export const LIMITS = {
  window: 200,
  lotsPerPartition: 1000,
  partitions: 100,
  lotsPerContinueAsNew: 500,
  trainLinkMs: 5 * 60_000,
  beatMs: 15_000,
  staleBeatMs: 60_000,
  snapshotMs: 30_000,
  sameHostMs: 10_000,
} as const;

/** Workflow types, signals and queries, as clients name them. */
export const WORKFLOWS = { run: 'runWorkflow', scheduledRun: 'scheduledRun' } as const;
export const SIGNALS = { pause: 'pause', unpause: 'unpause', limits: 'limits' } as const;
export const PROGRESS_QUERY = 'progress';

/** Temporal search attributes of run workflows (all Keyword). */
export const SEARCH_ATTRIBUTES = {
  run: 'AssayRun',
  stage: 'AssayStage',
  owner: 'AssayOwner',
  model: 'AssayModel',
} as const;
