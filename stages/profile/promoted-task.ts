// Makes the `promoted` table of one range of features in the compute child: decoder rows through the model's final norm and
// unembedding, a block of rows at a time, and the share of activation mass that token identity explains, from the postings.
import path from 'node:path';
import { canonicalJson } from '../../core/identity/canonical-json.js';
import { halfToFloat } from '../../core/tensor/half.js';
import { loadEdits } from '../../models/edits.js';
import { Lens } from '../../models/lens.js';
import type { ChildContext } from '../../runtime/child/protocol.js';
import { SessionCache } from '../../runtime/session-cache.js';
import { DataError } from '../../schemas/errors.js';
import { readTable } from '../../storage/tables/read.js';
import { TableWriter } from '../../storage/tables/table-writer.js';
import type { TableColumns } from '../../storage/tables/layouts.js';
import type { ChildOutput } from '../stage.js';
import type { ProfileKeyed } from './config.js';
import { DecoderRows } from './decoder-rows.js';
import type { ProfileRequest } from './messages.js';
import { profileMetadata } from './metadata.js';
import { readPlaces } from './stored-rows.js';
import { streamDirections } from './stream-directions.js';
import { TokenShare } from './token-share.js';

type Request = ProfileRequest<Extract<ProfileKeyed, { readonly table: 'promoted' }>>;

/** Rows of one product: their logits take 64 MiB in a vocabulary of 262,144. */
const BATCH_ROWS = 64;

/** A lens, or why there is none. */
interface Opened {
  readonly lens: Lens | string;
  release(): Promise<void>;
}
const lenses = new SessionCache<Opened>(1);

export async function makePromoted(request: Request, context: ChildContext): Promise<ChildOutput> {
  const { range, spool, shard } = request;
  const shares = await tokenShares(request, context);
  const { leftOut, blocks } = await promotedBlocks(request, context);
  const metadata = profileMetadata(request, { leftOut, finalScale: '1' });
  const options = { table: 'promoted', path: path.join(spool, 'promoted.arrow'), shard, metadata } as const;
  const writer = await TableWriter.open<'promoted'>(options);
  try {
    for (const { from, to, raised, lowered } of blocks)
      await writer.write({
        feature: Uint32Array.from({ length: to - from }, (_, i) => from + i),
        raised,
        lowered,
        tokenShare: shares.subarray(from - range.from, to - range.from),
      });
    return { files: await writer.finish(), statistics: { features: range.to - range.from, leftOut } };
  } catch (error) {
    await writer.abort();
    throw error;
  }
}

type Side = TableColumns['promoted']['raised'];
interface Block {
  readonly from: number;
  readonly to: number;
  readonly raised: Side;
  readonly lowered: Side;
}

/** The tokens of every feature of the range; empty with the reason where they cannot be told. */
async function promotedBlocks(
  request: Request,
  context: ChildContext,
): Promise<{ readonly leftOut: string; readonly blocks: readonly Block[] }> {
  const { weights, aux, range } = request;
  const rows = await DecoderRows.open(weights ?? '', aux);
  if (typeof rows === 'string') return { leftOut: rows, blocks: [emptyBlock(range)] };
  try {
    const toStream = streamDirections(aux.writes, aux.writes[0]?.width ?? 0);
    if (typeof toStream === 'string') return { leftOut: toStream, blocks: [emptyBlock(range)] };
    const name = canonicalJson({ place: request.model, model: request.keyed.model, engine: request.keyed.engine });
    const create = async (): Promise<Opened> =>
      openLens(request, toStream(await rows.read(range.from, range.from + 1)));
    return await lenses.use(name, create, async ({ lens }) => {
      if (typeof lens === 'string') return { leftOut: lens, blocks: [emptyBlock(range)] };
      const blocks: Block[] = [];
      for (let from = range.from; from < range.to; from += lens.batchRows) {
        const to = Math.min(range.to, from + lens.batchRows);
        const { tokens, raised, lowered } = await lens.promote(toStream(await rows.read(from, to)));
        blocks.push({ from, to, raised: sideOf(raised, tokens), lowered: sideOf(lowered, tokens) });
        context.alive();
      }
      return { leftOut: '', blocks };
    });
  } finally {
    await rows.close();
  }
}

async function openLens({ keyed, model }: Request, probe: Float32Array): Promise<Opened> {
  if (!model)
    throw new DataError(
      'Expected the files of the model, found none; the lot was planned by another version: resume the run.',
    );
  const edits = await loadEdits(keyed.model.edits, model.editValues ?? {});
  const batchRows = Math.max(4, Math.min(BATCH_ROWS, keyed.rows.contextTokens));
  const lens = await Lens.open({ place: model, edits, engine: keyed.engine, batchRows }, probe);
  return { lens, release: async () => (typeof lens === 'string' ? undefined : lens.release()) };
}

function sideOf(
  { token, value }: { readonly token: Float64Array; readonly value: Float32Array },
  tokens: number,
): Side {
  const rows = value.length / tokens;
  const offsets = Uint32Array.from({ length: rows + 1 }, (_, row) => row * tokens);
  return { offsets, token: Uint32Array.from(token), value };
}

function emptyBlock({ from, to }: Request['range']): Block {
  const none = (): Side => ({
    ...{ offsets: new Uint32Array(to - from + 1), token: new Uint32Array(0), value: new Float32Array(0) },
  });
  return { from, to, raised: none(), lowered: none() };
}

/** The share of every feature of the range; NaN where it does not fire on test rows. */
async function tokenShares(request: Request, context: ChildContext): Promise<Float64Array> {
  const { range, postings } = request;
  const shares = new Float64Array(range.to - range.from).fill(NaN);
  const tokens = new TokenList();
  const wanted = ({ split }: { readonly split: string | null }): boolean => split === 'test';
  const places = await readPlaces(request, context, { wanted, each: (token) => tokens.add(token) });
  const share = new TokenShare(tokens.counts());
  let current = range.from;
  const closeBefore = (feature: number): void => {
    for (; current < feature; current++) shares[current - range.from] = share.close();
  };
  for (const file of postings) {
    const { feature, doc, pos, value } = (await readTable('postings', file)).columns;
    for (let i = 0; i < feature.length; i++) {
      if (feature[i] !== current) closeBefore(feature[i] as number);
      const found = places.find(doc[i] as number, pos[i] as number);
      // A row of another split.
      if (found) share.add(tokens.at(found.row), halfToFloat(value[i] as number));
    }
    context.progress({ rows: feature.length });
  }
  closeBefore(range.to);
  return shares;
}

/** Token ids of rows, in order. */
class TokenList {
  #ids = new Uint32Array(65_536);
  #n = 0;
  #greatest = 0;

  add(token: number): void {
    if (this.#n === this.#ids.length) {
      const more = new Uint32Array(2 * this.#n);
      more.set(this.#ids);
      this.#ids = more;
    }
    this.#ids[this.#n++] = token;
    if (token > this.#greatest) this.#greatest = token;
  }

  at(row: number): number {
    return this.#ids[row] as number;
  }

  /** Rows per token id. */
  counts(): Uint32Array {
    const counts = new Uint32Array(this.#greatest + 1);
    for (let row = 0; row < this.#n; row++) {
      const token = this.#ids[row] as number;
      counts[token] = (counts[token] as number) + 1;
    }
    return counts;
  }
}
