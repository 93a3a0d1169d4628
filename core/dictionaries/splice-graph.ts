// Stored dictionaries inside a model's graph: the site values that they read → what they reconstruct of the sites that they write,
// for every kind, over raw weights. Appends nodes to whatever graph it is given; which tensors are sites, and how a tensor is
// replaced, is said by core/hooks and by the caller.
//
//   x  [.., d]  value of a site, any leading axes and float type: N = rows, all leading axes joined
//   f, e        the kind's inference over x as float32 [N, d];   x_hat = x + e, back in the axes and type of x
//   m  [.., N]  which rows are replaced (bool):                  x ← m ? x_hat : x,  all others bit for bit as they were
//
// Weights are graph values: inputs or initializers of the caller's (large ones never as protobuf constants). An inference may not need
// B (`batchRows` is NaN where the graph does not state it): a model's passes differ in rows.
// Test: tests/unit/models/splice-dictionaries.test.ts.
import type { GraphBuilder } from '../onnx/builder.js';
import { DATA_TYPE } from '../onnx/data-type.js';
import type { NamedValues } from '../onnx/named-value.js';
import type { Value } from '../onnx/shape.js';
import type { Forward, KindSettings } from './architecture.js';
import type { Selection } from './rows.js';
import { readWidths, writeWidths } from './sites.js';
import { type DictionaryShape, parametersOf } from './state.js';
import { Tape } from './tape.js';

/** A stored dictionary as graphs need it; weights are fed or built in. */
export interface PlacedDictionary extends DictionaryShape {
  /** Begins the names of its feeds. */
  readonly name: string;
  readonly settings: KindSettings;
}

/** Name of the graph input for a dictionary's tensor. */
export function parameterFeed({ name }: Pick<PlacedDictionary, 'name'>, tensor: string): string {
  return `dictionary/${name}/${tensor}`;
}

/** Declares every tensor of the dictionary as an input, by tensor name. */
export function declareParameters(g: GraphBuilder, dictionary: PlacedDictionary): NamedValues {
  return Object.fromEntries(
    parametersOf(dictionary).map(({ name, shape }) => [
      name,
      g.input(parameterFeed(dictionary, name), 'float32', shape),
    ]),
  );
}

export interface SiteValues {
  readonly parameters: NamedValues;
  /** Value of each site read, in the dictionary's order, [.., d]. */
  readonly reads: readonly Value[];
  /** Value of each site written; those that nothing reads afterwards cost nothing once the graph is cut. */
  readonly writes: readonly Value[];
}

export interface Applied {
  /** Which features fire, [N, C] or [N, F], by rows joined. */
  readonly f: Selection;
  /** Reconstruction of each site written, in its axes and type. */
  readonly x_hat: readonly Value[];
}

/** The dictionary applied to values of its sites. */
export function applyDictionary(g: GraphBuilder, dictionary: PlacedDictionary, values: SiteValues): Applied {
  const { sites } = dictionary;
  const [readSizes, writeSizes] = [readWidths(sites), writeWidths(sites)];
  const flat = new Map<string, Value>();
  const rowsOf = (value: Value, width: number): Value => {
    // A site that is read and written is one value, as kinds that do both expect.
    const rows = flat.get(value.name) ?? joinRows(g, value, width);
    flat.set(value.name, rows);
    return rows;
  };
  const reads = values.reads.map((value, i) => rowsOf(value, readSizes[i] as number));
  const writes = values.writes.map((value, i) => rowsOf(value, writeSizes[i] as number));
  const { parameters } = values;
  const { f, errors } = applyInference(g, dictionary, { parameters, reads, writes });
  const x_hat = errors.map((error, i) => {
    const whole = g.op('Add', [writes[i] as Value, error]);
    return likeSite(g, whole, values.writes[i] as Value);
  });
  return { f, x_hat };
}

/** The kind's inference over rows [N, d] of float32, as many as a pass has. */
export function applyInference(
  g: GraphBuilder,
  { kind, sites, features, settings }: PlacedDictionary,
  values: SiteValues,
): Forward {
  const rows = values.reads[0]?.shape?.[0];
  const batchRows = typeof rows === 'number' ? rows : NaN;
  return kind.buildInference(new Tape(g), { sites, features, settings, ...values, batchRows });
}

/**
 * `value` with the rows where `mask` is true taken from `replacement`.
 * @param mask bool, one per row: the leading axes of `value`, or all joined
 */
export function replaceRows(
  g: GraphBuilder,
  value: Value,
  { replacement, mask }: { readonly replacement: Value; readonly mask: Value },
): Value {
  const rank = value.shape?.length ?? 3;
  // [batch, pos] over [batch, pos, d], and over [batch, pos, head, d_head].
  const sizes = g.op('Concat', [g.op('Shape', [mask]), g.integers(...rest(rank, mask))], { attributes: { axis: 0 } });
  return g.op('Where', [g.op('Reshape', [mask, sizes]), replacement, value]);
}

function rest(rank: number, mask: Value): number[] {
  return Array.from({ length: rank - (mask.shape?.length ?? 2) }, () => 1);
}

/** Rows of zeros [N, width], as many as the value of a site of that width has. */
export function zeroRows(
  g: GraphBuilder,
  like: Value,
  { from, width }: { readonly from: number; readonly width: number },
): Value {
  const rows = g.op('Slice', [g.op('Shape', [joinRows(g, like, from)]), g.integers(0), g.integers(1)]);
  return g.zeros(g.op('Concat', [rows, g.integers(width)], { attributes: { axis: 0 } }));
}

/** [.., d] → float32 [N, d]. */
function joinRows(g: GraphBuilder, value: Value, width: number): Value {
  const wide = value.dtype === 'float32' ? value : g.op('Cast', [value], { attributes: { to: DATA_TYPE.float32 } });
  return g.op('Reshape', [wide, g.integers(-1, width)]);
}

/** float32 [N, d] → axes and type of a site's value. */
function likeSite(g: GraphBuilder, rows: Value, site: Value): Value {
  const shaped = g.op('Reshape', [rows, g.op('Shape', [site])], site.shape ? { shape: site.shape } : {});
  return site.dtype === 'float32' ? shaped : g.op('Cast', [shaped], { attributes: { to: DATA_TYPE[site.dtype] } });
}
