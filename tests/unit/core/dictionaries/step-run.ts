// Runs the step graph of any kind on given rows, for tests.
import { dictionaryOptimiser } from '../../../../core/dictionaries/settings.js';
import { dictionaryTensors } from '../../../../core/dictionaries/state.js';
import { buildStepGraph, rowsFeed, type StepGraphSettings } from '../../../../core/dictionaries/step-graph.js';
import { stepFactors } from '../../../../core/optimise/optimisers/optimisers.js';
import { updatedName, type StateArrays } from '../../../../core/optimise/state.js';
import { factorFeed } from '../../../../core/optimise/step-loop.js';
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
