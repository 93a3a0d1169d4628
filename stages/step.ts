// Steps and what they plan. A step is a stage with its subject (`train@blocks.2.hook_resid_post`); what it reads and makes are
// datasets, and from these follows the order of a run's steps.
import type { KeyPreimage } from '../core/identity/digest.js';
import { digestOf } from '../core/identity/digest.js';
import type { Commit, Snapshot } from '../schemas/records.js';
import type { StageName } from '../schemas/stages.js';
import type { StoredFile } from '../schemas/stored.js';
import type { WorkItem } from './stage.js';

/** A dataset that a step will publish. */
export interface MadeDataset {
  readonly dataset: string;
  /** Tables of the objects that count as its content. */
  readonly tables: readonly string[];
  /** Null: known only after an earlier step. */
  readonly key: string | null;
}

export interface Step {
  /** `stage`, or `stage@subject`. Unique in a run. */
  readonly id: string;
  readonly stage: StageName;
  /** What distinguishes the steps of a stage: a site, a dictionary; null where there is one step. */
  readonly subject: string | null;
  /** Datasets that must be published whole before the step can be planned. */
  readonly reads: readonly string[];
  readonly makes: readonly MadeDataset[];
}

export function stepId(stage: StageName, subject: string | null): string {
  return subject === null ? stage : `${stage}@${subject}`;
}

/** A step; `parts` without what follows from stage and subject. */
export function stepOf(stage: StageName, subject: string | null, parts: Pick<Step, 'reads' | 'makes'>): Step {
  return { id: stepId(stage, subject), stage, subject, ...parts };
}

/** A complete snapshot with its commits. */
export interface Pinned {
  readonly snapshot: Snapshot;
  readonly commits: readonly Commit[];
  readonly segments: readonly StoredFile[];
}

/** The pinned snapshot of a dataset; null where it is not complete for this revision. */
export type PinnedReader = (dataset: string) => Promise<Pinned | null>;

export interface PlannedUnit {
  readonly item: WorkItem;
  readonly config: unknown;
}

/** A dataset that the step publishes: the commits of the items in `group` under `key`. */
export interface DatasetUnit {
  readonly dataset: string;
  readonly tables: readonly string[];
  readonly key: string;
  readonly group: string;
}

/** Items of one group commit under the same keys. */
export interface UnitGroup {
  readonly group: string;
  readonly units: readonly PlannedUnit[];
}

/** Everything that a step plans. */
export interface StepUnits {
  readonly stage: StageName;
  readonly groups: readonly UnitGroup[];
  readonly datasets: readonly DatasetUnit[];
  /** What the keys are made of, for `explain`. */
  readonly preimages: readonly KeyPreimage[];
  /** One name that stands for all keys where two runs must not work under them at once; default each key by itself. */
  readonly lease?: string;
}

/** Units of a step whose items all commit under the keys of its datasets. */
export function unitsOf(
  step: Step,
  parts: {
    readonly units: readonly PlannedUnit[];
    /** Key by dataset, or the one key of all. */
    readonly keys: string | ReadonlyMap<string, string>;
    readonly preimages: readonly KeyPreimage[];
  },
): StepUnits {
  const { units, keys, preimages } = parts;
  const keyOf = (dataset: string): string => (typeof keys === 'string' ? keys : (keys.get(dataset) ?? ''));
  return {
    stage: step.stage,
    groups: [{ group: step.id, units }],
    datasets: step.makes.map(({ dataset, tables }) => ({ dataset, tables, key: keyOf(dataset), group: step.id })),
    preimages,
  };
}

/** Digest of everything that commits hold, with their shards. */
export function contentDigest(commits: readonly Commit[]): string {
  const entries = commits.map((c) => [c.shard, c.split, c.objects.map((o) => [o.table, o.sha256])] as const);
  return digestOf([...entries].sort((a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0)));
}

/** The commits of the corpus stage, in the order of the parts. */
export function inPartOrder(commits: readonly Commit[], parts: readonly { readonly digest: string }[]): Commit[] {
  const byPart = new Map(commits.map((commit) => [(commit.inputs as { part: string }).part, commit]));
  return parts.flatMap((part) => byPart.get(part.digest) ?? []);
}
