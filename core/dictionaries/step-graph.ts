// K training steps of one dictionary in one `Loop`: the state enters once, is carried without copies, and leaves once.
//
//   symbols: B rows per batch, d width, F features; all rows are scaled (`scale.ts`)
//   z = W_enc (x − b_dec) + b_enc                    [B, F]
//   f = σ(z), x_hat = W_decᵀ f + b_dec               the architecture's selection; decode
//   loss = Σ‖e‖² / (B V) + sparsity + auxWeight · aux,   e = x_hat − x
//   g = 2 e / (B V)                                  ∂rec/∂x_hat [B, d]
//   ∂W_dec_i = Σ_b f_bi g_b;  dz = σ'(g W_decᵀ);  ∂W_enc_i = Σ_b dz_bi (x_b − b_dec);  ∂b_enc_i = Σ_b dz_bi
//   ∂b_dec = Σ_b g_b − Σ_i ∂b_enc_i W_enc_i          (AuxK's share of ∂b_enc included; its target is detached)
//   then projection, clipping and Adam (`adam.ts`), and the counters of dead features
//
// Source: Gao et al. 2024 (arXiv 2406.04093); the golden test holds 50 steps against PyTorch's autograd.
import { buildAdam, buildClipFactor, buildProjection, buildSquaredNorm, buildUnitRows } from './adam.js';
import type { AdamSettings, StepFactors, Updated } from './adam.js';
import type { Architecture, Selection, StepSizes, StepValues } from './architecture.js';
import { ARCHITECTURES } from './architectures.js';
import { buildAuxK, countOf, sumOfSquares } from './auxk.js';
import { GraphBuilder } from '../onnx/builder.js';
import type { Value } from '../onnx/shape.js';
import { buildDecode, buildFeatureGradient, buildRowSums, buildSums } from './rows.js';
import type { ScatterMode } from './rows.js';
import { SINCE_FIRED, momentName, parameterTensors, stateTensors, valueOf } from './state.js';
import type { StateSizes } from './state.js';

export interface StepGraphSettings extends StateSizes {
  readonly batchRows: number;
  readonly k: number;
  /** Most features that AuxK revives per row; 0 for no AuxK. */
  readonly kAux: number;
  readonly auxWeight: number;
  /** Rows without firing after which a feature is dead. */
  readonly deadAfterTokens: number;
  /** V: mean ‖x − x̄‖² over the scaled fit rows. */
  readonly variance: number;
  readonly adam: AdamSettings;
  readonly scatter: ScatterMode;
}

/** Feeds beside the state: rows [K, B, d], and the two factors of each step [K]. */
export const STEP_FEEDS = { rows: 'rows', rate: 'rate', correction: 'correction' } as const;

/**
 * Numbers of each step, float32 [K] each: Σ‖e‖², Σ‖x − x̄_batch‖², sparsity, aux (unweighted), pairs that fired,
 * features dead before the step, Σ of squared gradients after projection and before clipping.
 */
export const STEP_NUMBERS = ['sse', 'sst', 'sparsity', 'aux', 'firings', 'dead', 'gradient_squares'] as const;
export type StepNumber = (typeof STEP_NUMBERS)[number];

/** Name of a state tensor at the graph's output. */
export function updatedName(tensor: string): string {
  return `new.${tensor}`;
}

/** The model: feeds STEP_FEEDS and the state, outputs the new state and STEP_NUMBERS. */
export function buildStepGraph(settings: StepGraphSettings): GraphBuilder {
  const g = new GraphBuilder('train');
  const tensors = stateTensors(settings);
  const { batchRows, width } = settings;
  const feeds: StepFeeds = {
    rows: g.input(STEP_FEEDS.rows, 'float32', ['steps', batchRows, width]),
    rate: g.input(STEP_FEEDS.rate, 'float32', ['steps']),
    correction: g.input(STEP_FEEDS.correction, 'float32', ['steps']),
  };
  const state = tensors.map((t) => g.input(t.name, t.type, t.shape));
  const trips = g.op('Squeeze', [g.op('Shape', [feeds.rate]), g.integers(0)]);
  const outputs = g.ops('Loop', [trips, null, ...state], {
    outputs: [...tensors.map((t) => updatedName(t.name)), ...STEP_NUMBERS],
    attributes: { body: buildBody(g.subgraph('step'), settings, feeds).toGraph() },
  });
  for (const value of outputs) g.output(value);
  return g;
}

type StepFeeds = Readonly<Record<keyof typeof STEP_FEEDS, Value>>;

function buildBody(g: GraphBuilder, settings: StepGraphSettings, feeds: StepFeeds): GraphBuilder {
  const tensors = stateTensors(settings);
  const step = g.input(g.fresh('step'), 'int64', []);
  const condition = g.input(g.fresh('condition'), 'bool', []);
  const old = Object.fromEntries(tensors.map((t) => [t.name, g.input(g.fresh(t.name), t.type, t.shape)]));
  const pick = (feed: Value): Value => g.op('Gather', [feed, step], { attributes: { axis: 0 } });
  const x = pick(feeds.rows);
  const factors = { rate: pick(feeds.rate), correction: pick(feeds.correction) };
  const gradients = buildGradients(g, { settings, old, x });
  const updated = buildUpdate(g, { settings, old, gradients: gradients.parameters, factors });
  g.output(g.op('Identity', [condition]));
  for (const t of tensors) g.output(t.name === SINCE_FIRED ? gradients.since : valueOf(updated.state, t.name));
  const numbers: Record<StepNumber, Value> = {
    ...gradients.numbers,
    gradient_squares: updated.gradientSquares,
  };
  for (const name of STEP_NUMBERS) g.output(g.op('Identity', [numbers[name]]));
  return g;
}

interface Gradients {
  readonly parameters: Readonly<Record<string, Value>>;
  readonly since: Value;
  readonly numbers: Omit<Record<StepNumber, Value>, 'gradient_squares'>;
}

interface GradientInputs {
  readonly settings: StepGraphSettings;
  readonly old: Readonly<Record<string, Value>>;
  readonly x: Value;
}

function buildGradients(g: GraphBuilder, { settings, old, x }: GradientInputs): Gradients {
  const { batchRows, variance, scatter } = settings;
  const architecture: Architecture = ARCHITECTURES[settings.architecture];
  const sizes: StepSizes = settings;
  const W_enc = valueOf(old, 'W_enc');
  const W_dec = valueOf(old, 'W_dec');
  const b_dec = valueOf(old, 'b_dec');
  const centred = g.op('Sub', [x, b_dec]);
  const z = g.op('Gemm', [centred, W_enc, valueOf(old, 'b_enc')], { attributes: { transB: 1 } });
  const values: StepValues = { x, z, parameters: old };
  const selection = architecture.buildSelection(g, values, settings);
  const decoded = buildDecode(g, selection, W_dec);
  // x_hat − x = f W_dec − (x − b_dec)
  const error = g.op('Sub', [decoded.product, centred]);
  const gradient = g.op('Mul', [error, g.scalar(2 / (batchRows * variance))]);
  const df = buildFeatureGradient(g, { decoded, W_dec, gradient });
  const dz = architecture.buildSelectionGradient(g, selection, df);
  const encoder = { selection, weights: dz, sizes, scatter };
  const rowGradients = {
    W_enc: buildRowSums(g, encoder, centred),
    b_enc: buildSums(g, encoder),
    W_dec: buildRowSums(g, { selection, weights: selection.value, sizes, scatter }, gradient),
  };
  const counters = buildCounters(g, { settings, selection, since: valueOf(old, SINCE_FIRED) });
  const { dead } = counters;
  const withAux =
    architecture.auxK && settings.kAux > 0
      ? buildAuxK(g, {
          z,
          centred,
          error,
          W_dec,
          dead,
          gradients: rowGradients,
          kAux: settings.kAux,
          weight: settings.auxWeight,
          sizes,
        })
      : { ...rowGradients, aux: g.scalar(0) };
  const throughEncoder = g.op('MatMul', [withAux.b_enc, W_enc]);
  const b_decGradient = g.op('Sub', [columnSum(g, gradient), throughEncoder]);
  return {
    parameters: {
      W_enc: withAux.W_enc,
      b_enc: withAux.b_enc,
      W_dec: withAux.W_dec,
      b_dec: b_decGradient,
    },
    since: counters.since,
    numbers: {
      sse: sumOfSquares(g, error),
      sst: buildBatchSpread(g, x),
      sparsity: architecture.buildSparsity?.(g, values, selection) ?? g.scalar(0),
      aux: withAux.aux,
      firings: counters.firings,
      dead: g.op('Cast', [countOf(g, dead)], { attributes: { to: 1 } }),
    },
  };
}

/** Σ‖x − x̄‖² with the batch's own mean. */
function buildBatchSpread(g: GraphBuilder, x: Value): Value {
  const mean = g.op('ReduceMean', [x, g.integers(0)], { attributes: { keepdims: 1 } });
  return sumOfSquares(g, g.op('Sub', [x, mean]));
}

interface CounterInputs {
  readonly settings: StepGraphSettings;
  readonly selection: Selection;
  /** [F] int64: rows since each feature fired, before this step. */
  readonly since: Value;
}

/** Features dead before this step [F] bool, rows since each fired after it [F] int64, and pairs that fired in it. */
function buildCounters(
  g: GraphBuilder,
  { settings, selection, since }: CounterInputs,
): { readonly dead: Value; readonly since: Value; readonly firings: Value } {
  const mask = g.op('Sign', [selection.value]);
  const rows = buildSums(g, {
    selection,
    weights: mask,
    sizes: settings,
    scatter: settings.scatter,
  });
  const waited = g.op('Add', [since, g.integer(settings.batchRows)]);
  return {
    dead: g.op('GreaterOrEqual', [since, g.integer(settings.deadAfterTokens)]),
    since: g.op('Where', [g.op('Greater', [rows, g.scalar(0)]), g.integer(0), waited]),
    firings: g.op('ReduceSum', [mask], { attributes: { keepdims: 0 } }),
  };
}

interface UpdateInputs {
  readonly settings: StepGraphSettings;
  readonly old: Readonly<Record<string, Value>>;
  readonly gradients: Readonly<Record<string, Value>>;
  readonly factors: StepFactors;
}

function buildUpdate(
  g: GraphBuilder,
  { settings, old, gradients, factors }: UpdateInputs,
): { readonly state: Readonly<Record<string, Value>>; readonly gradientSquares: Value } {
  const unit = ARCHITECTURES[settings.architecture].unitNormDecoder;
  const names = parameterTensors(settings).map((t) => t.name);
  const projected = names.map((name) => {
    const gradient = valueOf(gradients, name);
    return name === 'W_dec' && unit ? buildProjection(g, gradient, valueOf(old, 'W_dec')) : gradient;
  });
  const gradientSquares = buildSquaredNorm(g, projected);
  const factor = buildClipFactor(g, gradientSquares, settings.adam.clipNorm);
  const state: Record<string, Value> = {};
  names.forEach((name, i) => {
    const raw = projected[i] as Value;
    const slot = {
      parameter: valueOf(old, name),
      gradient: factor === null ? raw : g.op('Mul', [raw, factor]),
      m: valueOf(old, momentName('m', name)),
      v: valueOf(old, momentName('v', name)),
    };
    const updated: Updated = buildAdam(g, slot, { factors, settings: settings.adam });
    state[name] = name === 'W_dec' && unit ? buildUnitRows(g, updated.parameter) : updated.parameter;
    state[momentName('m', name)] = updated.m;
    state[momentName('v', name)] = updated.v;
  });
  return { state, gradientSquares };
}

function columnSum(g: GraphBuilder, value: Value): Value {
  return g.op('ReduceSum', [value, g.integers(0)], { attributes: { keepdims: 0 } });
}
