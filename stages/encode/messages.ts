// What the worker asks the compute child to encode, and what it returns. Plain data.
import type { ArchitectureName } from '../../core/dictionaries/architectures.js';
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
  readonly site: string;
  /** Model reference of the activations, for the files' metadata. */
  readonly model: string;
  readonly architecture: ArchitectureName;
  readonly width: number;
  readonly features: number;
  readonly k: number;
  /** Local copy of the dictionary's safetensors file. */
  readonly weights: string;
  /** Local copies of the shard's activations objects, in order. */
  readonly activations: readonly string[];
}

export interface EncodeResponse {
  readonly output: ChildOutput;
  readonly engine: EngineRecord;
}
