// A routed dictionary applied to rows: they are sorted by their expert, and each expert sees its own, so that a row costs what one
// expert costs. The graphs are core/dictionaries/routing/expert-graph.ts; weights lie in memory once.
import type { Firing } from './slice/firing.js';
import type { BatchRows, Inference } from './step.js';
import type { AppliedSettings, WeightReader } from './applied.js';
import { ENCODE_OUTPUTS } from '../core/dictionaries/encode-graph.js';
import {
  ROUTE_OUTPUTS,
  WEIGHT_FEED,
  buildExpertGraph,
  buildRouteGraph,
  expertParts,
} from '../core/dictionaries/routing/expert-graph.js';
import { expertFeatures, routedOf, routerParameters } from '../core/dictionaries/routing/router.js';
import { rowsFeed } from '../core/dictionaries/step-graph.js';
import { Session, type TensorValue } from '../runtime/session.js';

/** Rows that an expert sees at once. */
const EXPERT_ROWS = 128;

type Feeds = Readonly<Record<string, TensorValue>>;

/** The expert of each row and the weight of what fires on it. */
export interface RoutedRows {
  readonly expert: Int32Array;
  /** Null: 1. */
  readonly weight: Float32Array | null;
}

export class RoutedDictionary {
  readonly settings: AppliedSettings;
  readonly #route: Session;
  readonly #expert: Session;
  readonly #router: Feeds;
  /** Tensors of each expert. */
  readonly #experts: readonly Feeds[];
  readonly #rows: number;
  readonly #width: number;

  #last: Promise<unknown> = Promise.resolve();

  private constructor(
    settings: AppliedSettings,
    sessions: { readonly route: Session; readonly expert: Session },
    weights: { readonly router: Feeds; readonly experts: readonly Feeds[] },
  ) {
    this.settings = settings;
    this.#route = sessions.route;
    this.#expert = sessions.expert;
    this.#router = weights.router;
    this.#experts = weights.experts;
    this.#rows = Math.min(settings.batchRows, EXPERT_ROWS);
    this.#width = settings.shape.sites.widths[0] ?? 0;
  }

  /** @param read the stored weights, in the units of the rows */
  static async open(settings: AppliedSettings, read: WeightReader): Promise<RoutedDictionary> {
    const { shape, batchRows } = settings;
    const { experts } = routedOf(shape.sites);
    const engine = { ...settings.engine, provider: 'cpu' as const };
    const graph = { ...shape, settings: settings.settings };
    const own = buildExpertGraph({ ...graph, batchRows: Math.min(batchRows, EXPERT_ROWS) });
    const sessions = {
      route: await Session.create(buildRouteGraph({ ...shape, batchRows }).toModelBytes(), engine),
      expert: await Session.create(own.toModelBytes(), engine),
    };
    const router: Record<string, TensorValue> = {};
    for (const { name, shape: axes } of routerParameters(shape))
      router[name] = { dtype: 'float32', dims: axes, data: await read(name, 0, axes[0] ?? 0) };
    const all: Feeds[] = [];
    for (let e = 0; e < experts; e++) {
      const feeds: Record<string, TensorValue> = {};
      for (const part of expertParts(shape, e))
        feeds[part.name] = { dtype: 'float32', dims: part.shape, data: await read(part.name, part.from, part.count) };
      all.push(feeds);
    }
    return new RoutedDictionary(settings, sessions, { router, experts: all });
  }

  /** What fires on a batch of B rows, and ‖x_hat − x‖² of each row. Batches wait for each other. */
  apply({ reads }: BatchRows): Promise<Inference> {
    const applied = this.#last.then(() => this.#apply(reads[0] as Float32Array));
    this.#last = applied.catch(() => undefined);
    return applied;
  }

  async #apply(x: Float32Array): Promise<Inference> {
    const { batchRows } = this.settings;
    const { expert, weight } = await this.route(x);
    const squares = new Float64Array(batchRows);
    const fired: Fired[] = Array.from({ length: batchRows }, () => NOTHING);
    for (const [e, rows] of rowsByExpert(expert, this.#experts.length).entries())
      for (let from = 0; from < rows.length; from += this.#rows)
        await this.#applyExpert(e, { x, weight, rows: rows.subarray(from, from + this.#rows) }, { fired, squares });
    return { firing: [joinFired(fired)], squares };
  }

  /** The expert of each row. @param x [B, d] */
  async route(x: Float32Array): Promise<RoutedRows> {
    const rows: TensorValue = { dtype: 'float32', dims: [this.settings.batchRows, this.#width], data: x };
    const found = await this.#route.run({ ...this.#router, [rowsFeed(0)]: rows });
    const weight = found[ROUTE_OUTPUTS.weight]?.data as Float32Array | undefined;
    return { expert: found[ROUTE_OUTPUTS.expert]?.data as Int32Array, weight: weight ?? null };
  }

  /** One expert on some of the rows, which are its own. */
  async #applyExpert(
    e: number,
    { x, weight, rows }: { readonly x: Float32Array; readonly weight: Float32Array | null; readonly rows: Uint32Array },
    into: { readonly fired: Fired[]; readonly squares: Float64Array },
  ): Promise<void> {
    const width = this.#width;
    const own = new Float32Array(this.#rows * width);
    rows.forEach((row, i) => own.set(x.subarray(row * width, (row + 1) * width), i * width));
    const feeds: Record<string, TensorValue> = {
      ...this.#experts[e],
      [rowsFeed(0)]: { dtype: 'float32', dims: [this.#rows, width], data: own },
    };
    if (weight) {
      const data = new Float32Array(this.#rows);
      rows.forEach((row, i) => (data[i] = weight[row] as number));
      feeds[WEIGHT_FEED] = { dtype: 'float32', dims: [this.#rows, 1], data };
    }
    const found = await this.#expert.run(feeds);
    const value = found[ENCODE_OUTPUTS.value]?.data as Float32Array;
    const feature = (found[ENCODE_OUTPUTS.feature]?.data as Int32Array | undefined) ?? null;
    const errSq = found[ENCODE_OUTPUTS.errSq]?.data as Float32Array;
    const { shape } = this.settings;
    const first = e * expertFeatures(shape.features, routedOf(shape.sites));
    const capacity = value.length / this.#rows;
    rows.forEach((row, i) => {
      into.squares[row] = errSq[i] as number;
      into.fired[row] = firedOf({ feature, value, from: i * capacity, capacity, first });
    });
  }

  async release(): Promise<void> {
    await this.#route.release();
    await this.#expert.release();
  }
}

/** What fires on one row, features ascending. */
interface Fired {
  readonly feature: Uint32Array;
  readonly value: Float32Array;
}
const NOTHING: Fired = { feature: new Uint32Array(0), value: new Float32Array(0) };

interface RowPairs {
  /** Null: column i is feature i. */
  readonly feature: Int32Array | null;
  readonly value: Float32Array;
  readonly from: number;
  readonly capacity: number;
  /** First feature of the expert. */
  readonly first: number;
}

function firedOf({ feature, value, from, capacity, first }: RowPairs): Fired {
  const places: number[] = [];
  for (let p = from; p < from + capacity; p++) if ((value[p] as number) > 0) places.push(p);
  const own = (p: number): number => (feature ? (feature[p] as number) : p - from);
  if (feature) places.sort((a, b) => own(a) - own(b));
  return {
    feature: Uint32Array.from(places, (p) => first + own(p)),
    value: Float32Array.from(places, (p) => value[p] as number),
  };
}

/** Rows of each expert, in their order. */
export function rowsByExpert(expert: Int32Array, experts: number): Uint32Array[] {
  const counts = new Uint32Array(experts);
  for (const e of expert) counts[e] = (counts[e] as number) + 1;
  const rows = [...counts].map((count) => new Uint32Array(count));
  counts.fill(0);
  expert.forEach((e, row) => {
    const at = counts[e] as number;
    (rows[e] as Uint32Array)[at] = row;
    counts[e] = at + 1;
  });
  return rows;
}

function joinFired(fired: readonly Fired[]): Firing {
  const offsets = new Uint32Array(fired.length + 1);
  fired.forEach(({ feature }, i) => (offsets[i + 1] = (offsets[i] as number) + feature.length));
  const total = offsets[fired.length] as number;
  const joined: Firing = { offsets, feature: new Uint32Array(total), value: new Float32Array(total) };
  fired.forEach(({ feature, value }, i) => {
    joined.feature.set(feature, offsets[i]);
    joined.value.set(value, offsets[i]);
  });
  return joined;
}
