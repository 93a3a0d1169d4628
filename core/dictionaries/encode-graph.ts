// A dictionary applied to rows: which features fire, how strongly, and what the reconstruction misses.
//
//   f and e = x_hat − x by the kind's inference, in the units of the fed weights, x what the dictionary writes
//   x_sq = ‖x‖², err_sq = ‖e‖² per row, summed over the sites written, with f unrounded
//
// Weights are fed, not built in: one model serves training (scaled weights) and encoding (raw weights), and feeds are not
// copied. A site that is read and written is fed once.
import type { KindSettings, StepInputs } from './architecture.js';
import { GraphBuilder } from '../onnx/builder.js';
import type { Value } from '../onnx/shape.js';
import { type DictionaryShape, parametersOf } from './state.js';
import { rowsFeed } from './step-graph.js';
import { Tape } from './tape.js';

export interface EncodeGraphSettings extends DictionaryShape {
  readonly settings: KindSettings;
  readonly batchRows: number;
}

/**
 * Outputs: values [B, C] (value 0: the pair does not count) and their feature ids int32 [B, C], x_sq and err_sq [B]. A dense
 * selection has no ids: value [B, F], column i is feature i.
 */
export const ENCODE_OUTPUTS = {
  feature: 'feature',
  value: 'value',
  xSq: 'x_sq',
  errSq: 'err_sq',
} as const;

/** The model. Rows at the end of a shard are padded by the caller: every batch has B rows, so every row sees one graph. */
export function buildEncodeGraph(shape: EncodeGraphSettings): GraphBuilder {
  const g = new GraphBuilder('encode');
  const inputs = encodeInputs(g, shape);
  const { f, errors } = shape.kind.buildInference(new Tape(g), inputs);
  outputSquares(g, inputs.writes, ENCODE_OUTPUTS.xSq);
  outputSquares(g, errors, ENCODE_OUTPUTS.errSq);
  if (f.layout === 'pairs')
    g.output(g.op('Cast', [f.feature], { attributes: { to: 6 }, name: ENCODE_OUTPUTS.feature }));
  g.output(g.op('Identity', [f.value], { name: ENCODE_OUTPUTS.value }));
  return g;
}

/** Fed rows and parameters. */
function encodeInputs(g: GraphBuilder, shape: EncodeGraphSettings): StepInputs {
  const { sites, features, batchRows, settings } = shape;
  const fed = sites.widths.map((width, place) => g.input(rowsFeed(place), 'float32', [batchRows, width]));
  const parameters = Object.fromEntries(parametersOf(shape).map((p) => [p.name, g.input(p.name, 'float32', p.shape)]));
  const rows = (places: readonly number[]): Value[] => places.map((place) => fed[place] as Value);
  return { sites, features, batchRows, settings, parameters, reads: rows(sites.reads), writes: rows(sites.writes) };
}

/** Squared norms per row, summed over sites. */
function outputSquares(g: GraphBuilder, sites: readonly Value[], name: string): void {
  const squares = sites.map((rows) => g.op('ReduceSumSquare', [rows, g.integers(1)], { attributes: { keepdims: 0 } }));
  g.output(
    squares.reduce((a, b) => g.op('Add', [a, b])),
    name,
  );
}
