// The runs of the self-check: short contexts through one loaded session, as they are and with one place changed, and what the
// values tell of the sites' axes. What is checked, and what follows, is decided in check-sites.ts.
import type { BrokenIdentity } from '../core/hooks/identities.js';
import type { SiteValue } from '../core/hooks/identity-errors.js';
import {
  expectedDims,
  hasDims,
  reachError,
  reachFromMlp,
  reachFromStream,
  type Place,
  type Reach,
} from '../core/hooks/reach.js';
import type { Site } from '../core/hooks/sites.js';
import { halfsToFloats } from '../core/tensor/half.js';
import type { TensorValue } from '../runtime/session.js';
import { makeFeeds } from './feeds.js';
import type { ModelSession } from './model-session.js';
import type { Probe, ProbedModel } from './probe-streams.js';

/** Values of sites, by name. */
type Values = ReadonlyMap<string, TensorValue>;

/** A run in which one place was changed. */
export interface Change {
  readonly values: Values;
  /** What was changed there, in words. */
  readonly what: string;
  readonly reachOf: (site: string) => Reach;
}

/** Greatest change outside a reach relative to the one inside; none is expected at all. */
const REACH_TOLERANCE = 1e-3;

interface RunShape {
  readonly rows: number;
  readonly length: number;
  readonly probed: ProbedModel;
}

/** Runs contexts [rows, length] through a session with probes. */
export class CheckRun {
  readonly #model: ModelSession;
  readonly #shape: RunShape;

  constructor(model: ModelSession, shape: RunShape) {
    this.#model = model;
    this.#shape = shape;
  }

  /** The sites' values for ids, with the stream changed where `change` says. */
  async values(ids: Uint32Array, change?: { readonly probe: Probe; readonly data: Float32Array }): Promise<Values> {
    const { inputs, outputs, session, sites } = this.#model;
    const { rows, length, probed } = this.#shape;
    // What is checked holds whatever positions are counted from.
    const known = inputs.map((input) => ({ ...input, start: input.start ?? 0 }));
    const feeds = makeFeeds(known, { ids, length });
    for (const { input, width } of probed.probes) {
      if (!session.inputs.includes(input)) continue;
      const data = change?.probe.input === input ? change.data : new Float32Array(rows * length * width);
      feeds[input] = { dtype: 'float32', dims: [rows, length, width], data };
    }
    const results = await session.run(feeds, [...new Set(outputs)]);
    return new Map(sites.map(({ name }, i) => [name, results[outputs[i] ?? ''] as TensorValue]));
  }

  /** Runs with the stream changed at a place, one for each probe that the session has. */
  async streamChanges(
    ids: Uint32Array,
    { base, place, known }: { readonly base: Values; readonly place: Place; readonly known: ReadonlySet<string> },
  ): Promise<Change[]> {
    const { rows, length, probed } = this.#shape;
    const changes: Change[] = [];
    for (const probe of probed.probes) {
      const before = floatsOf(base.get(probe.site));
      if (!this.#model.session.inputs.includes(probe.input) || before === null) continue;
      const data = new Float32Array(rows * length * probe.width);
      const from = (place.row * length + place.pos) * probe.width;
      const size = before.data.reduce((most, x) => Math.max(most, Math.abs(x)), 0) || 1;
      for (let j = 0; j < probe.width; j++) data[from + j] = 0.5 * size * Math.sin(1.7 * j + 1);
      const ofMlp = probe.site.endsWith('hook_mlp_in');
      changes.push({
        values: await this.values(ids, { probe, data }),
        what: probe.site,
        reachOf: (site) => (ofMlp ? reachFromMlp(site, probe.block) : reachFromStream(site, probe.block, known)),
      });
    }
    return changes;
  }
}

/** Sites that have other sizes than their axes for these contexts. */
export function wrongShapes(
  sites: readonly Site[],
  values: Values,
  { rows, length }: { readonly rows: number; readonly length: number },
): BrokenIdentity[] {
  return sites.flatMap((site) => {
    const dims = values.get(site.name)?.dims ?? [];
    const expected = expectedDims(site, rows, length);
    if (hasDims(dims, expected)) return [];
    const shown = expected.map((size) => size ?? 'any').join(', ');
    const equation = `${site.name} of axes [${site.axes.join(', ')}] and sizes [${shown}] for ${rows} rows of ${length} ids`;
    return [{ sites: [site.name], equation, error: Infinity, tolerance: 0, found: `[${dims.join(', ')}]` }];
  });
}

/** Sites that a change reaches where it should not. */
export function beyondReach(
  sites: readonly Site[],
  { base, place, change }: { readonly base: Values; readonly place: Place; readonly change: Change },
): BrokenIdentity[] {
  return sites.flatMap(({ name, axes }) => {
    const [before, after] = [floatsOf(base.get(name)), floatsOf(change.values.get(name))];
    if (before === null || after === null) return [];
    const reach = change.reachOf(name);
    const error = reachError([before, after], { axes, reach, place });
    if (error <= REACH_TOLERANCE) return [];
    const where = { place: 'there alone', pairs: 'there alone, as query or key', row: 'in that row alone' }[reach];
    const equation = `a change of ${change.what} at a row and position to change ${name} ${where}`;
    return [{ sites: [name], equation, error, tolerance: REACH_TOLERANCE }];
  });
}

/** The ids of a model: from `firstId` to below `vocab`. */
interface IdRange {
  readonly firstId: number;
  readonly vocab: number;
}

/** A place whose token is neither near the start nor the end of the vocabulary, where special ones lie. */
export function placeOfChange(
  ids: Uint32Array,
  { rows, length, firstId, vocab }: IdRange & { readonly rows: number; readonly length: number },
): Place {
  const row = rows > 1 ? 1 : 0;
  const own = ids.subarray(row * length, (row + 1) * length);
  const inner = own.findIndex(
    (id, pos) => pos > row && id > firstId + (vocab - firstId) / 10 && id < vocab - (vocab - firstId) / 10,
  );
  return { row, pos: inner >= 0 ? inner : length - 1 };
}

/** The ids with another token at the place. */
export function changedToken(
  ids: Uint32Array,
  { length, place, firstId, vocab }: IdRange & { readonly length: number; readonly place: Place },
): Uint32Array {
  const result = ids.slice();
  const at = place.row * length + place.pos;
  const middle = Math.floor((firstId + vocab) / 2);
  result[at] = ids[at] === middle ? Math.max(firstId, middle - 1) : middle;
  return result;
}

/** Both runs as rows of one. */
export function joined(a: Values, b: Values): Values {
  return new Map(
    [...a].map(([name, value]) => {
      const [first, second] = [floatsOf(value), floatsOf(b.get(name))];
      if (first === null || second === null || first.dims[0] !== 1) return [name, value] as const;
      const data = new Float32Array(first.data.length + second.data.length);
      data.set(first.data);
      data.set(second.data, first.data.length);
      return [name, { dtype: 'float32', dims: [2, ...first.dims.slice(1)], data } satisfies TensorValue] as const;
    }),
  );
}

function floatsOf(value: TensorValue | undefined): SiteValue | null {
  if (value?.data instanceof Float32Array) return { dims: value.dims, data: value.data };
  return value?.dtype === 'float16' ? { dims: value.dims, data: halfsToFloats(value.data) } : null;
}
