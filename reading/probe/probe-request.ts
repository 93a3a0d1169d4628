// What probing a dictionary is asked, what rows it has drawn, and the document that it gives. Types alone.
import type { z } from 'zod';
import type { saeProbeDocument } from '../../schemas/documents/sae-probe.js';
import type { Split } from '../../schemas/stages.js';
import type { DictionaryName } from '../datasets/given-names.js';
import type { LabelsGiven } from './given-labels.js';
import type { LabelledRows } from './labelled-rows.js';

export type ProbeDocument = z.infer<typeof saeProbeDocument>;

export interface ProbeRequest {
  readonly name: DictionaryName;
  readonly labels: LabelsGiven;
  readonly fit: Split;
  /** Most rows of a class in each split. */
  readonly rows: number;
  readonly resamples: number;
  readonly seed: number;
  /** Bytes of activations of a split after which no further shard is read. */
  readonly mostBytes: number;
  /** Bytes of the drawn rows' activations that may be held; default 4 GiB. */
  readonly mostHeld?: number;
  readonly cacheFolder: string;
  readonly signal: AbortSignal;
  readonly progress: (doing: string) => void;
}

export interface DrawnClasses {
  readonly fit: LabelledRows;
  readonly test: LabelledRows;
  /** Of the classes that are probed. */
  readonly labels: readonly string[];
  readonly leftOut: ProbeDocument['leftOut'];
}
