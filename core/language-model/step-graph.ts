// K training steps of one language model in one Loop (core/optimise/step-loop.ts).
//
//   per step: tokens → loss and gradients of all micro-batches (accumulate.ts) → global norm and clipping →
//   the optimiser's update of every parameter (core/optimise)
//
// The squared norm of every gradient leaves with every step: where a number stops being finite, step and tensor are known.
import { InputError } from '../../schemas/errors.js';
import type { GraphBuilder } from '../onnx/builder.js';
import { valueNamed } from '../onnx/named-value.js';
import type { Value } from '../onnx/shape.js';
import { buildClipFactor, buildGlobalNorm, buildSquaredNorms } from '../optimise/clip.js';
import type { OptimiserSettings } from '../optimise/optimisers/optimiser.js';
import { stateTensors } from '../optimise/state.js';
import { type StepFeed, type StepInputs, type StepOutputs, buildStepLoop } from '../optimise/step-loop.js';
import { buildUpdates } from '../optimise/update.js';
import { buildBatch, checkMicroBatches } from './accumulate.js';
import type { Kernels } from './architecture.js';
import { type ModelSpec, checkSpec } from './model-spec.js';
import { layoutOf } from './state.js';

export interface TrainingGraphSettings {
  readonly spec: ModelSpec;
  readonly optimiser: OptimiserSettings;
  /** Contexts per step. */
  readonly batch: number;
  /** Input tokens per context; targets are as many. */
  readonly context: number;
  /** Whether losses of tokens are weighted; else all weigh 1. */
  readonly weighted: boolean;
  /** Global norm to which gradients are clipped; null for no clipping. */
  readonly clipNorm: number | null;
  /** Parts of a batch that are computed one after another; divides `batch` (`planMicroBatches` chooses). */
  readonly microBatches: number;
  readonly kernels: Kernels;
}

/** Feeds beside the state: tokens [K, batch, context + 1] int32 and, where losses are weighted, weights [K, batch, context]. */
export const TRAINING_FEEDS = { tokens: 'tokens', weights: 'weights' } as const;

/** Numbers of each step: mean loss in nats [K], norm of the gradients before clipping [K], their squared norms [K, P]. */
export const TRAINING_NUMBERS = {
  loss: 'loss',
  gradientNorm: 'gradient_norm',
  squaredNorms: 'squared_norms',
} as const;

/**
 * The graph of K steps; feeds: TRAINING_FEEDS, factors and the state, outputs: the new state and TRAINING_NUMBERS.
 * @throws InputError for sizes that do not fit together
 */
export function buildTrainingGraph(settings: TrainingGraphSettings): GraphBuilder {
  checkSettings(settings);
  const { spec, optimiser, batch, context, weighted } = settings;
  const weights: StepFeed = { name: TRAINING_FEEDS.weights, dtype: 'float32', shape: [batch, context] };
  return buildStepLoop({
    ...{ name: 'training', optimiser, numbers: Object.values(TRAINING_NUMBERS) },
    tensors: stateTensors(layoutOf(spec, optimiser)),
    feeds: [
      { name: TRAINING_FEEDS.tokens, dtype: 'int32', shape: [batch, context + 1] },
      ...(weighted ? [weights] : []),
    ],
    buildStep: (g, inputs) => buildStep(g, settings, inputs),
  });
}

function checkSettings({ spec, batch, context, microBatches }: TrainingGraphSettings): void {
  checkSpec(spec);
  checkMicroBatches(batch, microBatches);
  if (context <= spec.contextTokens && context >= 1) return;
  throw new InputError(
    `Expected contexts of 1 to ${spec.contextTokens} tokens (the model's contextTokens), got ${context}. Shorten them, or train a model with more positions.`,
    { context, contextTokens: spec.contextTokens },
  );
}

function buildStep(g: GraphBuilder, settings: TrainingGraphSettings, inputs: StepInputs): StepOutputs {
  const { spec, optimiser, batch, context, microBatches, kernels, clipNorm } = settings;
  const { feeds, factors, state } = inputs;
  const sizes = { batch, context };
  const { loss, gradients } = buildBatch(g, {
    spec,
    parameters: state,
    tokens: valueNamed(feeds, TRAINING_FEEDS.tokens),
    coefficient: buildCoefficient(g, feeds[TRAINING_FEEDS.weights] ?? null, sizes),
    sizes,
    microBatches,
    kernels,
  });
  const squaredNorms = buildSquaredNorms(g, gradients);
  const norm = buildGlobalNorm(g, squaredNorms);
  const layout = layoutOf(spec, optimiser);
  const updates = {
    ...{ layout, state, factors },
    clip: clipNorm === null ? null : buildClipFactor(g, norm, clipNorm),
    gradients: Object.fromEntries(layout.parameters.map(({ name }, i) => [name, gradients[i] as Value])),
  };
  return {
    state: buildUpdates(g, updates),
    numbers: {
      [TRAINING_NUMBERS.loss]: loss,
      [TRAINING_NUMBERS.gradientNorm]: norm,
      [TRAINING_NUMBERS.squaredNorms]: squaredNorms,
    },
  };
}

/** c of each target: w / Σ w [batch · context, 1], or 1 / targets. */
function buildCoefficient(
  g: GraphBuilder,
  weights: Value | null,
  { batch, context }: { readonly batch: number; readonly context: number },
): Value | number {
  const rows = batch * context;
  if (weights === null) return 1 / rows;
  const column = g.op('Reshape', [weights, g.integers(rows, 1)]);
  return g.op('Div', [column, g.op('ReduceSum', [column], { attributes: { keepdims: 1 } })]);
}
