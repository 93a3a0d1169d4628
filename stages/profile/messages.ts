// What the worker asks the compute child to tabulate, and what the child asks back. Plain data.
import type { ModelPlace } from '../../models/model-session.js';
import type { Split } from '../../schemas/stages.js';
import type { ProfileConfig, ProfileInputs } from './config.js';

export interface ProfiledShard {
  readonly shard: string;
  readonly split: Split | null;
  /** Stored rows and firings, by the encode commit. */
  readonly rows: number;
  readonly firings: number;
}

export interface ProfileRequest<Keyed extends ProfileConfig['keyed'] = ProfileConfig['keyed']> {
  readonly spool: string;
  readonly key: string;
  /** Name of the item's shard. */
  readonly shard: string;
  readonly range: ProfileInputs['range'];
  readonly keyed: Keyed;
  readonly aux: Pick<ProfileConfig['aux'], 'site' | 'features' | 'writes' | 'reference'>;
  /**
   * In document order. The worker answers ask('tokens', {index}) and ask('acts', {index}) with local copies of a shard's objects of
   * that table, in order.
   */
  readonly shards: readonly ProfiledShard[];
  /** Local copies of the index's objects in the range, in order. */
  readonly postings: readonly string[];
  readonly features: readonly string[];
  /** Local copy of the dictionary's safetensors file, where the table needs it. */
  readonly weights: string | null;
  /** Local copies of the model's files, where the table needs them. */
  readonly model: ModelPlace | null;
}
