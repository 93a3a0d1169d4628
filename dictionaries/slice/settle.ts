// From candidates to pairs of what was chosen over all slices: those whose key, or value, is not below the least that fires.
import type { Kernels } from '../../runtime/kernels/kernels.js';
import type { SliceArrays } from './arrays.js';
import type { Exchange } from './exchange.js';
import type { SliceSettings } from './settings.js';

interface Settling {
  readonly settings: SliceSettings;
  readonly arrays: SliceArrays;
  readonly kernels: Kernels;
  readonly exchange: Exchange;
}

/** Of a choice by row: keys from the exchange's `least` on. @param capacity keys of a row @returns pairs, by row */
export function settleRows({ settings, arrays: a, kernels, exchange }: Settling, capacity: number): number {
  a.least.data.set(exchange.least);
  return kernels.run.keepRows(
    ...[settings.batchRows, a.filled.address, a.keys.address, capacity, a.least.address],
    ...[a.offsets.address, a.rowFeature.address, a.rowValue.address],
  );
}

/** Of a choice over the batch: candidates come by feature; they leave by line. @param values of all candidates @returns pairs */
export function settleBatch({ settings, arrays: a, kernels, exchange }: Settling, values: Float32Array): number {
  const { batchRows, parts } = settings;
  const floor = exchange.floor[0] as number;
  let ties = exchange.counts[1] as number;
  let [pairs, part] = [0, 0];
  for (const [p, value] of values.entries()) {
    if (value < floor || (value === floor && ties-- <= 0)) continue;
    const feature = a.candidateFeature.data[p] as number;
    while (feature >= (parts.ends[part] as number)) part++;
    a.inputRow.data[pairs] = part * batchRows + (a.candidateRow.data[p] as number);
    a.row.data[pairs] = feature;
    a.value.data[pairs] = value;
    pairs++;
  }
  const { run } = kernels;
  run.byRow(pairs, parts.lines, a.inputRow.address, a.cursor.address, a.offsets.address, a.source.address);
  run.pick(a.row.address, a.source.address, pairs, a.rowFeature.address);
  run.pick(a.value.address, a.source.address, pairs, a.rowValue.address);
  return pairs;
}
