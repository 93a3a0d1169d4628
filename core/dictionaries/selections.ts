// Ways to choose which features fire, as graphs over z [B, F]. Ties in a choice: the larger value, then the lower feature id (over a
// batch: the lower row first), which is what ONNX TopK does.
import type { GraphBuilder } from '../onnx/builder.js';
import type { Value } from '../onnx/shape.js';
import type { Selection } from './rows.js';

interface Sizes {
  readonly batchRows: number;
  readonly features: number;
  readonly k: number;
}

/** The k largest of relu(z) of each row, as pairs. */
export function buildLargestPairs(g: GraphBuilder, z: Value, k: number): Selection {
  const [largest, feature] = buildTopK(g, z, k);
  return { layout: 'pairs', capacity: k, feature, value: g.op('Relu', [largest]) };
}

/** The k largest of relu(z) of each row, the others 0 [B, F]. */
export function buildLargestOfRows(g: GraphBuilder, z: Value, { batchRows, features, k }: Sizes): Selection {
  const [largest, feature] = buildTopK(g, z, k);
  // Within a model's graph nobody knows B before it runs.
  const nothing = g.zeros(Number.isNaN(batchRows) ? g.op('Shape', [z]) : g.integers(batchRows, features));
  const value = g.op('ScatterElements', [nothing, feature, g.op('Relu', [largest])], { attributes: { axis: 1 } });
  return { layout: 'dense', value };
}

/** The B k largest of relu(z) over the whole batch, the others 0 [B, F]. */
export function buildLargestOfBatch(g: GraphBuilder, z: Value, { batchRows, features, k }: Sizes): Selection {
  const [largest, place] = buildTopK(g, g.op('Reshape', [z, g.integers(-1)]), batchRows * k);
  const nothing = g.zeros(g.integers(batchRows * features));
  const spread = g.op('ScatterElements', [nothing, place, g.op('Relu', [largest])], { attributes: { axis: 0 } });
  return { layout: 'dense', value: g.op('Reshape', [spread, g.integers(batchRows, features)]) };
}

/** relu(z) where z > θ, else 0 [B, F]. @param threshold θ: one for all, or one per feature */
export function buildAbove(g: GraphBuilder, z: Value, threshold: Value): Selection {
  const above = g.op('Greater', [z, threshold]);
  return { layout: 'dense', value: g.op('Where', [above, g.op('Relu', [z]), g.scalar(0)]) };
}

function buildTopK(g: GraphBuilder, values: Value, k: number): [largest: Value, place: Value] {
  return g.ops('TopK', [values, g.integers(k)], { outputs: 2, attributes: { axis: -1 } }) as [Value, Value];
}
