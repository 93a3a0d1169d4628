// Labelled rows of a split: drawn by hash while feature activations are read shard by shard, then completed with the activations of the
// drawn ones. Holds what is drawn and one batch.
import { RowDraw } from '../../core/dictionaries/probes/draw-rows.js';
import type { ProbeRows } from '../../core/dictionaries/probes/probe-class.js';
import { halfToFloat } from '../../core/tensor/half.js';
import { DataError } from '../../schemas/errors.js';
import type { Split } from '../../schemas/stages.js';
import { readBatches, type ReadOptions } from '../../storage/scan/batch-reader.js';
import { planRanges } from '../../storage/scan/planner.js';
import type { TableColumns } from '../../storage/tables/layouts.js';
import type { Labelling } from './labelling.js';
import type { StoredShard, StoredSite } from './stored-shards.js';

export interface RowsRequest {
  readonly site: StoredSite;
  readonly labelling: Labelling;
  readonly split: Split;
  /** Most rows of a class. */
  readonly most: number;
  readonly seed: number;
  /** Bytes of activations after which no further shard is read. */
  readonly mostBytes: number;
  readonly read: ReadOptions;
  readonly progress: (doing: string) => void;
}

interface DrawnRow {
  readonly doc: number;
  readonly pos: number;
  readonly shard: number;
  readonly feature: Uint32Array;
  readonly value: Float32Array;
}

export interface LabelledRows extends ProbeRows {
  /** Row numbers of each class, in the order in which they were drawn. */
  readonly byClass: readonly Uint32Array[];
  readonly shards: { readonly read: number; readonly of: number };
}

/** Rows of every class, without their activations. */
export class DrawnRows {
  readonly #request: RowsRequest;
  readonly #draw: RowDraw<DrawnRow>;
  readonly #shards: readonly StoredShard[];
  #read = 0;

  private constructor(request: RowsRequest) {
    this.#request = request;
    this.#draw = new RowDraw(request.labelling.names.length, request);
    this.#shards = request.site.shards.filter(({ split }) => split === request.split);
  }

  static async draw(request: RowsRequest): Promise<DrawnRows> {
    const drawn = new DrawnRows(request);
    await drawn.#drawShards();
    return drawn;
  }

  get shards(): LabelledRows['shards'] {
    return { read: this.#read, of: this.#shards.length };
  }

  /** Rows that are drawn of a class. */
  count(own: number): number {
    return Math.min(this.#request.most, this.#draw.seen(own));
  }

  /** The rows of the given classes with their activations. */
  async complete(classes: readonly number[]): Promise<LabelledRows> {
    const rows: DrawnRow[] = [];
    const byClass = classes.map((own) => {
      const drawn = this.#draw.drawn(own);
      rows.push(...drawn);
      return Uint32Array.from(drawn, (_, i) => rows.length - drawn.length + i);
    });
    const act = await this.#readActivations(rows);
    const acts = joinFirings(rows);
    return { doc: Uint32Array.from(rows, ({ doc }) => doc), act, acts, byClass, shards: this.shards };
  }

  async #drawShards(): Promise<void> {
    const { labelling, most, mostBytes, progress, split } = this.#request;
    let bytes = 0;
    for (const [number, shard] of this.#shards.entries()) {
      progress(`${split} rows: shard ${number + 1} of ${this.#shards.length}`);
      await this.#drawShard(shard, number);
      this.#read++;
      bytes += shard.activations.reduce((sum, object) => sum + object.bytes, 0);
      const isFull = labelling.names.every((_, own) => this.#draw.seen(own) >= most);
      if (isFull || bytes >= mostBytes) return;
    }
  }

  async #drawShard(shard: StoredShard, number: number): Promise<void> {
    const { labelling, read } = this.#request;
    const tables: TableColumns['tokens'][] = [];
    if (labelling.byToken)
      for await (const { columns } of readBatches('tokens', planRanges(shard.tokens, {}), read)) tables.push(columns);
    const labelOf = labelling.shard(tables);
    const filter = labelling.documents === null ? {} : { doc: { in: labelling.documents } };
    for await (const { columns } of readBatches('acts', planRanges(shard.acts, filter), read)) {
      const { doc, pos, features } = columns;
      for (let row = 0; row < doc.length; row++) {
        const place = { doc: doc[row] as number, pos: pos[row] as number };
        const own = labelOf(place.doc, place.pos);
        if (own < 0) continue;
        this.#draw.offer(own, place, () => {
          const [from, to] = [features.offsets[row] as number, features.offsets[row + 1] as number];
          const value = Float32Array.from(features.value.subarray(from, to), halfToFloat);
          return { ...place, shard: number, feature: features.feature.slice(from, to), value };
        });
      }
    }
  }

  /** [rows, width]; shards without a drawn row are not read. */
  async #readActivations(rows: readonly DrawnRow[]): Promise<Float32Array> {
    const { site, read, progress, split } = this.#request;
    const { width, dtype } = site;
    const act = new Float32Array(rows.length * width);
    const wanted = this.#shards.map(() => new Map<number, Map<number, number>>());
    rows.forEach(({ doc, pos, shard }, row) => {
      const own = wanted[shard] as Map<number, Map<number, number>>;
      own.set(doc, (own.get(doc) ?? new Map<number, number>()).set(pos, row));
    });
    let found = 0;
    for (const [number, own] of wanted.entries()) {
      if (own.size === 0) continue;
      progress(`${split} activations: shard ${number + 1} of ${this.#read}`);
      const plan = planRanges((this.#shards[number] as StoredShard).activations, {});
      for await (const { columns } of readBatches('activations', plan, { ...read, width, dtype })) {
        const { doc, pos } = columns;
        for (let i = 0; i < doc.length; i++) {
          const row = own.get(doc[i] as number)?.get(pos[i] as number);
          if (row === undefined) continue;
          const values = columns.act.subarray(i * width, (i + 1) * width);
          act.set(values instanceof Uint16Array ? Float32Array.from(values, halfToFloat) : values, row * width);
          found++;
        }
      }
    }
    if (found === rows.length) return act;
    throw new DataError(
      `Expected activations of ${rows.length} rows at site ${site.site} in split ${split}, found ${found}; shards of activations are missing or were made from other tokens: run \`assay resume --mode all\`.`,
      { site: site.site, split, expected: rows.length, found },
    );
  }
}

function joinFirings(rows: readonly DrawnRow[]): ProbeRows['acts'] {
  const offsets = new Uint32Array(rows.length + 1);
  rows.forEach(({ feature }, i) => {
    offsets[i + 1] = (offsets[i] as number) + feature.length;
  });
  const total = offsets[rows.length] as number;
  const joined = { offsets, feature: new Uint32Array(total), value: new Float32Array(total) };
  rows.forEach(({ feature, value }, i) => {
    joined.feature.set(feature, offsets[i]);
    joined.value.set(value, offsets[i]);
  });
  return joined;
}
