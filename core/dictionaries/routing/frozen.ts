// A dictionary of frozen experts: E dictionaries of n = F / E features each, trained apart, and what chooses among them.
//
//   W_enc, b_enc, W_dec, …   [F, …]: the experts' rows end to end; feature = expert · n + its number in the expert
//   b_dec, threshold, …      [E, …]: one for each expert
//   W_router, b_router       router.ts
//   f, e of a row = f, e of its expert's own inference;  no other expert's feature can fire on it
//
// The graph computes all experts and keeps one, which costs what a dictionary of F features costs. Where rows are many they are
// sorted by expert first instead (dictionaries/routed.ts); this graph is what that is held against.
import { InputError } from '../../../schemas/errors.js';
import type { GraphBuilder } from '../../onnx/builder.js';
import { type NamedValues, valueNamed } from '../../onnx/named-value.js';
import type { Value } from '../../onnx/shape.js';
import type { Architecture, DictionarySizes, Forward, Parameter, StepInputs } from '../architecture.js';
import type { Selection } from '../rows.js';
import type { Tape } from '../tape.js';
import { buildRoute, expertSizes, routedOf, routerParameters } from './router.js';

/** A tensor of a routed dictionary that its experts have parts of. */
export interface ExpertTensor {
  readonly parameter: Parameter;
  /** Shape in one expert. */
  readonly own: readonly number[];
  /** Whether the experts' parts lie end to end along the first axis (a row per feature), or along an axis of their own. */
  readonly perFeature: boolean;
}

/** The experts' tensors, in the order of their kind. @param kind not routed */
export function expertTensors(kind: Pick<Architecture, 'parameters'>, sizes: DictionarySizes): ExpertTensor[] {
  const { experts } = routedOf(sizes.sites);
  const own = expertSizes(sizes);
  const more = kind.parameters({ ...own, features: own.features + 1 });
  return kind.parameters(own).map((parameter, i) => {
    const { shape, name } = parameter;
    const perFeature = more[i]?.shape[0] !== shape[0];
    const all = perFeature ? [experts * (shape[0] ?? 1), ...shape.slice(1)] : [experts, ...shape];
    return { parameter: { ...parameter, shape: all, initial: () => beginsApart(name) }, own: shape, perFeature };
  });
}

/** All stored tensors. */
export function frozenParameters(kind: Pick<Architecture, 'parameters'>, sizes: DictionarySizes): Parameter[] {
  return [...expertTensors(kind, sizes).map(({ parameter }) => parameter), ...routerParameters(sizes)];
}

function beginsApart(name: string): never {
  throw new InputError(
    `Expected ${name} of one expert, found it asked of all: frozen experts begin and are trained apart.`,
    { tensor: name },
  );
}

/** f and e by the expert of each row. */
export function buildFrozenInference(kind: Architecture, tape: Tape, inputs: StepInputs): Forward {
  const { g } = tape;
  const routed = routedOf(inputs.sites);
  const { expert } = buildRoute(g, { routed, x: inputs.reads[0] as Value, parameters: inputs.parameters });
  const column = g.op('Unsqueeze', [expert, g.integers(1)]);
  const own = expertSizes(inputs);
  const tensors = expertTensors(kind, inputs);
  const all = Array.from({ length: routed.experts }, (_, e) => {
    const parameters = Object.fromEntries(
      tensors.map((tensor) => [tensor.parameter.name, partOf(g, inputs.parameters, { tensor, e })]),
    );
    const forward = kind.buildInference(tape, { ...own, parameters });
    return { forward, mask: g.op('Equal', [column, g.integer(e)]) };
  });
  const [first, ...others] = all as [(typeof all)[number], ...typeof all];
  const chosen = (valueOf: (forward: Forward, e: number) => Value): Value =>
    others.reduce(
      (kept, { forward, mask }, i) => g.op('Where', [mask, valueOf(forward, i + 1), kept]),
      valueOf(first.forward, 0),
    );
  return {
    z: g.op('Concat', all.map(({ forward }) => forward.z), { attributes: { axis: 1 } }), // prettier-ignore
    f: joinSelections(g, { all, chosen, features: own.features }),
    errors: first.forward.errors.map((_, site) => chosen(({ errors }) => errors[site] as Value)),
    backward: null,
  };
}

interface Selections {
  readonly all: readonly { readonly forward: Forward; readonly mask: Value }[];
  readonly chosen: (valueOf: (forward: Forward, e: number) => Value) => Value;
  /** Of one expert. */
  readonly features: number;
}

function joinSelections(g: GraphBuilder, { all, chosen, features }: Selections): Selection {
  const [first] = all;
  if (first?.forward.f.layout === 'pairs') {
    const feature = chosen(({ f }, e) =>
      f.layout === 'pairs' && e > 0 ? g.op('Add', [f.feature, g.integer(e * features)]) : featureOf(f),
    );
    return { ...first.forward.f, feature, value: chosen(({ f }) => f.value) };
  }
  const own = all.map(({ forward, mask }) => g.op('Where', [mask, forward.f.value, g.scalar(0)]));
  return { layout: 'dense', value: g.op('Concat', own, { attributes: { axis: 1 } }) };
}

function featureOf(f: Selection): Value {
  if (f.layout === 'pairs') return f.feature;
  throw new InputError('Expected all experts to select in one layout, found pairs and a dense one.');
}

/** The part of a tensor that expert `e` has. */
function partOf(
  g: GraphBuilder,
  parameters: NamedValues,
  { tensor, e }: { readonly tensor: ExpertTensor; readonly e: number },
): Value {
  const { own, perFeature, parameter } = tensor;
  const rows = perFeature ? (own[0] ?? 1) : 1;
  const whole = valueNamed(parameters, parameter.name);
  const part = g.op('Slice', [whole, g.integers(e * rows), g.integers((e + 1) * rows), g.integers(0)]);
  return perFeature ? part : g.op('Reshape', [part, g.integers(...own)]);
}
