// What every reader of a source gives: a record, or what is wrong with it.
import type { BadRecord } from '../../core/corpus/document.js';

/** A record of a source, or what is wrong with it. `line` counts from 1; in Parquet it is the row. */
export type RawRecord =
  | { readonly line: number; readonly fields: Readonly<Record<string, unknown>> }
  | { readonly line: number; readonly bad: BadRecord };
