// K training steps of one dictionary in one Loop (core/optimise/step-loop.ts), for every kind.
//
//   symbols: B rows per batch, F features, V variance; all rows are scaled (scale.ts)
//   z, f, e = x_hat − x                              the kind's forward
//   loss = squares / (B V) + sparsity + auxWeight · aux     the kind's loss, AuxK where it has it
//   ∂loss/∂p                                         by core/autodiff, or the forward's own backward where it brings one
//   unit rows: before Adam g_i ← g_i − (g_i · p_i) p_i, after it p_i ← p_i / ‖p_i‖ (unit-rows.ts)
//   then clipping and Adam (core/optimise), and the counters of dead features
//
// The global norm is that of the projected gradients, as dictionary_learning clips.
// Source: Gao et al. 2024 (arXiv 2406.04093); golden tests hold 50 steps of each kind against PyTorch's autograd.
import type { AuxSettings, Forward, KindSettings, Loss, LossGradients, StepInputs } from './architecture.js';
import { buildAuxLoss } from './aux-loss.js';
import type { GraphBuilder } from '../onnx/builder.js';
import { DATA_TYPE } from '../onnx/data-type.js';
import { type NamedValues, valueNamed } from '../onnx/named-value.js';
import type { Value } from '../onnx/shape.js';
import { buildClipFactor, buildSquaresInTurn } from '../optimise/clip.js';
import { stateTensors } from '../optimise/state.js';
import { type StepInputs as LoopInputs, type StepOutputs, buildStepLoop } from '../optimise/step-loop.js';
import { buildUpdates } from '../optimise/update.js';
import { type Selection, buildSums, countOf, sumOfSquares } from './rows.js';
import { type DictionaryShape, SINCE_FIRED, fixedOf, layoutOf, parametersOf, trainedOf } from './state.js';
import { Tape } from './tape.js';
import { buildProjections, buildUnitRows } from './unit-rows.js';

export interface StepGraphSettings extends DictionaryShape {
  readonly settings: KindSettings;
  readonly batchRows: number;
  /** Most features that AuxK revives per row; 0 for no AuxK. */
  readonly kAux: number;
  readonly auxWeight: number;
  /** Rows without firing after which a feature is dead. */
  readonly deadAfterTokens: number;
  /** V: mean ‖x − x̄‖² over the scaled fit rows of the sites written. */
  readonly variance: number;
  readonly adam: { readonly betas: readonly [number, number]; readonly epsilon: number };
  /** Greatest global gradient norm; null for none. */
  readonly clipNorm: number | null;
  /** `autodiff` leaves a backward by hand unused; default: it is used where there is one. */
  readonly derivatives?: 'autodiff';
  /** Type of rows, factors, state and constants: default float32; float64 to prove a kind against recorded numbers. */
  readonly float?: 'float32' | 'float64';
}

/** Feed of a site's rows: scaled, [K, B, d] in training, [B, d] in encoding. @param place among the sites whose rows are fed */
export function rowsFeed(place: number): string {
  return `rows.${place}`;
}

/**
 * Numbers of each step, float32 [K] each: Σ‖e‖², Σ‖x − x̄_batch‖² (over all sites written), the squares whose mean over B V is
 * the reconstruction term, sparsity, aux (unweighted), pairs that fired, features dead before the step, Σ of squared gradients
 * after projection and before clipping.
 */
export const STEP_NUMBERS = [
  'sse',
  'sst',
  'squares',
  'sparsity',
  'aux',
  'firings',
  'dead',
  'gradient_squares',
] as const;
export type StepNumber = (typeof STEP_NUMBERS)[number];

/** The model: feeds rows, Adam's factors and the state, outputs the new state and STEP_NUMBERS. */
export function buildStepGraph(settings: StepGraphSettings): GraphBuilder {
  const layout = layoutOf(settings, settings.adam);
  const { float = 'float32' } = settings;
  return buildStepLoop({
    float,
    ...{ name: 'train', optimiser: layout.optimiser, tensors: stateTensors(layout), numbers: STEP_NUMBERS },
    feeds: settings.sites.widths.map((width, place) => ({
      name: rowsFeed(place),
      dtype: float,
      shape: [settings.batchRows, width],
    })),
    buildStep: (g, inputs) => buildStep(g, settings, inputs),
  });
}

function buildStep(g: GraphBuilder, settings: StepGraphSettings, now: LoopInputs): StepOutputs {
  const inputs = stepInputs(settings, now);
  const tape = new Tape(g);
  const forward = settings.kind.buildForward(tape, inputs);
  const squaredError = addAll(
    g,
    forward.errors.map((error) => sumOfSquares(g, error)),
  );
  const { variance } = settings;
  const loss = settings.kind.buildLoss(tape, { inputs, forward, squaredError, variance });
  const counters = buildCounters(g, { settings, f: forward.f, since: valueNamed(now.state, SINCE_FIRED) });
  const { dead } = counters;
  const { parameters: gradients, aux } = buildGradients(tape, { settings, inputs, forward, loss, dead });
  const updated = buildUpdate(g, { settings, now, gradients });
  const numbers: Record<StepNumber, Value> = {
    sse: squaredError,
    sst: addAll(
      g,
      inputs.writes.map((rows) => buildBatchSpread(g, rows)),
    ),
    squares: loss.squares,
    sparsity: loss.sparsity ?? g.scalar(0),
    aux,
    firings: counters.firings,
    dead: g.op('Cast', [countOf(g, dead)], { attributes: { to: DATA_TYPE[g.float] } }),
    gradient_squares: updated.gradientSquares,
  };
  // Loop carries copies: what enters a step may not leave it under the same name.
  const fixed = fixedOf(settings).map(({ name }) => [name, g.op('Identity', [valueNamed(now.state, name)])] as const);
  return { state: { ...updated.state, ...Object.fromEntries(fixed), [SINCE_FIRED]: counters.since }, numbers };
}

function stepInputs(shape: StepGraphSettings, { feeds, state }: LoopInputs): StepInputs {
  const { sites, features, batchRows, settings } = shape;
  const rows = (places: readonly number[]): Value[] => places.map((place) => valueNamed(feeds, rowsFeed(place)));
  const parameters = Object.fromEntries(parametersOf(shape).map(({ name }) => [name, valueNamed(state, name)]));
  return {
    ...{ sites, features, batchRows, settings, parameters },
    reads: rows(sites.reads),
    writes: rows(sites.writes),
  };
}

interface GradientInputs {
  readonly settings: StepGraphSettings;
  readonly inputs: StepInputs;
  readonly forward: Forward;
  readonly loss: Loss;
  readonly dead: Value;
}

/** Gradients of the whole loss and the auxiliary loss: by hand where the forward can, else by reverse mode. */
function buildGradients(tape: Tape, of: GradientInputs): LossGradients {
  const { settings, inputs, forward, loss, dead } = of;
  const { kind, kAux, auxWeight, variance } = settings;
  const { g } = tape;
  const aux: AuxSettings | null = kind.revives && kAux > 0 ? { k: kAux, weight: auxWeight } : null;
  if (forward.backward && settings.derivatives !== 'autodiff') return forward.backward({ dead, aux, variance });
  const terms = [g.op('Mul', [loss.squares, g.scalar(1 / (settings.batchRows * variance))])];
  if (loss.sparsity) terms.push(loss.sparsity);
  let auxLoss = g.scalar(0);
  if (aux) {
    auxLoss = buildAuxLoss(tape, { inputs, forward, dead, settings: aux });
    terms.push(g.op('Mul', [auxLoss, g.scalar(aux.weight)]));
  }
  const trained = trainedOf(settings).map(({ name }) => [name, valueNamed(inputs.parameters, name)] as const);
  return { parameters: tape.gradients(addAll(g, terms), Object.fromEntries(trained)), aux: auxLoss };
}

/** Σ‖x − x̄‖² with the batch's own mean. */
function buildBatchSpread(g: GraphBuilder, x: Value): Value {
  const mean = g.op('ReduceMean', [x, g.integers(0)], { attributes: { keepdims: 1 } });
  return sumOfSquares(g, g.op('Sub', [x, mean]));
}

interface CounterInputs {
  readonly settings: StepGraphSettings;
  readonly f: Selection;
  /** [F] int64: rows since each feature fired, before this step. */
  readonly since: Value;
}

/** Features dead before this step [F] bool, rows since each fired after it [F] int64, and pairs that fired in it. */
function buildCounters(
  g: GraphBuilder,
  { settings, f, since }: CounterInputs,
): { readonly dead: Value; readonly since: Value; readonly firings: Value } {
  const mask = g.op('Sign', [f.value]);
  const rows = buildSums(g, { selection: f, weights: mask, sizes: settings });
  const waited = g.op('Add', [since, g.integer(settings.batchRows)]);
  return {
    dead: g.op('GreaterOrEqual', [since, g.integer(settings.deadAfterTokens)]),
    since: g.op('Where', [g.op('Greater', [rows, g.scalar(0)]), g.integer(0), waited]),
    firings: g.op('ReduceSum', [mask], { attributes: { keepdims: 0 } }),
  };
}

interface UpdateInputs {
  readonly settings: StepGraphSettings;
  readonly now: LoopInputs;
  readonly gradients: NamedValues;
}

function buildUpdate(
  g: GraphBuilder,
  { settings, now, gradients }: UpdateInputs,
): { readonly state: NamedValues; readonly gradientSquares: Value } {
  const { state, factors } = now;
  const parameters = trainedOf(settings);
  const unit = parameters.filter(({ unitRows }) => unitRows).map(({ name }) => name);
  const rows = unit.map((name) => ({ rows: valueNamed(state, name), gradient: valueNamed(gradients, name) }));
  const projected = withValues(unit, buildProjections(g, rows), gradients);
  const inOrder = parameters.map(({ name }) => valueNamed(projected, name));
  const gradientSquares = buildSquaresInTurn(g, inOrder);
  const { clipNorm, adam } = settings;
  const updated = buildUpdates(g, {
    ...{ layout: layoutOf(settings, adam), state, factors, gradients: projected },
    clip: clipNorm === null ? null : buildClipFactor(g, g.op('Sqrt', [gradientSquares]), clipNorm),
  });
  const normed = buildUnitRows(
    g,
    unit.map((name) => valueNamed(updated, name)),
  );
  return { state: withValues(unit, normed, updated), gradientSquares };
}

/** The values with others in place of those named. */
function withValues(names: readonly string[], values: readonly Value[], all: NamedValues): NamedValues {
  return { ...all, ...Object.fromEntries(names.map((name, i) => [name, values[i] as Value])) };
}

function addAll(g: GraphBuilder, values: readonly Value[]): Value {
  return values.reduce((a, b) => g.op('Add', [a, b]));
}
