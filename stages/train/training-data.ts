// From the pinned commits of the sites' activations to what a training reads: its blocks in shard order, the moments of the fit
// rows of each site, the calib rows that are measured. Pure, so that every worker and every attempt sees the same.
import { mergeMoments, type Moments } from '../../core/dictionaries/scale.js';
import { feistelPermutation } from '../../core/tensor/feistel.js';
import { DataError } from '../../schemas/errors.js';
import type { Commit, ObjectRecord } from '../../schemas/records.js';
import type { Split } from '../../schemas/stages.js';
import type { Source } from './config.js';
import type { Block, BlockPart, BlockShape } from './messages.js';

/** Most calib rows that a training measures. */
const CALIB_ROWS = 65_536;

export interface TrainingData {
  /** Blocks of the fit split, in the order of shards. */
  readonly fit: readonly Block[];
  /** Blocks of the calib split that are measured. */
  readonly calib: readonly Block[];
  /** Of the fit rows, by site. */
  readonly moments: readonly Moments[];
  /** Stored objects by key, for ranged reads. */
  readonly objects: ReadonlyMap<string, ObjectRecord>;
}

type ActivationsCommit = Pick<Commit, 'key' | 'shard' | 'split' | 'objects' | 'statistics'>;

/** What the rows are of and what their choice depends on. */
export interface DataSelection {
  /** The sites whose rows are fed. */
  readonly sites: readonly Source[];
  readonly runSeed: number;
  /** Digest of the pinned activations: keys the choice of calib blocks. */
  readonly snapshot: string;
}

/**
 * What a training reads.
 * @throws DataError where the fit split has no rows, a commit's statistics are not those of activations, or the rows of two
 *   sites are not the same
 */
export function selectTrainingData(commits: readonly ActivationsCommit[], selection: DataSelection): TrainingData {
  const sorted = [...commits].sort((a, b) => (a.shard < b.shard ? -1 : a.shard > b.shard ? 1 : 0));
  const bySite = selection.sites.map(({ activationsKey }) => sorted.filter((commit) => commit.key === activationsKey));
  const split = (name: Split): ActivationsCommit[][] =>
    bySite.map((own) => own.filter((commit) => commit.split === name));
  const fit = split('fit');
  if (fit.every((own) => own.length === 0))
    throw new DataError(
      'Expected activations of the fit split to train on, found none. Check corpus.split and the quarantine.',
    );
  const objects = new Map(sorted.flatMap((commit) => commit.objects).map((object) => [object.key, object]));
  return {
    fit: zipBlocks(fit.map(blocksOf), selection.sites),
    calib: chooseCalib(zipBlocks(split('calib').map(blocksOf), selection.sites), selection),
    moments: fit.map((own) => mergeMoments(own.map(momentsOf))),
    objects,
  };
}

/** Blocks of all sites side by side. @throws DataError where they are not cut alike */
function zipBlocks(bySite: readonly (readonly SiteBlock[])[], sites: readonly Source[]): Block[] {
  const [first = [], ...others] = bySite;
  others.forEach((own, i) => {
    const at = first.findIndex((block, n) => own[n]?.rows !== block.rows || own[n].shard !== block.shard);
    if (at < 0 && own.length === first.length) return;
    const shard = (at < 0 ? own[first.length] : first[at])?.shard ?? '';
    const [a, b] = [sites[0]?.site ?? '', sites[i + 1]?.site ?? ''];
    throw new DataError(
      `Expected the same rows of sites ${a} and ${b}, found shard ${shard} cut differently or missing for one of them; run \`assay resume --mode errored\`, so that both have all shards.`,
      { shard, sites: [a, b] },
    );
  });
  return first.map(({ rows, shardRows }, n) => ({
    rows,
    shardRows,
    parts: bySite.map((own) => (own[n] as SiteBlock).part),
  }));
}

/** A record batch of one site. */
interface SiteBlock extends BlockShape {
  readonly shard: string;
  readonly part: BlockPart;
}

/** Record batches of commits, in order. */
function blocksOf(commits: readonly ActivationsCommit[]): SiteBlock[] {
  return commits.flatMap((commit) => {
    const objects = commit.objects.filter((object) => object.table === 'activations');
    const shardRows = objects.reduce((sum, object) => sum + object.rows, 0);
    return objects.flatMap((object) =>
      object.batches.map((batch, index) => ({
        ...{ shard: commit.shard, rows: batch.rows, shardRows },
        part: { object: object.key, index, batch },
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

/** Blocks that are measured, drawn by key: as many as hold the greatest number of rows. */
export function chooseCalib(
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
