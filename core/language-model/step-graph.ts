// K training steps of one language model in one Loop: parameters and the optimiser's tensors enter once, are carried without
// copies, and leave once.
//
//   per step: tokens → loss and gradients of all micro-batches (accumulate.ts) → global norm and clipping (clip.ts) →
//   the optimiser's update of every parameter (optimisers/)
//
// The squared norm of every gradient leaves with every step: where a number stops being finite, step and tensor are known.
import { InputError } from '../../schemas/errors.js';
import { GraphBuilder } from '../onnx/builder.js';
import type { Value } from '../onnx/shape.js';
import { buildBatch, checkMicroBatches } from './accumulate.js';
import type { Kernels, Parameters } from './architecture.js';
import { modelParameters } from './architectures.js';
import { buildClipFactor, buildGlobalNorm, buildSquaredNorms } from '../optimise/clip.js';
import { type ModelSpec, checkSpec } from './model-spec.js';
import type { OptimiserSettings } from '../optimise/optimisers/optimiser.js';
import { OPTIMISERS, factorNames } from '../optimise/optimisers/optimisers.js';
import { optimiserTensor, stateTensors } from './state.js';

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

/** Name of the feed of a factor (`factorNames`), float32 [K]. */
export function factorFeed(name: string): string {
  return `factor.${name}`;
}

/** Name of a state tensor at the graph's output. */
export function updatedName(tensor: string): string {
  return `new.${tensor}`;
}

/**
 * The graph of K steps; feeds: TRAINING_FEEDS, factors and the state, outputs: the new state and TRAINING_NUMBERS.
 * @throws InputError for sizes that do not fit together
 */
export function buildTrainingGraph(settings: TrainingGraphSettings): GraphBuilder {
  checkSettings(settings);
  const { spec, optimiser, batch, context, weighted } = settings;
  const g = new GraphBuilder('training');
  const feeds: Feeds = {
    tokens: g.input(TRAINING_FEEDS.tokens, 'int32', ['steps', batch, context + 1]),
    weights: weighted ? g.input(TRAINING_FEEDS.weights, 'float32', ['steps', batch, context]) : null,
    factors: Object.fromEntries(
      factorNames(optimiser).map((name) => [name, g.input(factorFeed(name), 'float32', ['steps'])]),
    ),
  };
  const tensors = stateTensors(spec, optimiser);
  const state = tensors.map(({ name, shape }) => g.input(name, 'float32', shape));
  const length = g.op('Shape', [feeds.tokens], { attributes: { start: 0, end: 1 } });
  const trips = g.op('Squeeze', [length, g.integers(0)]);
  const outputs = g.ops('Loop', [trips, null, ...state], {
    outputs: [...tensors.map(({ name }) => updatedName(name)), ...Object.values(TRAINING_NUMBERS)],
    attributes: { body: buildBody(g.subgraph('step'), settings, feeds).toGraph() },
  });
  for (const output of outputs) g.output(output);
  return g;
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

interface Feeds {
  readonly tokens: Value;
  readonly weights: Value | null;
  readonly factors: Readonly<Record<string, Value>>;
}

function buildBody(g: GraphBuilder, settings: TrainingGraphSettings, feeds: Feeds): GraphBuilder {
  const { spec, optimiser, batch, context, microBatches, kernels } = settings;
  const step = g.input(g.fresh('step'), 'int64', []);
  const condition = g.input(g.fresh('condition'), 'bool', []);
  const tensors = stateTensors(spec, optimiser);
  const state: Parameters = Object.fromEntries(
    tensors.map(({ name, shape }) => [name, g.input(g.fresh(name), 'float32', shape)]),
  );
  const pick = (feed: Value): Value => g.op('Gather', [feed, step], { attributes: { axis: 0 } });
  const factors = Object.fromEntries(Object.entries(feeds.factors).map(([name, feed]) => [name, pick(feed)]));
  const sizes = { batch, context };
  const { loss, gradients } = buildBatch(g, {
    spec,
    parameters: state,
    tokens: pick(feeds.tokens),
    coefficient: buildCoefficient(g, feeds.weights && pick(feeds.weights), sizes),
    sizes,
    microBatches,
    kernels,
  });
  const squaredNorms = buildSquaredNorms(g, gradients);
  const norm = buildGlobalNorm(g, squaredNorms);
  const clip = settings.clipNorm === null ? null : buildClipFactor(g, norm, settings.clipNorm);
  const updated = buildUpdates(g, { settings, state, gradients, clip, factors });
  g.output(g.op('Identity', [condition]));
  for (const { name } of tensors) g.output(updated.get(name) as Value);
  for (const number of [loss, norm, squaredNorms]) g.output(g.op('Identity', [number]));
  return g;
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

interface Updates {
  readonly settings: TrainingGraphSettings;
  readonly state: Parameters;
  readonly gradients: readonly Value[];
  readonly clip: Value | null;
  readonly factors: Readonly<Record<string, Value>>;
}

/** The new state by tensor name. */
function buildUpdates(
  g: GraphBuilder,
  { settings: { spec, optimiser }, state, gradients, clip, factors }: Updates,
): Map<string, Value> {
  const row = OPTIMISERS[optimiser.kind];
  const updated = new Map<string, Value>();
  modelParameters(spec).forEach(({ name, kind }, i) => {
    const own = row.state(optimiser).map((tensor) => [tensor, optimiserTensor(tensor, name)]);
    const before = own.map(([tensor, full]) => [tensor, state[full as string]] as const);
    const after = row.buildUpdate(
      g,
      {
        kind,
        parameter: state[name] as Value,
        gradient: gradients[i] as Value,
        clip,
        state: Object.fromEntries(before) as Record<string, Value>,
        factors,
      },
      optimiser,
    );
    updated.set(name, after.parameter);
    for (const [tensor, full] of own) updated.set(full as string, after.state[tensor as string] as Value);
  });
  return updated;
}
