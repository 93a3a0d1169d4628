// A dictionary applied to rows: which features fire, how strongly, and what the reconstruction misses.
//
//   z = W_enc (x − b_dec) + b_enc;  f = σ(z);  x_hat = W_decᵀ f + b_dec      all in the units of the fed weights
//   x_sq = ‖x‖², err_sq = ‖x − x_hat‖² per row, with f unrounded
//
// Weights are fed, not built in: one model serves training (scaled weights) and encoding (raw weights), and feeds are not
// copied. σ is the architecture's rule at inference;
// with topk a feature fires here exactly when it fires in a training step.
import type { Selection } from './architecture.js';
import { ARCHITECTURES } from './architectures.js';
import { GraphBuilder } from '../onnx/builder.js';
import type { Value } from '../onnx/shape.js';
import { valueOf } from './state.js';
import { buildDecode } from './rows.js';
import { type StateSizes, parameterTensors } from './state.js';

export interface EncodeGraphSettings extends StateSizes {
  readonly batchRows: number;
  readonly k: number;
}

/** Feed beside the parameters: x [B, d]. */
export const ENCODE_ROWS = 'rows';

/** Outputs: feature ids int32 and values [B, C] (value 0: the pair does not count), x_sq and err_sq [B], all per row. */
export const ENCODE_OUTPUTS = {
  feature: 'feature',
  value: 'value',
  xSq: 'x_sq',
  errSq: 'err_sq',
} as const;

/** The model. Rows at the end of a shard are padded by the caller: every batch has B rows, so every row sees one graph. */
export function buildEncodeGraph(settings: EncodeGraphSettings): GraphBuilder {
  const { batchRows, width } = settings;
  const g = new GraphBuilder('encode');
  const x = g.input(ENCODE_ROWS, 'float32', [batchRows, width]);
  const tensors = parameterTensors(settings);
  const parameters = Object.fromEntries(tensors.map((t) => [t.name, g.input(t.name, t.type, t.shape)]));
  const centred = g.op('Sub', [x, valueOf(parameters, 'b_dec')]);
  const [W_enc, b_enc] = [valueOf(parameters, 'W_enc'), valueOf(parameters, 'b_enc')];
  const z = g.op('Gemm', [centred, W_enc, b_enc], { attributes: { transB: 1 } });
  const selection = ARCHITECTURES[settings.architecture].buildInference(g, { x, z, parameters }, settings);
  const error = g.op('Sub', [buildDecode(g, selection, valueOf(parameters, 'W_dec')).product, centred]);
  const rowSquares = (value: Value, name: string): void => {
    g.output(g.op('ReduceSumSquare', [value, g.integers(1)], { name, attributes: { keepdims: 0 } }));
  };
  rowSquares(x, ENCODE_OUTPUTS.xSq);
  rowSquares(error, ENCODE_OUTPUTS.errSq);
  g.output(selectedFeatures(g, selection, settings));
  g.output(g.op('Identity', [selection.value], { name: ENCODE_OUTPUTS.value }));
  return g;
}

/** Feature ids int32 [B, C]; a dense selection comes out as pairs of all features: ids are the column numbers. */
function selectedFeatures(g: GraphBuilder, selection: Selection, { batchRows, features }: EncodeGraphSettings): Value {
  const name = ENCODE_OUTPUTS.feature;
  const toInt32 = { attributes: { to: 6 } };
  if (selection.layout === 'pairs') return g.op('Cast', [selection.feature], { ...toInt32, name });
  const ids = g.op('Range', [g.integer(0), g.integer(features), g.integer(1)]);
  const all = g.integers(batchRows, features);
  return g.op('Expand', [g.op('Cast', [ids], toInt32), all], { name });
}
