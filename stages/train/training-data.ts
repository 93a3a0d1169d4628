// From the pinned commits of a site's activations to what a training reads: its blocks in shard order, the moments of the
// fit rows, the calib rows that are measured. Pure, so that every worker and every attempt sees the same.
import { mergeMoments, type Moments } from '../../core/dictionaries/scale.js';
import { feistelPermutation } from '../../core/tensor/feistel.js';
import { DataError } from '../../schemas/errors.js';
import type { Commit, ObjectRecord } from '../../schemas/records.js';
import type { Block } from './messages.js';

/** Most calib rows that a training measures. */
const CALIB_ROWS = 65_536;

export interface TrainingData {
  /** Blocks of the fit split, in the order of shards. */
  readonly fit: readonly Block[];
  /** Blocks of the calib split that are measured. */
  readonly calib: readonly Block[];
  readonly moments: Moments;
  /** Stored objects by key, for ranged reads. */
  readonly objects: ReadonlyMap<string, ObjectRecord>;
}

type ActivationsCommit = Pick<Commit, 'shard' | 'split' | 'objects' | 'statistics'>;

/**
 * What a training reads. @param order run seed and snapshot digest, which key the choice of calib blocks
 * @throws DataError where the fit split has no rows or a commit's statistics are not those of activations
 */
export function selectTrainingData(
  commits: readonly ActivationsCommit[],
  order: { readonly runSeed: number; readonly snapshot: string },
): TrainingData {
  const sorted = [...commits].sort((a, b) => (a.shard < b.shard ? -1 : a.shard > b.shard ? 1 : 0));
  const fit = sorted.filter((commit) => commit.split === 'fit');
  if (fit.length === 0)
    throw new DataError(
      'Expected activations of the fit split to train on, found none. Check corpus.split and the quarantine.',
    );
  const calib = blocksOf(sorted.filter((commit) => commit.split === 'calib'));
  const objects = new Map(sorted.flatMap((commit) => commit.objects).map((object) => [object.key, object]));
  return {
    fit: blocksOf(fit),
    calib: chooseCalib(calib, order),
    moments: mergeMoments(fit.map(momentsOf)),
    objects,
  };
}

/** Record batches of commits, in order. */
function blocksOf(commits: readonly ActivationsCommit[]): Block[] {
  return commits.flatMap((commit) => {
    const objects = commit.objects.filter((object) => object.table === 'activations');
    const shardRows = objects.reduce((sum, object) => sum + object.rows, 0);
    return objects.flatMap((object) =>
      object.batches.map((batch, index) => ({
        object: object.key,
        index,
        batch,
        rows: batch.rows,
        shardRows,
      })),
    );
  });
}

/** Σ x and Σ‖x‖² of a shard as its commit states them. */
function momentsOf({ shard, statistics }: ActivationsCommit): Moments {
  const { rows, sumX, sumSq } = statistics;
  if (typeof rows === 'number' && typeof sumSq === 'number' && typeof sumX === 'string') {
    const bytes = new Uint8Array(Buffer.from(sumX, 'base64'));
    return { rows, sumSq, sumX: new Float64Array(bytes.buffer) };
  }
  const text = `Expected rows, sumX and sumSq in the statistics of the activations commit of shard ${shard}, found ${Object.keys(statistics).join(', ')}. Run \`assay resume --mode all --generation 1\` to compute the activations anew.`;
  throw new DataError(text, { shard });
}

function chooseCalib(
  blocks: readonly Block[],
  { runSeed, snapshot }: { readonly runSeed: number; readonly snapshot: string },
): Block[] {
  if (blocks.length === 0) return [];
  const at = feistelPermutation(blocks.length, 'calib', runSeed, snapshot);
  const chosen: Block[] = [];
  let rows = 0;
  for (let i = 0; i < blocks.length; i++) {
    const block = blocks[at(i)] as Block;
    if (rows + block.rows > CALIB_ROWS) break;
    rows += block.rows;
    chosen.push(block);
  }
  return chosen;
}
