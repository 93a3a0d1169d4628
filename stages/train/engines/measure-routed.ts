// The calib rows through a dictionary with a learned router in training, as it will be encoded (dictionaries/routed.ts).
import { targetWidth } from '../../../core/dictionaries/sites.js';
import { parametersOf } from '../../../core/dictionaries/state.js';
import type { StateArrays } from '../../../core/optimise/state.js';
import { RoutedDictionary } from '../../../dictionaries/routed.js';
import { tensorOf } from '../../training-state.js';
import type { StoredRows } from '../row-file.js';
import { addTargets, calibBatches } from './calib.js';
import type { CalibSums, EngineParts } from './engine.js';

/** Rows at a time, whatever the batches of training. */
const BATCH_ROWS = 4096;

export async function measureRouted(
  { shape, sae, engine, scales }: EngineParts,
  state: StateArrays,
  calib: StoredRows,
): Promise<CalibSums> {
  const { architecture } = sae;
  const dictionary = await RoutedDictionary.open(
    { shape, architecture, settings: sae, batchRows: BATCH_ROWS, engine },
    (name, from, count) => {
      const axes = parametersOf(shape).find((own) => own.name === name)?.shape ?? [];
      const width = axes.slice(1).reduce((a, b) => a * b, 1);
      return Promise.resolve((tensorOf(state, name) as Float32Array).slice(from * width, (from + count) * width));
    },
  );
  const sums = { rows: calib.rows, errSq: 0, xSq: 0, sumX: new Float64Array(targetWidth(shape.sites)), firings: 0 };
  try {
    for (const { sites, count } of calibBatches(calib, { batchRows: BATCH_ROWS, scales })) {
      const { firing, squares } = await dictionary.apply({ reads: sites, writes: sites });
      for (let i = 0; i < count; i++) sums.errSq += squares[i] as number;
      for (const { offsets } of firing) sums.firings += offsets[count] as number;
      addTargets(sums, [{ rows: sites[0] as Float32Array, width: shape.sites.widths[0] ?? 0 }], count);
    }
  } finally {
    await dictionary.release();
  }
  return sums;
}
