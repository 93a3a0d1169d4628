// Checks a derivative rule against finite differences: builds a small graph, differentiates Σ cotangent · y with our reverse
// mode, runs both in ONNX Runtime and compares. Fourth-order central differences, so that the step may be large.
import { appendGradients } from '../../../../core/autodiff/backward.js';
import { GraphBuilder } from '../../../../core/onnx/builder.js';
import { graphOf } from '../../../../core/onnx/cut.js';
import { encodeModel, joinChunks } from '../../../../core/onnx/codec.js';
import type { OperatorName } from '../../../../core/onnx/operators/table.js';
import type { ModelProto, ValueInfoProto } from '../../../../core/onnx/proto.js';
import type { Value } from '../../../../core/onnx/shape.js';
import { Session, type Optimisation, type TensorValue } from '../../../../runtime/session.js';

/** How an input is drawn: float entries between `low` and `high` (−2 and 2), or given integers or booleans. */
export type Draw =
  | readonly number[]
  | { readonly shape: readonly number[]; readonly low?: number; readonly high?: number }
  | { readonly shape: readonly number[]; readonly points: readonly number[] }
  | { readonly shape: readonly number[]; readonly int64: readonly number[] }
  | { readonly shape: readonly number[]; readonly int32: readonly number[] }
  | { readonly shape: readonly number[]; readonly bool: readonly number[] };

export interface RuleCase {
  readonly operator: OperatorName;
  /** What is special about the case. */
  readonly what: string;
  readonly inputs: Readonly<Record<string, Draw>>;
  /** The graph from its inputs, in the order of `inputs`. */
  readonly build: (g: GraphBuilder, ...inputs: Value[]) => Value | readonly Value[];
  /** Opset of the model, where the operator is newer than 20. */
  readonly opset?: number;
  /** Element type; float64 unless ONNX Runtime has no such kernel. */
  readonly dtype?: 'float64' | 'float32';
  /** Inputs that stay constant; else all float ones are differentiated. */
  readonly fixed?: readonly string[];
  /** What the file tells of the inputs' shapes; a rule that needs ranks leaves `nothing` out. */
  readonly knowledge?: readonly Knowledge[];
}

/** Sizes; ranks only; not even ranks. */
export type Knowledge = 'sizes' | 'ranks' | 'nothing';

interface Prepared {
  readonly forward: ModelProto;
  readonly feeds: Record<string, TensorValue>;
  readonly outputs: readonly string[];
  readonly wrt: readonly string[];
}

/** What finite differences say of a case. */
export interface Reference {
  readonly cotangents: Readonly<Record<string, TensorValue>>;
  /** Entry by entry, for each input that is differentiated. */
  readonly gradients: ReadonlyMap<string, readonly number[]>;
}

/** The gradients of Σ cotangent · y by finite differences. What a file tells of shapes, and the optimiser, change none of them. */
export async function numericGradients(rule: RuleCase): Promise<Reference> {
  const { forward: model, feeds, outputs, wrt } = prepare(rule, 'sizes');
  const forward = await Session.create(bytesOf(model), { provider: 'cpu', threads: 1, optimisation: 'disabled' });
  const first = await forward.run(feeds, outputs);
  const draw = generator(7);
  const cotangents = Object.fromEntries(
    outputs.map((name) => {
      const { data, dtype } = first[name] as TensorValue;
      return [`cotangent.${name}`, floats(dtype as 'float64', [data.length], () => draw(-1, 1))];
    }),
  );
  const loss = async (at: Record<string, TensorValue>): Promise<number> => {
    const y = await forward.run(at, outputs);
    let sum = 0;
    for (const name of outputs) {
      const c = cotangents[`cotangent.${name}`]?.data as Float64Array;
      c.forEach((weight, i) => (sum += weight * Number(y[name]?.data[i])));
    }
    return sum;
  };
  const gradients = new Map<string, readonly number[]>();
  const h = rule.dtype === 'float32' ? 0.05 : 1e-3;
  for (const tensor of wrt) gradients.set(tensor, await differences(loss, feeds, { tensor, h }));
  await forward.release();
  return { cotangents, gradients };
}

export interface Variant {
  readonly optimisation: Optimisation;
  readonly knowledge: Knowledge;
}

/** Largest difference between reverse mode and finite differences, relative to the largest gradient (at least 1). */
export async function ruleError(
  rule: RuleCase,
  { cotangents, gradients }: Reference,
  { optimisation, knowledge }: Variant,
): Promise<{ error: number; tensor: string }> {
  const prepared = prepare(rule, knowledge);
  const settings = { provider: 'cpu', threads: 1, optimisation } as const;
  const backward = await Session.create(bytesOf(gradientModel(prepared)), settings);
  const got = await backward.run({ ...prepared.feeds, ...cotangents });
  await backward.release();
  let worst = { error: 0, tensor: '' };
  for (const [tensor, numeric] of gradients) {
    const analytic = got[`grad.${tensor}`] as TensorValue;
    const { dims } = prepared.feeds[tensor] as TensorValue;
    if (JSON.stringify(analytic.dims) !== JSON.stringify(dims)) return { error: Infinity, tensor };
    const scale = numeric.reduce((most, x) => Math.max(most, Math.abs(x)), 1);
    numeric.forEach((x, i) => {
      const error = Math.abs(x - Number(analytic.data[i])) / scale;
      if (!(error <= worst.error)) worst = { error, tensor };
    });
  }
  return worst;
}

function prepare(rule: RuleCase, knowledge: Knowledge): Prepared {
  const dtype = rule.dtype ?? 'float64';
  const g = new GraphBuilder('case', { foreign: true });
  const draw = generator(rule.what.length + 3);
  const feeds: Record<string, TensorValue> = {};
  const values: Value[] = [];
  const wrt: string[] = [];
  for (const [name, given] of Object.entries(rule.inputs)) {
    const value = drawInput(given, dtype, draw);
    feeds[name] = value;
    values.push(g.input(name, value.dtype, value.dims));
    if (value.dtype === dtype && !rule.fixed?.includes(name)) wrt.push(name);
  }
  const built = rule.build(g, ...values);
  const results = Array.isArray(built) ? (built as readonly Value[]) : [built as Value];
  const outputs = results.map((value, i) => g.output(value, `y${i}`).name);
  const model = g.toModel();
  const opsetImport = model.opsetImport.map(({ domain = '', version }) => ({
    domain,
    version: domain === '' ? (rule.opset ?? version ?? 0) : (version ?? 0),
  }));
  return { forward: forget({ ...model, opsetImport }, knowledge), feeds, outputs, wrt };
}

/** The model as a foreign file that tells less of its inputs. */
function forget(model: ModelProto, knowledge: Knowledge): ModelProto {
  if (knowledge === 'sizes') return model;
  const graph = graphOf(model);
  const weaker = (info: ValueInfoProto): ValueInfoProto => {
    const tensorType = info.type?.tensorType;
    const { elemType, shape } = tensorType ?? {};
    const kept = knowledge === 'ranks' && shape ? { shape: { dim: shape.dim.map(() => ({})) } } : {};
    return { ...info, type: { tensorType: { ...(elemType && { elemType }), ...kept } } };
  };
  const input = graph.input.map(weaker);
  return { ...model, graph: { ...graph, input, output: graph.output.map(weaker), valueInfo: [] } };
}

function gradientModel({ forward, outputs, wrt }: Prepared): ModelProto {
  const g = GraphBuilder.over({ ...forward, graph: { ...graphOf(forward), output: [] } });
  const cotangents = new Map(
    outputs.map((name) => {
      const y = g.value(name);
      const flat = g.input(`cotangent.${name}`, y.dtype, [`size_of_${name}`]);
      const cotangent = g.op('Reshape', [flat, g.op('Shape', [y])], y.shape ? { shape: y.shape } : {});
      return [name, cotangent];
    }),
  );
  for (const [name, gradient] of appendGradients(g, { cotangents, wrt })) {
    g.output(gradient, `grad.${name}`);
  }
  return g.toModel();
}

/** (8 (f(x + h) − f(x − h)) − (f(x + 2h) − f(x − 2h))) / 12 h, entry by entry. */
async function differences(
  f: (feeds: Record<string, TensorValue>) => Promise<number>,
  feeds: Record<string, TensorValue>,
  { tensor, h }: { tensor: string; h: number },
): Promise<number[]> {
  const x = feeds[tensor] as Extract<TensorValue, { dtype: 'float64' }>;
  const result: number[] = [];
  for (let i = 0; i < x.data.length; i++) {
    const at = async (shift: number): Promise<number> => {
      const data = x.data.slice();
      data[i] = (data[i] as number) + shift;
      return f({ ...feeds, [tensor]: { ...x, data } });
    };
    const near = (await at(h)) - (await at(-h));
    const far = (await at(2 * h)) - (await at(-2 * h));
    result.push((8 * near - far) / (12 * h));
  }
  return result;
}

function drawInput(
  given: Draw,
  dtype: 'float64' | 'float32',
  draw: (low: number, high: number) => number,
): TensorValue {
  if ('int64' in given) return { dtype: 'int64', dims: given.shape, data: BigInt64Array.from(given.int64, BigInt) };
  if ('int32' in given) return { dtype: 'int32', dims: given.shape, data: Int32Array.from(given.int32) };
  if ('bool' in given) return { dtype: 'bool', dims: given.shape, data: Uint8Array.from(given.bool) };
  if ('points' in given) {
    const points = given.points[Symbol.iterator]();
    return floats(dtype, given.shape, () => Number(points.next().value));
  }
  const { shape, low, high } = {
    low: -2,
    high: 2,
    ...('shape' in given ? given : { shape: given }),
  };
  return floats(dtype, shape, () => draw(low, high));
}

function floats(dtype: 'float64' | 'float32', dims: readonly number[], draw: () => number): TensorValue {
  const count = dims.reduce((a, b) => a * b, 1);
  return dtype === 'float64'
    ? { dtype, dims, data: Float64Array.from({ length: count }, draw) }
    : { dtype, dims, data: Float32Array.from({ length: count }, draw) };
}

function bytesOf(model: ModelProto): Uint8Array {
  return joinChunks(encodeModel(model));
}

/** Uniform draws by a linear congruential generator. */
function generator(seed: number): (low: number, high: number) => number {
  let state = (seed * 2654435761) >>> 0;
  return (low, high) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return low + ((high - low) * state) / 2 ** 32;
  };
}
