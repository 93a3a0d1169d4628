// From the pinned rows that were sorted by expert to what one expert's training reads. Pure.
import type { Moments } from '../../../core/dictionaries/scale.js';
import { DataError } from '../../../schemas/errors.js';
import type { Commit } from '../../../schemas/records.js';
import type { Split } from '../../../schemas/stages.js';
import type { Block } from '../messages.js';
import { type TrainingData, chooseCalib } from '../training-data.js';

type RowsCommit = Pick<Commit, 'shard' | 'split' | 'objects'>;

export interface ExpertSelection {
  readonly expert: number;
  readonly batchRows: number;
  readonly runSeed: number;
  /** Digest of what is read: keys the choice of calib blocks. */
  readonly snapshot: string;
  /** Of all raw fit rows, whatever their expert. */
  readonly moments: Moments;
}

/** What one expert's training reads. @throws DataError where its fit rows do not fill a batch */
export function selectExpertData(commits: readonly RowsCommit[], selection: ExpertSelection): TrainingData {
  const { expert, batchRows, moments } = selection;
  const sorted = [...commits].sort((a, b) => (a.shard < b.shard ? -1 : a.shard > b.shard ? 1 : 0));
  const blocks = (split: Split): Block[] =>
    sorted.filter((commit) => commit.split === split).flatMap((commit) => blocksOf(commit, expert));
  const fit = blocks('fit');
  const rows = fit.reduce((sum, block) => sum + block.rows, 0);
  if (rows < batchRows)
    throw new DataError(
      `Expected at least batchRows = ${batchRows} fit rows of expert ${expert}, found ${rows}. Lower saes.batchRows or saes.routed.experts, or give more text; where many rows are alike, experts cannot share them out.`,
      { expert, rows, batchRows },
    );
  const objects = new Map(sorted.flatMap((commit) => commit.objects).map((object) => [object.key, object]));
  return { fit, calib: chooseCalib(blocks('calib'), selection), moments: [moments], objects };
}

/** Record batches of the expert in one shard. */
function blocksOf({ objects }: RowsCommit, expert: number): Block[] {
  const own = objects
    .filter(({ table }) => table === 'routed')
    .flatMap((object) => object.batches.map((batch, index) => ({ object: object.key, index, batch })))
    .filter(({ batch }) => batch.rows > 0 && batch.min === expert && batch.max === expert);
  const shardRows = own.reduce((sum, { batch }) => sum + batch.rows, 0);
  return own.map((part) => ({ rows: part.batch.rows, shardRows, parts: [part] }));
}
