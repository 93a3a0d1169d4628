// The rows of one shard through a dictionary and its controls, in token order; sums by document in float64.
import { ARCHITECTURES } from '../../core/dictionaries/architectures.js';
import { CONTROL_NAMES, controlSubject, type ControlName } from '../../core/dictionaries/controls.js';
import {
  buildMeasureGraph,
  dictionarySubject,
  LEAST_FIRING,
  NUMBERS,
  OUTPUTS,
  type Subject,
  subjectFeed,
  VALID_FEED,
} from '../../core/dictionaries/evaluate-graph.js';
import { gatherRows } from '../../core/dictionaries/gather.js';
import { rowsFeed } from '../../core/dictionaries/step-graph.js';
import type { PlacedDictionary } from '../../core/dictionaries/splice-graph.js';
import { targetWidth, wiringFlags } from '../../core/dictionaries/sites.js';
import { tokenOrder } from '../../core/dictionaries/token-order.js';
import { digestOf } from '../../core/identity/digest.js';
import type { ChildContext } from '../../runtime/child/protocol.js';
import { Session, type TensorValue } from '../../runtime/session.js';
import { SessionCache } from '../../runtime/session-cache.js';
import { DataError } from '../../schemas/errors.js';
import { readStoredRows, type StoredRows } from '../activations/stored-rows.js';
import type { Basis } from './basis-file.js';
import type { EvaluatedDictionary, SumsConfig } from './config.js';
import { controlWeights } from './control-weights.js';
import type { SumsRequest } from './messages.js';

/** z of one batch takes 32 MiB at most. */
const Z_BYTES = 32 * 2 ** 20;
const sessions = new SessionCache<Session>(1);

/** The dictionary as graphs take it. */
export function placedDictionary({ aux }: Pick<SumsConfig, 'aux'>): PlacedDictionary {
  return placedAs('dictionary', aux);
}

/** @param name begins the names of its feeds */
export function placedAs(
  name: string,
  { sites, architecture, features, settings }: Omit<EvaluatedDictionary, 'name' | 'weights'>,
): PlacedDictionary {
  const { widths, reads, writes } = sites;
  return {
    ...{ name, kind: ARCHITECTURES[architecture] },
    sites: { widths, reads, writes, ...wiringFlags(sites) },
    features,
    settings,
  };
}

export interface MeasuredShard {
  /** Ascending. */
  readonly documents: readonly number[];
  /** [documents, 2] */
  readonly rows: Float64Array;
  readonly shift: Float64Array;
  readonly subjects: ReadonlyMap<string, Float64Array>;
  readonly fired: Uint32Array;
}

/** @param isLeftOut documents without a place in the sums */
export async function measureRows(
  request: SumsRequest,
  of: {
    readonly basis: Basis;
    readonly weights: ReadonlyMap<string, Float32Array>;
    readonly isLeftOut: (doc: number) => boolean;
  },
  context: ChildContext,
): Promise<MeasuredShard> {
  const { config } = request;
  const stored = await readStoredRows(request.activations, config.aux.sites);
  const order = tokenOrder(stored.doc, stored.pos).filter((row) => !of.isLeftOut(stored.doc[row] as number));
  const dictionary = placedDictionary(config);
  const { features } = dictionary;
  const batchRows = 2 ** Math.min(11, Math.max(6, Math.floor(Math.log2(Z_BYTES / (4 * features)))));
  const { subjects, feeds } = subjectsOf(config, of);
  const graph = { sites: dictionary.sites, batchRows, subjects, counted: dictionary.name };
  const collector = new Collector(stored, order, { config, basis: of.basis });
  const { keyed, aux } = config;
  const name = digestOf({ keyed: { ...keyed, model: null, basis: null, dictionary: null }, sites: aux.sites, architecture: aux.architecture, features, settings: aux.settings, batchRows }); // prettier-ignore
  const create = (): Promise<Session> => Session.create(buildMeasureGraph(graph).toModelBytes(), keyed.engine);
  await sessions.use(name, create, async (session) => {
    const x = dictionary.sites.widths.map((width) => new Float32Array(batchRows * width));
    const valid = new Float32Array(batchRows);
    for (let start = 0; start < order.length; start += batchRows) {
      const rows = order.subarray(start, start + batchRows);
      const given: Record<string, TensorValue> = { ...feeds };
      dictionary.sites.widths.forEach((width, site) => {
        const data = x[site] as Float32Array;
        if (rows.length < batchRows) data.fill(0);
        gatherRows(stored.act[site] as Uint16Array | Float32Array, data, { rows, width, scale: 1 });
        given[rowsFeed(site)] = { dtype: 'float32', dims: [batchRows, width], data };
      });
      if (session.inputs.includes(VALID_FEED)) {
        valid.fill(0).fill(1, 0, rows.length);
        given[VALID_FEED] = { dtype: 'float32', dims: [batchRows, 1], data: valid };
      }
      collector.take(rows, x, await session.run(given));
      context.progress({ rows: start + rows.length });
    }
  });
  return collector.finish();
}

function subjectsOf(
  { keyed, aux }: SumsConfig,
  { basis, weights }: { readonly basis: Basis; readonly weights: ReadonlyMap<string, Float32Array> },
): { readonly subjects: readonly Subject[]; readonly feeds: Readonly<Record<string, TensorValue>> } {
  const dictionary = placedDictionary({ aux });
  const width = aux.sites.widths[0] ?? 0;
  const names = keyed.controls.filter((name): name is ControlName =>
    (CONTROL_NAMES as readonly string[]).includes(name),
  );
  const found = names.flatMap((name) => {
    const own = controlWeights(name, { keyed, aux, basis });
    const subject = controlSubject(name, { width, features: aux.features, k: keyed.k });
    return own ? [{ subject, weights: own }] : [];
  });
  const all = [{ subject: dictionarySubject(dictionary), weights }, ...found];
  const feeds: Record<string, TensorValue> = {};
  for (const { subject, weights: own } of all)
    for (const { name, shape } of subject.tensors) {
      const size = shape.reduce((a, b) => a * b, 1);
      const data = own.get(name)?.subarray(0, size);
      if (data?.length !== size)
        throw new DataError(
          `Expected tensor ${name} [${shape.join(', ')}] of ${subject.name}, found ${data?.length ?? 'none'} numbers.`,
          { subject: subject.name, tensor: name },
        );
      feeds[subjectFeed(subject.name, name)] = { dtype: 'float32', dims: shape, data };
    }
  return { subjects: all.map(({ subject }) => subject), feeds };
}

/** Adds rows to their documents. */
class Collector {
  readonly #stored: StoredRows;
  readonly #site: SumsConfig['aux']['sites'];
  readonly #centres: readonly Float64Array[];
  readonly #documents: number[] = [];
  readonly #rows: Float64Array;
  readonly #shift: Float64Array;
  readonly #subjects: ReadonlyMap<string, Float64Array>;
  readonly #fired: Uint32Array;

  constructor(stored: StoredRows, order: Uint32Array, { config, basis }: { config: SumsConfig; basis: Basis }) {
    const { sites, features } = config.aux;
    this.#stored = stored;
    this.#site = sites;
    this.#centres = sites.writes.map((place) => basis.sites[place]?.centre ?? new Float64Array(0));
    this.#shift = new Float64Array(targetWidth(sites));
    this.#fired = new Uint32Array(features);
    for (const row of order) {
      const doc = stored.doc[row] as number;
      if (this.#documents.at(-1) !== doc) this.#documents.push(doc);
    }
    const n = this.#documents.length;
    this.#rows = new Float64Array(2 * n);
    const names = ['dictionary', ...config.keyed.controls];
    this.#subjects = new Map(names.map((name) => [name, new Float64Array(NUMBERS.length * n)]));
  }

  #at = -1;
  #doc = -1;

  take(rows: Uint32Array, x: readonly Float32Array[], outputs: Record<string, TensorValue>): void {
    const numbers = [...this.#subjects].flatMap(([name, sums]) => {
      const values = outputs[subjectFeed(name, OUTPUTS.numbers)]?.data as Float32Array | undefined;
      return values ? [{ name, sums, values }] : [];
    });
    rows.forEach((row, i) => {
      const doc = this.#stored.doc[row] as number;
      if (doc !== this.#doc) {
        this.#doc = doc;
        this.#at++;
      }
      const at = 2 * this.#at;
      this.#rows[at] = (this.#rows[at] as number) + 1;
      this.#rows[at + 1] = (this.#rows[at + 1] as number) + this.#deviation(x, i);
      for (const { name, sums, values } of numbers)
        for (let c = 0; c < NUMBERS.length; c++) {
          const value = values[i * NUMBERS.length + c] as number;
          if (!Number.isFinite(value)) throw this.#notFinite(name, row);
          const to = this.#at * NUMBERS.length + c;
          sums[to] = (sums[to] as number) + value;
        }
    });
    this.#count(outputs, rows.length);
  }

  finish(): MeasuredShard {
    return {
      ...{ documents: this.#documents, rows: this.#rows, shift: this.#shift, fired: this.#fired },
      subjects: this.#subjects,
    };
  }

  /** ‖x − c‖² of a row; adds x − c to the shift. */
  #deviation(x: readonly Float32Array[], i: number): number {
    let [total, to] = [0, 0];
    this.#site.writes.forEach((place, w) => {
      const width = this.#site.widths[place] as number;
      const centre = this.#centres[w] as Float64Array;
      const rows = x[place] as Float32Array;
      for (let j = 0; j < width; j++) {
        const value = (rows[i * width + j] as number) - (centre[j] as number);
        total += value * value;
        this.#shift[to] = (this.#shift[to] as number) + value;
        to++;
      }
    });
    return total;
  }

  #count(outputs: Record<string, TensorValue>, rows: number): void {
    const dense = outputs[OUTPUTS.fired]?.data as Float32Array | undefined;
    if (dense) {
      dense.forEach((count, i) => (this.#fired[i] = (this.#fired[i] as number) + count));
      return;
    }
    const [feature, value] = [outputs[OUTPUTS.feature], outputs[OUTPUTS.value]];
    const capacity = value?.dims[1] ?? 0;
    const [ids, values] = [feature?.data as Int32Array, value?.data as Float32Array];
    for (let i = 0; i < rows * capacity; i++)
      if ((values[i] as number) > LEAST_FIRING)
        this.#fired[ids[i] as number] = (this.#fired[ids[i] as number] ?? 0) + 1;
  }

  #notFinite(subject: string, row: number): DataError {
    const [doc, pos] = [this.#stored.doc[row] ?? 0, this.#stored.pos[row] ?? 0];
    return new DataError(
      `Expected a finite reconstruction by ${subject} at document ${doc}, position ${pos}, found NaN or infinity.`,
      { subject, doc, pos },
    );
  }
}

/** The activations of the shard's objects, end to end, for every site. @throws DataError where sites hold other rows */
