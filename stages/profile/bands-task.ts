// Makes the `bands` table of one range of features in the compute child: the index's postings in order, feature by feature, with the
// rows that are stored.
import path from 'node:path';
import { halfToFloat } from '../../core/tensor/half.js';
import type { ChildContext } from '../../runtime/child/protocol.js';
import { DataError } from '../../schemas/errors.js';
import type { TableColumns } from '../../storage/tables/layouts.js';
import { readTable } from '../../storage/tables/read.js';
import { TableWriter } from '../../storage/tables/table-writer.js';
import type { ChildOutput } from '../stage.js';
import { BandSampler } from './band-sampler.js';
import type { ProfileKeyed } from './config.js';
import type { ProfileRequest } from './messages.js';
import { profileMetadata } from './metadata.js';
import { MOST_ROWS, drawQuiet } from './quiet-rows.js';
import type { RowPlaces } from './row-places.js';
import { readPlaces } from './stored-rows.js';

type Request = ProfileRequest<Extract<ProfileKeyed, { readonly table: 'bands' }>>;
/** Features whose rows are held before they are written. */
const WRITTEN = 1024;

export async function makeBands(request: Request, context: ChildContext): Promise<ChildOutput> {
  const { spool, shard, range, postings } = request;
  const places = await readPlaces(request, context);
  const leftOut = places.rows > MOST_ROWS ? `rows without the feature: more than ${MOST_ROWS} rows are stored` : '';
  const options = { table: 'bands', path: path.join(spool, 'bands.arrow'), shard } as const;
  const writer = await TableWriter.open({ ...options, metadata: profileMetadata(request, { leftOut }) });
  try {
    const bands = new BandsOfFeatures({ ...range, max: await readMaxima(request), places });
    for (const file of postings) {
      await bands.add((await readTable('postings', file)).columns, () => bands.write(writer));
      context.progress({ rows: 0 });
    }
    await bands.closeBefore(range.to, () => bands.write(writer));
    await bands.write(writer);
    const files = await writer.finish();
    return { files, statistics: { features: range.to - range.from, ...bands.counts } };
  } catch (error) {
    await writer.abort();
    throw error;
  }
}

/** The greatest value of every feature of the range; NaN where it is silent. */
async function readMaxima({ features, range }: Request): Promise<Float32Array> {
  const max = new Float32Array(range.to - range.from).fill(NaN);
  for (const file of features) {
    const { columns } = await readTable('features', file);
    columns.feature.forEach((feature, row) => (max[feature - range.from] = columns.max[row] as number));
  }
  return max;
}

interface BandsOptions {
  readonly from: number;
  readonly max: Float32Array;
  readonly places: RowPlaces;
}

/** Rows of the table, from postings in (feature, doc, pos) order. */
class BandsOfFeatures {
  readonly counts = { examples: 0, quiet: 0 };
  readonly #options: BandsOptions;
  #feature: number;
  #sampler: BandSampler;
  #fired = new Uint32Array(1024);
  #n = 0;
  #rows = new BandRows();

  constructor(options: BandsOptions) {
    this.#options = options;
    this.#feature = options.from;
    this.#sampler = this.#begin();
  }

  async add({ feature, doc, pos, value }: TableColumns['postings'], full: () => Promise<void>): Promise<void> {
    const { places } = this.#options;
    for (let i = 0; i < feature.length; i++) {
      if (feature[i] !== this.#feature) await this.closeBefore(feature[i] as number, full);
      const [d, p, half] = [doc[i] as number, pos[i] as number, value[i] as number];
      const found = places.find(d, p);
      if (!found) throw noRow(d, p);
      this.#sampler.add({ doc: d, pos: p, context: found.context, half, value: halfToFloat(half) });
      if (this.#n === this.#fired.length) this.#grow();
      this.#fired[this.#n++] = found.row;
    }
  }

  /** Ends every feature below `feature`. */
  async closeBefore(feature: number, full: () => Promise<void>): Promise<void> {
    while (this.#feature < feature) {
      const quiet = drawQuiet(this.#feature, this.#fired.subarray(0, this.#n), this.#options.places);
      this.#rows.add(this.#feature, this.#sampler, quiet);
      this.counts.examples += this.#sampler.examples.length;
      this.counts.quiet += quiet.length;
      this.#feature++;
      this.#n = 0;
      this.#sampler = this.#begin();
      if (this.#rows.count === WRITTEN) await full();
    }
  }

  async write(writer: TableWriter<'bands'>): Promise<void> {
    if (this.#rows.count > 0) await writer.write(this.#rows.columns());
    this.#rows = new BandRows();
  }

  #begin(): BandSampler {
    const { max, from } = this.#options;
    return new BandSampler(this.#feature, max[this.#feature - from] ?? NaN);
  }

  #grow(): void {
    const more = new Uint32Array(2 * this.#n);
    more.set(this.#fired);
    this.#fired = more;
  }
}

/** Rows in hand, column by column. */
class BandRows {
  readonly #feature: number[] = [];
  readonly #histogram = { ends: [0], n: [] as number[] };
  readonly #examples = {
    ...{ ends: [0], band: [] as number[], doc: [] as number[], pos: [] as number[], value: [] as number[] },
  };
  readonly #quiet = { ends: [0], doc: [] as number[], pos: [] as number[] };

  get count(): number {
    return this.#feature.length;
  }

  add(
    feature: number,
    { histogram, examples }: BandSampler,
    quiet: readonly { readonly doc: number; readonly pos: number }[],
  ): void {
    this.#feature.push(feature);
    this.#histogram.n.push(...histogram);
    this.#histogram.ends.push(this.#histogram.n.length);
    for (const { band, doc, pos, value } of examples) {
      this.#examples.band.push(band);
      this.#examples.doc.push(doc);
      this.#examples.pos.push(pos);
      this.#examples.value.push(value);
    }
    this.#examples.ends.push(this.#examples.doc.length);
    for (const { doc, pos } of quiet) {
      this.#quiet.doc.push(doc);
      this.#quiet.pos.push(pos);
    }
    this.#quiet.ends.push(this.#quiet.doc.length);
  }

  columns(): TableColumns['bands'] {
    const u32 = (values: readonly number[]): Uint32Array => Uint32Array.from(values);
    const { ends, band, doc, pos, value } = this.#examples;
    return {
      feature: u32(this.#feature),
      histogram: { offsets: u32(this.#histogram.ends), n: Float64Array.from(this.#histogram.n) },
      examples: {
        ...{ offsets: u32(ends), band: u32(band), doc: u32(doc), pos: u32(pos) },
        value: Uint16Array.from(value),
      },
      quiet: { offsets: u32(this.#quiet.ends), doc: u32(this.#quiet.doc), pos: u32(this.#quiet.pos) },
    };
  }
}

function noRow(doc: number, pos: number): DataError {
  return new DataError(
    `Expected a stored row at document ${doc}, position ${pos}, found none by the tokens; the index was made of other tokens: run \`assay verify\` on both datasets.`,
    { doc, pos },
  );
}
