// The PCA baseline of a dictionary: the best reconstruction of rank k, fitted on the fit rows of a site and evaluated on its
// test rows, the same rows that the dictionary's test metrics cover. Reads activations by ranges; holds one batch.
import { addRows, emptySecondMoments, pcaFvu, type SecondMoments } from '../../core/dictionaries/pca.js';
import { halfsToFloats } from '../../core/tensor/half.js';
import type { Split } from '../../schemas/stages.js';
import type { Commit } from '../../schemas/records.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import { newCounters, readBatches } from '../../storage/scan/batch-reader.js';
import { planRanges } from '../../storage/scan/planner.js';

export interface PcaBaselineParts {
  readonly store: ObjectStore;
  /** Activations commits of one site (its pinned snapshot). */
  readonly commits: readonly Pick<Commit, 'shard' | 'split' | 'objects'>[];
  readonly width: number;
  readonly dtype: 'float16' | 'float32';
  /** Components; a dictionary's own k makes the two comparable. */
  readonly k: number;
  readonly signal?: AbortSignal;
}

export interface PcaBaseline {
  /** Σ‖e‖² / Σ‖x − x̄‖² over the test rows, x̄ their own mean. */
  readonly fvu: number;
  readonly k: number;
  readonly fitRows: number;
  readonly testRows: number;
}

/** Test FVU of PCA with k components. @throws DataError where a split has fewer than 2 rows or an object is damaged */
export async function computePcaBaseline(parts: PcaBaselineParts): Promise<PcaBaseline> {
  const fit = await sumSplit(parts, 'fit');
  const test = await sumSplit(parts, 'test');
  return { fvu: pcaFvu(fit, test, parts.k), k: parts.k, fitRows: fit.rows, testRows: test.rows };
}

async function sumSplit(
  { store, commits, width, dtype, signal }: PcaBaselineParts,
  split: Split,
): Promise<SecondMoments> {
  const own = commits.filter((commit) => commit.split === split);
  const inOrder = [...own].sort((a, b) => (a.shard < b.shard ? -1 : 1));
  const objects = inOrder.flatMap((commit) => commit.objects.filter((object) => object.table === 'activations'));
  const moments = emptySecondMoments(width);
  const options = { store, width, dtype, signal, counters: newCounters() };
  for await (const { columns } of readBatches('activations', planRanges(objects, {}), options)) {
    addRows(moments, columns.act instanceof Uint16Array ? halfsToFloats(columns.act) : columns.act);
  }
  return moments;
}
