// What the worker asks the compute child to encode, and what it returns. Plain data.
import type { KindSettings } from '../../core/dictionaries/architecture.js';
import type { NamedSites } from '../../core/dictionaries/sites.js';
import type { ArchitectureName } from '../../schemas/dictionaries.js';
import type { EngineRecord } from '../../schemas/records.js';
import type { EncodeConfig } from './config.js';
import type { ChildOutput } from '../stage.js';

/** Name of the task that encodes one shard. */
export const ENCODE_TASK = 'encode';

export interface EncodeRequest {
  readonly spool: string;
  readonly key: string;
  readonly shard: string;
  readonly config: EncodeConfig['keyed'];
  readonly sites: NamedSites;
  /** Model reference of the activations, for the files' metadata. */
  readonly model: string;
  readonly architecture: ArchitectureName;
  readonly features: number;
  readonly settings: KindSettings;
  /** Local copy of the dictionary's safetensors file. */
  readonly weights: string;
  /** Local copies of the shard's activations objects, in order, by site. */
  readonly activations: readonly (readonly string[])[];
}

export interface EncodeResponse {
  readonly output: ChildOutput;
  readonly engine: EngineRecord;
}
