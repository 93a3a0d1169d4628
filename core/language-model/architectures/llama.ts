// Llama (Touvron et al. 2023) as Hugging Face's LlamaForCausalLM stores and computes it: RMSNorm before each branch, rotary
// positions, grouped key-value heads, a gated MLP, no biases, matrices [out, in].
//
//   x_0 = W_E[ids];  mid = x + W_O z;  x' = mid + W_down (act(W_gate n) ∘ W_up n),  n = RMSNorm(mid);  hidden = RMSNorm(x_L)
//   rotary: q' = q ∘ cos + (−q_2, q_1) ∘ sin over halves (q_1, q_2) of a head, angle of entry i at position p: p θ^(−2i / d_head)
//           (Su et al. 2021, in the layout of halves)
import type { GraphBuilder } from '../../onnx/builder.js';
import { makeTensor } from '../../onnx/make.js';
import { valueNamed } from '../../onnx/named-value.js';
import type { Value } from '../../onnx/shape.js';
import {
  type Architecture,
  type ForwardInputs,
  INITIAL_DEVIATION,
  type Initial,
  type Parameter,
  residualInitial,
} from '../architecture.js';
import {
  buildActivation,
  buildAttention,
  buildCausalMask,
  buildLinear,
  buildRmsNorm,
  buildStream,
  splitHeads,
} from '../layers.js';
import type { ModelSpec } from '../model-spec.js';

const EMBEDDING = 'model.embed_tokens.weight';

export const LLAMA: Architecture = {
  embedding: EMBEDDING,
  parameters: llamaParameters,
  buildHidden,
};

function llamaParameters(spec: ModelSpec): readonly Parameter[] {
  const { layers, width, heads, keyValueHeads, headWidth, mlpWidth } = spec;
  const residual = residualInitial(spec);
  const matrix = (
    name: string,
    [out, into]: readonly [number, number],
    initial: Initial = { normal: INITIAL_DEVIATION },
  ): Parameter => ({
    name: `${name}.weight`,
    shape: [out, into],
    kind: 'matrix',
    initial,
  });
  const block = (n: number): Parameter[] => {
    const at = `model.layers.${n}`;
    return [
      norm(`${at}.input_layernorm`, width),
      matrix(`${at}.self_attn.q_proj`, [heads * headWidth, width]),
      matrix(`${at}.self_attn.k_proj`, [keyValueHeads * headWidth, width]),
      matrix(`${at}.self_attn.v_proj`, [keyValueHeads * headWidth, width]),
      matrix(`${at}.self_attn.o_proj`, [width, heads * headWidth], residual),
      norm(`${at}.post_attention_layernorm`, width),
      matrix(`${at}.mlp.gate_proj`, [mlpWidth, width]),
      matrix(`${at}.mlp.up_proj`, [mlpWidth, width]),
      matrix(`${at}.mlp.down_proj`, [width, mlpWidth], residual),
    ];
  };
  const blocks = Array.from({ length: layers }, (_, n) => block(n)).flat();
  return [...blocks, norm('model.norm', width)];
}

function norm(name: string, width: number): Parameter {
  return { name: `${name}.weight`, shape: [width], kind: 'vector', initial: { constant: 1 } };
}

function buildHidden(g: GraphBuilder, inputs: ForwardInputs): Value {
  const { spec, parameters, ids } = inputs;
  const embedded = inputs.embedded ?? g.op('Gather', [valueNamed(parameters, EMBEDDING), ids]);
  const mask = buildCausalMask(g, inputs);
  const rotary = buildRotary(g, inputs);
  let x = buildStream(g, embedded, inputs);
  for (let n = 0; n < spec.layers; n++) x = buildBlock(g, { inputs, mask, rotary, n, x });
  const weight = valueNamed(parameters, 'model.norm.weight');
  return buildRmsNorm(g, [x, weight], spec.normEpsilon);
}

/** cos and sin of the angles [pos, d_head]. */
interface Rotary {
  readonly cos: Value;
  readonly sin: Value;
}

function buildRotary(g: GraphBuilder, { spec, ids }: ForwardInputs): Rotary {
  const { headWidth, contextTokens, ropeBase } = spec;
  const pos = g.sizeOf(ids.shape?.[1] ?? '?');
  const rows = pos ?? contextTokens;
  const table = (name: string, of: (angle: number) => number): Value => {
    const data = new Float32Array(rows * headWidth);
    for (let p = 0; p < rows; p++)
      for (let i = 0; i < headWidth; i++) {
        const frequency = ropeBase ** ((-2 * (i % (headWidth / 2))) / headWidth);
        data[p * headWidth + i] = of(p * frequency);
      }
    const whole = g.initializer(makeTensor(g.fresh(name), { dims: [rows, headWidth], data }));
    if (pos !== null) return whole;
    const end = g.op('Shape', [ids], { attributes: { start: 1, end: 2 } });
    return g.op('Slice', [whole, g.integers(0), end, g.integers(0)], {
      shape: [ids.shape?.[1] ?? '?pos', headWidth],
    });
  };
  return { cos: table('rotary_cos', Math.cos), sin: table('rotary_sin', Math.sin) };
}

function rotate(g: GraphBuilder, x: Value, { cos, sin }: Rotary): Value {
  const [first, second] = g.ops('Split', [x], {
    outputs: 2,
    attributes: { axis: -1, num_outputs: 2 },
  }) as [Value, Value];
  const turned = g.op('Concat', [g.op('Neg', [second]), first], { attributes: { axis: -1 } });
  return g.op('Add', [g.op('Mul', [x, cos]), g.op('Mul', [turned, sin])]);
}

interface Block {
  readonly inputs: ForwardInputs;
  readonly mask: Value;
  readonly rotary: Rotary;
  readonly n: number;
  readonly x: Value;
}

function buildBlock(g: GraphBuilder, { inputs, mask, rotary, n, x }: Block): Value {
  const { spec, parameters, ids } = inputs;
  const { width, heads, keyValueHeads, headWidth, mlpWidth } = spec;
  const of = (name: string): Value => valueNamed(parameters, `model.layers.${n}.${name}.weight`);
  const map = (name: string, from: Value, sizes: readonly [number, number]): Value =>
    buildLinear(g, { x: from, weight: of(name), transposed: true, sizes, ids });
  const normed = buildRmsNorm(g, [x, of('input_layernorm')], spec.normEpsilon);
  const project = (name: string, count: number): Value =>
    splitHeads(g, map(name, normed, [width, count * headWidth]), { ids, heads: count, headWidth });
  const heads3 = {
    q: rotate(g, project('self_attn.q_proj', heads), rotary),
    k: repeat(g, rotate(g, project('self_attn.k_proj', keyValueHeads), rotary), inputs),
    v: repeat(g, project('self_attn.v_proj', keyValueHeads), inputs),
  };
  const z = buildAttention(g, heads3, { inputs, mask });
  const mid = g.op('Add', [x, map('self_attn.o_proj', z, [heads * headWidth, width])]);
  const from = buildRmsNorm(g, [mid, of('post_attention_layernorm')], spec.normEpsilon);
  const gate = map('mlp.gate_proj', from, [width, mlpWidth]);
  const up = map('mlp.up_proj', from, [width, mlpWidth]);
  const post = g.op('Mul', [buildActivation(g, spec.activation, gate), up]);
  return g.op('Add', [mid, map('mlp.down_proj', post, [mlpWidth, width])]);
}

/** Each key-value head for all queries that it serves: [batch, kv_head, pos, d_head] → [batch, head, pos, d_head]. */
function repeat(g: GraphBuilder, x: Value, { spec, ids }: ForwardInputs): Value {
  const { heads, keyValueHeads, headWidth } = spec;
  if (heads === keyValueHeads) return x;
  const [batch, pos] = ids.shape?.map((dim) => g.sizeOf(dim)) ?? [];
  const groups = heads / keyValueHeads;
  const apart = g.op('Unsqueeze', [x, g.integers(2)]);
  if (typeof batch === 'number' && typeof pos === 'number') {
    const wide = g.op('Expand', [apart, g.integers(batch, keyValueHeads, groups, pos, headWidth)]);
    return g.op('Reshape', [wide, g.integers(batch, heads, pos, headWidth)]);
  }
  const axis = (i: number): Value => g.op('Shape', [ids], { attributes: { start: i, end: i + 1 } });
  const join = (...parts: Value[]): Value => g.op('Concat', parts, { attributes: { axis: 0 } });
  const head = g.integers(headWidth);
  const wide = g.op('Expand', [apart, join(axis(0), g.integers(keyValueHeads, groups), axis(1), head)]);
  return g.op('Reshape', [wide, join(axis(0), g.integers(heads), axis(1), head)]);
}
