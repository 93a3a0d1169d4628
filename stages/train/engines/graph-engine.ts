// Training by the differentiated graph (core/dictionaries/step-graph.ts): K steps in one call of ONNX Runtime, on any provider. Calib
// rows are measured by the fast engine over the same weights, so that there is one definition of what is measured; those of a routed
// dictionary as it is encoded.
import { parametersFrom, startOf } from '../../../core/dictionaries/initialise.js';
import { dictionaryOptimiser, planSteps } from '../../../core/dictionaries/settings.js';
import { SINCE_FIRED, dictionaryTensors, fixedOf, trainedOf } from '../../../core/dictionaries/state.js';
import { STEP_NUMBERS, buildStepGraph, rowsFeed, type StepNumber } from '../../../core/dictionaries/step-graph.js';
import { stepFactors } from '../../../core/optimise/optimisers/optimisers.js';
import { type StateArrays, type StateTensor, startState } from '../../../core/optimise/state.js';
import { factorFeed } from '../../../core/optimise/step-loop.js';
import { Session, type TensorValue } from '../../../runtime/session.js';
import { floatsOf, stateFeeds, takeState, tensorOf } from '../../training-state.js';
import type { StoredRows } from '../row-file.js';
import type {
  CalibSums,
  EngineParts,
  StateReader,
  StateValues,
  StepRange,
  StepTold,
  TrainingEngine,
} from './engine.js';
import { FastEngine } from './fast-engine.js';
import { measureRouted } from './measure-routed.js';

export class GraphEngine implements TrainingEngine {
  readonly tensors: readonly StateTensor[];
  readonly #parts: EngineParts;
  readonly #session: Session;
  #state: StateArrays;
  #measurer: FastEngine | null = null;

  private constructor(parts: EngineParts, session: Session) {
    this.#parts = parts;
    this.#session = session;
    this.tensors = dictionaryTensors(parts.shape);
    this.#state = new Map();
  }

  static async create(parts: EngineParts): Promise<GraphEngine> {
    const { shape, sae, engine, variance } = parts;
    const { batchRows, auxWeight, deadAfterTokens, betas, epsilon, clipNorm } = sae;
    const graph = buildStepGraph({
      ...{ ...shape, settings: sae, batchRows, auxWeight, deadAfterTokens, clipNorm, variance },
      kAux: planSteps(sae).kAux,
      adam: { betas, epsilon },
    });
    return new GraphEngine(parts, await Session.create(graph.toModelBytes(), engine));
  }

  begin(): Promise<void> {
    const { shape, sae, means, firstFeature = 0 } = this.#parts;
    const start = startOf({ sites: shape.sites, settings: sae, seed: sae.seed, means, firstFeature });
    this.#state = startState(this.tensors, parametersFrom(shape, start));
    return Promise.resolve();
  }

  async load(read: StateReader): Promise<void> {
    const state = new Map<string, Float32Array | BigInt64Array>();
    for (const tensor of this.tensors)
      state.set(tensor.name, (await read(tensor, 0, tensor.shape[0] ?? 1)) as Float32Array | BigInt64Array);
    this.#state = state;
  }

  async *read({ name }: { readonly name: string }): AsyncGenerator<StateValues> {
    yield await Promise.resolve(tensorOf(this.#state, name));
  }

  async train(rows: readonly Float32Array[], range: StepRange): Promise<StepTold[]> {
    const { sae, shape, variance } = this.#parts;
    const { batchRows, auxWeight } = sae;
    const feeds = stateFeeds(this.tensors, this.#state);
    for (const [name, data] of stepFactors(dictionaryOptimiser(sae), planSteps(sae).schedule, range))
      feeds[factorFeed(name)] = { dtype: 'float32', dims: [range.count], data };
    for (const [site, width] of shape.sites.widths.entries())
      feeds[rowsFeed(site)] = {
        dtype: 'float32',
        dims: [range.count, batchRows, width],
        data: rows[site] as Float32Array,
      };
    const outputs: Record<string, TensorValue> = await this.#session.run(feeds);
    this.#state = takeState(this.tensors, outputs);
    const told: StepTold[] = [];
    for (let i = 0; i < range.count; i++) {
      const at = (name: StepNumber): number => floatsOf(outputs, name)[i] as number;
      if (!STEP_NUMBERS.every((name) => Number.isFinite(at(name)))) return told;
      const fvu = at('sse') / at('sst');
      told.push({
        loss: at('squares') / (batchRows * variance) + at('sparsity') + auxWeight * at('aux'),
        fvu: Number.isFinite(fvu) ? fvu : null,
        l0: at('firings') / batchRows,
        dead: at('dead'),
        gradNorm: Math.sqrt(at('gradient_squares')),
      });
    }
    return told;
  }

  async measure(calib: StoredRows): Promise<CalibSums> {
    const { shape, engine } = this.#parts;
    if (shape.sites.routed) return measureRouted(this.#parts, this.#state, calib);
    this.#measurer ??= await FastEngine.create({ ...this.#parts, engine: { ...engine, provider: 'cpu' } });
    const state = new Map(this.#state);
    await this.#measurer.loadParameters((name, from, count) => {
      const { shape: axes } = trainedOf(shape).find((own) => own.name === name) ?? { shape: [0] };
      const width = axes.slice(1).reduce((a, b) => a * b, 1);
      return (tensorOf(state, name) as Float32Array).slice(from * width, (from + count) * width);
    });
    const sums = await this.#measurer.measure(calib);
    for (const { name } of fixedOf(shape)) state.set(name, this.#measurer.fixed(name));
    this.#state = state;
    return sums;
  }

  countDead(): Promise<number> {
    const limit = BigInt(this.#parts.sae.deadAfterTokens);
    const since = tensorOf(this.#state, SINCE_FIRED) as BigInt64Array;
    return Promise.resolve(since.reduce((dead, rows) => dead + (rows >= limit ? 1 : 0), 0));
  }

  /** Candidates are exact here. */
  get recall(): null {
    return null;
  }

  /** Not counted here. */
  reach(): Promise<null> {
    return Promise.resolve(null);
  }

  async release(): Promise<void> {
    await this.#session.release();
    await this.#measurer?.release();
  }
}
