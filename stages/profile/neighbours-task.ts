// Makes the `neighbours` table of one range of features in the compute child: the decoder rows against all others, and the rows of
// `acts`, of all splits, on which features fire together.
//
//   rows     all stored rows while their firings are at most MOST_FIRINGS; else those with keyedHash('together', [doc, pos, 0]) < s · 2^53,
//            s = MOST_FIRINGS / firings: the same rows however they are divided into shards. N and s stand in the file's metadata.
import path from 'node:path';
import { keyedHash } from '../../core/tensor/keyed-hash.js';
import type { ChildContext } from '../../runtime/child/protocol.js';
import type { TableColumns } from '../../storage/tables/layouts.js';
import { readTable } from '../../storage/tables/read.js';
import { TableWriter } from '../../storage/tables/table-writer.js';
import type { ChildOutput } from '../stage.js';
import type { ProfileKeyed } from './config.js';
import { DecoderRows } from './decoder-rows.js';
import type { ProfileRequest } from './messages.js';
import { profileMetadata } from './metadata.js';
import { NearestRows, type NearestRow } from './nearest-rows.js';
import { FiringRows, type Neighbour } from './together.js';

type Request = ProfileRequest<Extract<ProfileKeyed, { readonly table: 'neighbours' }>>;

/** Firings that are held at once, twice four bytes each. */
const MOST_FIRINGS = 2 ** 26;
const WRITTEN = 1024;

export async function makeNeighbours(request: Request, context: ChildContext): Promise<ChildOutput> {
  const { keyed, aux, range, shard, spool } = request;
  const tooWide = aux.features > keyed.upTo;
  const firings = tooWide ? null : await readFirings(request, context);
  const decoder = tooWide ? '' : await openNearest(request);
  const leftOut = tooWide
    ? `neighbours: ${aux.features} features are more than ${keyed.upTo} (index.neighboursUpTo)`
    : typeof decoder === 'string'
      ? `cosine: ${decoder}`
      : '';
  const said = { leftOut, rows: String(firings?.rows.rows ?? 0), share: String(firings?.share ?? 1) };
  const options = { table: 'neighbours', path: path.join(spool, 'neighbours.arrow'), shard } as const;
  const writer = await TableWriter.open<'neighbours'>({ ...options, metadata: profileMetadata(request, said) });
  try {
    const together = firings?.rows.neighbours(range.from, range.to);
    const cosine = typeof decoder === 'string' ? null : decoder.neighbours(range.from, range.to);
    let rows = new NeighbourRows();
    for (let feature = range.from; feature < range.to; feature++) {
      const next = (await cosine?.next())?.value as readonly NearestRow[] | undefined;
      rows.add(feature, next ?? [], (together?.next().value as readonly Neighbour[] | undefined) ?? []);
      if (rows.count < WRITTEN && feature + 1 < range.to) continue;
      await writer.write(rows.columns());
      rows = new NeighbourRows();
      context.alive();
    }
    return { files: await writer.finish(), statistics: { features: range.to - range.from, ...said } };
  } catch (error) {
    await writer.abort();
    throw error;
  } finally {
    if (typeof decoder !== 'string') await decoder.release();
  }
}

async function openNearest({ weights, aux, keyed }: Request): Promise<NearestRows | string> {
  const rows = await DecoderRows.open(weights ?? '', aux);
  if (typeof rows === 'string') return rows;
  try {
    return await NearestRows.open(await rows.read(0, rows.features), rows.width, keyed.engine);
  } finally {
    await rows.close();
  }
}

async function readFirings(
  { shards, aux }: Request,
  context: ChildContext,
): Promise<{ readonly rows: FiringRows; readonly share: number }> {
  const total = shards.reduce((sum, { firings }) => sum + firings, 0);
  const share = Math.min(1, MOST_FIRINGS / Math.max(1, total));
  const rows = new FiringRows(aux.features, Math.ceil(total * share));
  const below = share * 2 ** 53;
  for (let index = 0; index < shards.length; index++) {
    for (const file of await context.ask<string[]>('acts', { index })) {
      const { doc, pos, features } = (await readTable('acts', file)).columns;
      const { offsets, feature } = features;
      for (let row = 0; row < doc.length; row++)
        if (share === 1 || keyedHash('together', [doc[row] as number, pos[row] as number, 0]) < below)
          rows.add(feature.subarray(offsets[row], offsets[row + 1]));
      context.progress({ rows: feature.length });
    }
  }
  return { rows, share };
}

/** Rows in hand, column by column. */
class NeighbourRows {
  readonly #feature: number[] = [];
  readonly #cosine: NearestRow[] = [];
  readonly #together: Neighbour[] = [];
  readonly #ends = { cosine: [0], together: [0] };

  get count(): number {
    return this.#feature.length;
  }

  add(feature: number, cosine: readonly NearestRow[], together: readonly Neighbour[]): void {
    this.#feature.push(feature);
    this.#cosine.push(...cosine);
    this.#together.push(...together);
    this.#ends.cosine.push(this.#cosine.length);
    this.#ends.together.push(this.#together.length);
  }

  columns(): TableColumns['neighbours'] {
    const [cosine, together] = [this.#cosine, this.#together];
    return {
      feature: Uint32Array.from(this.#feature),
      cosine: {
        offsets: Uint32Array.from(this.#ends.cosine),
        feature: Uint32Array.from(cosine, (one) => one.feature),
        value: Float32Array.from(cosine, (one) => one.value),
      },
      together: {
        offsets: Uint32Array.from(this.#ends.together),
        feature: Uint32Array.from(together, (one) => one.feature),
        value: Float32Array.from(together, (one) => one.value),
        n: Float64Array.from(together, (one) => one.n),
      },
    };
  }
}
