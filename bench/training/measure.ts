// Times training steps of the tiny GPT, and the matrix products of such a step, in a process that does nothing else and is
// started as a compute child is.
import { KeyedRandom } from '../../core/tensor/random.js';
import { planMicroBatches } from '../../core/language-model/accumulate.js';
import { initialParameters } from '../../core/language-model/initialise.js';
import type { ModelSpec } from '../../core/language-model/model-spec.js';
import type { OptimiserSettings } from '../../core/optimise/optimisers/optimiser.js';
import { stepFactors } from '../../core/optimise/optimisers/optimisers.js';
import type { Schedule } from '../../core/optimise/schedule.js';
import { startModelState, modelTensors } from '../../core/language-model/state.js';
import { factorFeed } from '../../core/optimise/step-loop.js';
import { TRAINING_FEEDS, buildTrainingGraph } from '../../core/language-model/step-graph.js';
import { Session, type TensorValue } from '../../runtime/session.js';
import { buildProducts } from './products.js';

/** The shape of tests/fixtures/tiny-lm and of the peer. */
const TINY: ModelSpec = {
  architecture: 'gpt2',
  layers: 4,
  width: 128,
  heads: 4,
  keyValueHeads: 4,
  headWidth: 32,
  mlpWidth: 512,
  contextTokens: 128,
  vocabulary: 4096,
  tied: true,
  normEpsilon: 1e-5,
  activation: 'gelu_tanh',
  ropeBase: 10_000,
};
const OPTIMISER: OptimiserSettings = {
  kind: 'adamw',
  betas: [0.9, 0.95],
  epsilon: 1e-8,
  weightDecay: 0.1,
  momentum: 0,
  nesterov: false,
};
export const BATCH = 64;
export const CONTEXT = 128;
export const THREADS = 2;
/** Steps of one call: about as many as the training stage makes between two looks at the clock. */
const STEPS = 2;

export interface Measured {
  readonly secondsPerStep: number;
  readonly secondsOfProducts: number;
}

/** The median step, and the median of its products, over some calls after one for warming up. */
export async function measure(calls: number): Promise<Measured> {
  const engine = { provider: 'cpu', threads: THREADS, optimisation: 'all' } as const;
  const sizes = { spec: TINY, batch: BATCH, context: CONTEXT };
  const microBatches = planMicroBatches(BATCH, CONTEXT, THREADS);
  const graph = buildTrainingGraph({
    ...sizes,
    optimiser: OPTIMISER,
    weighted: false,
    clipNorm: 1,
    microBatches,
    kernels: 'fused',
  });
  // As `model train` does where one training has all cores.
  const training = await Session.create(graph.toModelBytes(), { ...engine, spinning: true });
  const products = buildProducts({ ...sizes, microBatches });
  const floor = await Session.create(products.toModelBytes(), {
    ...engine,
    optimisation: 'disabled',
  });
  const feeds = trainingFeeds();
  const [steps, floors]: [number[], number[]] = [[], []];
  for (let call = 0; call <= calls; call++) {
    const begun = performance.now();
    await training.run(feeds);
    const between = performance.now();
    await floor.run({});
    if (call === 0) continue;
    steps.push((between - begun) / 1000 / STEPS);
    floors.push((performance.now() - between) / 1000);
  }
  await training.release();
  await floor.release();
  return { secondsPerStep: median(steps), secondsOfProducts: median(floors) };
}

function trainingFeeds(): Record<string, TensorValue> {
  const random = new KeyedRandom('bench', 'training');
  const data = Int32Array.from({ length: STEPS * BATCH * (CONTEXT + 1) }, () => random.nextInt(TINY.vocabulary));
  const schedule: Schedule = {
    kind: 'constant',
    lr: 1e-3,
    steps: STEPS,
    warmupSteps: 0,
    finalFraction: 1,
  };
  const factors = stepFactors(OPTIMISER, schedule, { from: 0, count: STEPS });
  const state = startModelState(TINY, OPTIMISER, initialParameters(TINY, 0));
  const column = (values: Float32Array): TensorValue => ({ dtype: 'float32', dims: [STEPS], data: values });
  return {
    [TRAINING_FEEDS.tokens]: { dtype: 'int32', dims: [STEPS, BATCH, CONTEXT + 1], data },
    ...Object.fromEntries([...factors].map(([name, values]) => [factorFeed(name), column(values)] as const)),
    ...Object.fromEntries(
      modelTensors(TINY, OPTIMISER).map(({ name, shape }) => [
        name,
        { dtype: 'float32', dims: shape, data: state.get(name) as Float32Array } as const,
      ]),
    ),
  };
}

export function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? NaN;
}
