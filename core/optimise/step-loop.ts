// K training steps in one ONNX `Loop`: the state enters once, is carried without copies, and leaves once. What a step computes
// is the trainer's; this is the frame that feeds it, for dictionaries and language models alike.
import { GraphBuilder } from '../onnx/builder.js';
import type { FloatType } from '../onnx/float-data.js';
import type { DataTypeName } from '../onnx/data-type.js';
import { type NamedValues, valueNamed } from '../onnx/named-value.js';
import type { Dim, Value } from '../onnx/shape.js';
import type { OptimiserSettings } from './optimisers/optimiser.js';
import { factorNames } from './optimisers/optimisers.js';
import { type StateTensor, updatedName } from './state.js';

/** Something that differs from step to step, fed for all K at once. */
export interface StepFeed {
  readonly name: string;
  readonly dtype: DataTypeName;
  /** Axes within one step. */
  readonly shape: readonly Dim[];
}

/** What one step sees. */
export interface StepInputs {
  /** This step's slice of each feed. */
  readonly feeds: NamedValues;
  /** This step's factors of the optimiser, scalars. */
  readonly factors: NamedValues;
  readonly state: NamedValues;
}

export interface StepOutputs {
  /** The new state. */
  readonly state: NamedValues;
  /** What is told of the step. */
  readonly numbers: NamedValues;
}

export interface StepLoop {
  readonly name: string;
  /** Type of all that is not an integer: default float32; float64 to prove a step against recorded numbers. */
  readonly float?: FloatType;
  readonly feeds: readonly StepFeed[];
  readonly optimiser: OptimiserSettings;
  readonly tensors: readonly StateTensor[];
  readonly numbers: readonly string[];
  readonly buildStep: (g: GraphBuilder, inputs: StepInputs) => StepOutputs;
}

/** Name of the feed of a factor (`factorNames`), [K]. */
export function factorFeed(name: string): string {
  return `factor.${name}`;
}

/**
 * The graph: feeds [K, …], factors and the state in; the new state (`updatedName`) and the numbers of each step [K, …] out.
 */
export function buildStepLoop(loop: StepLoop): GraphBuilder {
  const { float = 'float32' } = loop;
  const g = new GraphBuilder(loop.name, { float });
  const feeds = Object.fromEntries(
    loop.feeds.map(({ name, dtype, shape }) => [name, g.input(name, dtype, ['steps', ...shape])]),
  );
  const factors = Object.fromEntries(
    factorNames(loop.optimiser).map((name) => [name, g.input(factorFeed(name), float, ['steps'])]),
  );
  const state = loop.tensors.map(({ name, type, shape }) => g.input(name, typeIn(g, type), shape));
  const [counted] = Object.values(factors) as [Value, ...Value[]];
  const trips = g.op('Squeeze', [g.op('Shape', [counted]), g.integers(0)]);
  const outputs = g.ops('Loop', [trips, null, ...state], {
    outputs: [...loop.tensors.map(({ name }) => updatedName(name)), ...loop.numbers],
    attributes: { body: buildBody(g.subgraph('step'), loop, { feeds, factors }).toGraph() },
  });
  for (const value of outputs) g.output(value);
  return g;
}

function buildBody(g: GraphBuilder, loop: StepLoop, fed: Omit<StepInputs, 'state'>): GraphBuilder {
  const step = g.input(g.fresh('step'), 'int64', []);
  const condition = g.input(g.fresh('condition'), 'bool', []);
  const state = Object.fromEntries(
    loop.tensors.map(({ name, type, shape }) => [name, g.input(g.fresh(name), typeIn(g, type), shape)]),
  );
  const pick = (values: NamedValues): NamedValues =>
    Object.fromEntries(
      Object.entries(values).map(([name, all]) => [name, g.op('Gather', [all, step], { attributes: { axis: 0 } })]),
    );
  const after = loop.buildStep(g, { feeds: pick(fed.feeds), factors: pick(fed.factors), state });
  g.output(g.op('Identity', [condition]));
  for (const { name } of loop.tensors) g.output(valueNamed(after.state, name));
  for (const name of loop.numbers) g.output(g.op('Identity', [valueNamed(after.numbers, name)]));
  return g;
}

/** Element type of a state tensor in this graph. */
function typeIn(g: GraphBuilder, type: StateTensor['type']): DataTypeName {
  return type === 'int64' ? 'int64' : g.float;
}
