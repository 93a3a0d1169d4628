// What clients, workers and workflows agree on: queues, limits, the rule of the tolerance, names of workflows and signals.
// Imports nothing, because workflow code imports it.

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
  /** Links of the chains of a stage after which its history begins anew. */
  linksPerContinueAsNew: 500,
  trainLinkMs: 5 * 60_000,
  beatMs: 15_000,
  firstBeatMs: 2000,
  staleBeatMs: 60_000,
  snapshotMs: 30_000,
  /**
   * How long a compute child may report nothing: `plain` in plain work, multiples of it in one call of ONNX Runtime, which cannot
   * report (a graph that is compiled, a step of a wide dictionary).
   */
  noProgressMs: { plain: 5 * 60_000, phases: { work: 1, load: 12, compute: 12 } },
  sameHostMs: 10_000,
  /** A lot that nobody has taken for so long: is its queue served at all? */
  startMs: 20 * 60_000,
  /** Temporal remembers a poll for five minutes; between two looks less passes. */
  serveLookMs: 4 * 60_000,
  serveLooks: 10,
  /** What only one host can do waits so long for its worker. */
  hostStartMs: 60 * 60_000,
  leaseRetryMs: 20_000,
  /** What is asked again and again is asked more rarely in time, so that no history grows without end. */
  retryGrowth: 1.5,
  longestRetryMs: 10 * 60_000,
  membersPerContinueAsNew: 200,
  memberRetryMs: 15_000,
} as const;

/**
 * Shards that may be quarantined: 1 of 9 is more than 1 %, so the share is rounded down.
 * @param tolerance share of the planned shards, 0 to 1
 */
export function allowedShards(tolerance: number, planned: number): number {
  // A product such as 0.29 · 100 comes out just below a whole number.
  return Math.floor(tolerance * planned + 1e-9);
}

/** Workflow types, signals and queries, as clients name them. */
export const WORKFLOWS = { run: 'runWorkflow', scheduledRun: 'scheduledRun', suite: 'suiteWorkflow' } as const;
export const SIGNALS = { pause: 'pause', unpause: 'unpause', limits: 'limits' } as const;
export const PROGRESS_QUERY = 'progress';

/** Temporal search attributes of run workflows (all Keyword). */
export const SEARCH_ATTRIBUTES = {
  run: 'AssayRun',
  stage: 'AssayStage',
  owner: 'AssayOwner',
  model: 'AssayModel',
} as const;
