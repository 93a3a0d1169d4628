// Runs the graphs of any kind on given rows, for tests, and the state that they start from.
import { buildEncodeGraph, type EncodeGraphSettings } from '../../../../core/dictionaries/encode-graph.js';
import { initialParameters } from '../../../../core/dictionaries/initialise.js';
import { dictionaryOptimiser } from '../../../../core/dictionaries/settings.js';
import { SINCE_FIRED, dictionaryTensors, parametersOf } from '../../../../core/dictionaries/state.js';
import { buildStepGraph, rowsFeed, type StepGraphSettings } from '../../../../core/dictionaries/step-graph.js';
import { stepFactors } from '../../../../core/optimise/optimisers/optimisers.js';
import { startState, updatedName, type StateArrays } from '../../../../core/optimise/state.js';
import { factorFeed } from '../../../../core/optimise/step-loop.js';
import type { KeyedRandom } from '../../../../core/tensor/random.js';
import { Session, type TensorValue } from '../../../../runtime/session.js';

export interface StepRun {
  readonly state: StateArrays;
  /** By name, one value per step. */
  readonly numbers: Readonly<Record<string, readonly number[]>>;
}

/** Steps from `before` over scaled rows [steps, B, d] of each site. */
export async function runSteps(
  settings: StepGraphSettings,
  before: StateArrays,
  {
    rows,
    steps = 1,
    lr = 1e-2,
    threads = 1,
  }: { rows: readonly Float32Array[]; steps?: number; lr?: number; threads?: number },
): Promise<StepRun> {
  const tensors = dictionaryTensors(settings);
  const engine = { provider: 'cpu', threads, optimisation: 'all' } as const;
  const session = await Session.create(buildStepGraph(settings).toModelBytes(), engine);
  const feeds = Object.fromEntries(
    tensors.map((t) => [t.name, { dtype: t.type, dims: t.shape, data: before.get(t.name) } as TensorValue]),
  );
  settings.sites.widths.forEach((width, site) => {
    const data = rows[site] as Float32Array;
    feeds[rowsFeed(site)] = { dtype: 'float32', dims: [steps, settings.batchRows, width], data };
  });
  const schedule = { kind: 'trapezoid', steps: 1000, lr, warmupSteps: 0, decaySteps: 0 } as const;
  for (const [name, data] of stepFactors(dictionaryOptimiser(settings.adam), schedule, { from: 0, count: steps }))
    feeds[factorFeed(name)] = { dtype: 'float32', dims: [steps], data };
  const outputs = await session.run(feeds);
  await session.release();
  const numbers = Object.entries(outputs).filter(([, { dims }]) => dims.length === 1 && dims[0] === steps);
  return {
    state: new Map(tensors.map((t) => [t.name, outputs[updatedName(t.name)]?.data as Float32Array])),
    numbers: Object.fromEntries(numbers.map(([name, { data }]) => [name, Array.from(data as Float32Array, Number)])),
  };
}

/** Where the noise of a state comes from, what it is added to, and the means of the sites. */
export interface Noise {
  readonly random: KeyedRandom;
  readonly by: number;
  readonly names: readonly string[];
  readonly means: readonly Float64Array[];
}

/** A state in the middle of a training: no two tensors equal, every third feature dead. */
export function middleState(settings: StepGraphSettings, { random, by, names, means }: Noise): StateArrays {
  const parameters = initialParameters(settings, 3, means);
  for (const name of names)
    parameters.set(
      name,
      (parameters.get(name) as Float32Array).map((v) => v + by * random.nextNormal()),
    );
  const state = startState(dictionaryTensors(settings), parameters);
  (state.get(SINCE_FIRED) as BigInt64Array).forEach((_, i, since) => (since[i] = i % 3 === 0 ? 64n : 0n));
  return state;
}

/** What the encoder graph gives for rows [B, d] of each site. */
export async function runEncoder(
  settings: EncodeGraphSettings,
  weights: ReadonlyMap<string, Float32Array>,
  rows: readonly Float32Array[],
): Promise<Record<string, TensorValue>> {
  const engine = { provider: 'cpu', threads: 1, optimisation: 'all' } as const;
  const session = await Session.create(buildEncodeGraph(settings).toModelBytes(), engine);
  const feeds: Record<string, TensorValue> = Object.fromEntries(
    parametersOf(settings).map(({ name, shape }) => [
      name,
      { dtype: 'float32', dims: shape, data: weights.get(name) as Float32Array } as const,
    ]),
  );
  settings.sites.widths.forEach((width, site) => {
    feeds[rowsFeed(site)] = { dtype: 'float32', dims: [settings.batchRows, width], data: rows[site] as Float32Array };
  });
  const outputs = await session.run(feeds);
  await session.release();
  return outputs;
}
