// The loss of whole contexts without gradients, for validation: summed over the targets of each context, so that means over
// any number of contexts are made outside in float64. Logits exist for one context at a time.
import { GraphBuilder } from '../onnx/builder.js';
import type { Value } from '../onnx/shape.js';
import type { Kernels } from './architecture.js';
import { ARCHITECTURES, modelParameters, unembeddingName } from './architectures.js';
import { buildRowLosses } from './loss.js';
import { type ModelSpec, checkSpec } from './model-spec.js';

export interface EvaluationGraphSettings {
  readonly spec: ModelSpec;
  /** Input tokens per context; targets are as many. */
  readonly context: number;
  readonly kernels: Kernels;
}

/** Feed beside the parameters: tokens [batch, context + 1] int32; output: nats summed per context [batch]. */
export const EVALUATION = { tokens: 'tokens', losses: 'losses' } as const;

/** The graph; feeds: tokens and the parameters under their names. @throws InputError for sizes that do not fit together */
export function buildEvaluationGraph(settings: EvaluationGraphSettings): GraphBuilder {
  const { spec, context, kernels } = settings;
  checkSpec(spec);
  const g = new GraphBuilder('evaluation');
  const tokens = g.input(EVALUATION.tokens, 'int32', ['batch', context + 1]);
  const parameters = Object.fromEntries(
    modelParameters(spec).map(({ name, shape }) => [name, g.input(name, 'float32', shape)]),
  );
  const shift = (from: number): Value =>
    g.op('Slice', [tokens, g.integers(from), g.integers(from + context), g.integers(1)], {
      shape: ['batch', context],
    });
  const architecture = ARCHITECTURES[spec.architecture];
  const stream = architecture.buildHidden(g, { spec, parameters, ids: shift(0), kernels });
  const hidden = g.op('Reshape', [stream, g.integers(-1, context, spec.width)], {
    shape: ['batch', context, spec.width],
  });

  const body = g.subgraph('context');
  const rows = body.input(body.fresh('hidden'), 'float32', [context, spec.width]);
  const targets = body.input(body.fresh('targets'), 'int32', [context]);
  const losses = buildRowLosses(body, {
    hidden: rows,
    unembedding: parameters[unembeddingName(spec)] as Value,
    targets,
    sizes: { rows: context, width: spec.width, vocabulary: spec.vocabulary },
  });
  body.output(body.op('ReduceSum', [losses], { attributes: { keepdims: 0 } }));
  const [sums] = g.ops('Scan', [hidden, shift(1)], {
    outputs: [EVALUATION.losses],
    attributes: { body: body.toGraph(), num_scan_inputs: 2 },
  }) as [Value];
  g.output(sums);
  return g;
}
