// GPT-2 (Radford et al. 2019) as Hugging Face's GPT2LMHeadModel stores and computes it: learned positions, LayerNorm before each
// branch, biases everywhere, matrices [in, out] with q, k and v side by side.
//
//   x_0 = W_E[ids] + W_pos;  mid = x + Attention(LN_1(x));  x' = mid + W_proj · act(W_fc · LN_2(mid));  hidden = LN_f(x_L)
import type { GraphBuilder } from '../../onnx/builder.js';
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
  buildLayerNorm,
  buildLinear,
  buildStream,
  positions,
  splitHeads,
} from '../layers.js';
import type { ModelSpec } from '../model-spec.js';

const EMBEDDING = 'transformer.wte.weight';
const POSITIONS = 'transformer.wpe.weight';
const NORMAL: Initial = { normal: INITIAL_DEVIATION };

export const GPT2: Architecture = {
  embedding: EMBEDDING,
  parameters: gpt2Parameters,
  buildHidden,
};

function gpt2Parameters(spec: ModelSpec): readonly Parameter[] {
  const { layers, width, mlpWidth, contextTokens } = spec;
  const residual = residualInitial(spec);
  const block = (n: number): Parameter[] => {
    const at = `transformer.h.${n}`;
    return [
      ...norm(`${at}.ln_1`, width),
      ...linear(`${at}.attn.c_attn`, [width, 3 * width], NORMAL),
      ...linear(`${at}.attn.c_proj`, [width, width], residual),
      ...norm(`${at}.ln_2`, width),
      ...linear(`${at}.mlp.c_fc`, [width, mlpWidth], NORMAL),
      ...linear(`${at}.mlp.c_proj`, [mlpWidth, width], residual),
    ];
  };
  return [
    { name: POSITIONS, shape: [contextTokens, width], kind: 'embedding', initial: NORMAL },
    ...Array.from({ length: layers }, (_, n) => block(n)).flat(),
    ...norm('transformer.ln_f', width),
  ];
}

function linear(name: string, shape: readonly [number, number], initial: Initial): Parameter[] {
  return [
    { name: `${name}.weight`, shape, kind: 'matrix', initial },
    { name: `${name}.bias`, shape: [shape[1]], kind: 'vector', initial: { constant: 0 } },
  ];
}

function norm(name: string, width: number): Parameter[] {
  return [
    { name: `${name}.weight`, shape: [width], kind: 'vector', initial: { constant: 1 } },
    { name: `${name}.bias`, shape: [width], kind: 'vector', initial: { constant: 0 } },
  ];
}

function buildHidden(g: GraphBuilder, inputs: ForwardInputs): Value {
  const { spec, parameters, ids, kernels = 'standard' } = inputs;
  const { normEpsilon } = spec;
  const of = (name: string): Value => valueNamed(parameters, `transformer.${name}`);
  const embedded = inputs.embedded ?? g.op('Gather', [of('wte.weight'), ids]);
  const mask = buildCausalMask(g, inputs);
  let x = buildStream(g, g.op('Add', [embedded, buildPositions(g, inputs)]), inputs);
  for (let n = 0; n < spec.layers; n++) x = buildBlock(g, { inputs, mask, n, x });
  return buildLayerNorm(g, [x, of('ln_f.weight'), of('ln_f.bias')], { normEpsilon, kernels });
}

/** W_pos of the positions in use [pos, d_model]. */
function buildPositions(g: GraphBuilder, { spec, parameters, ids }: ForwardInputs): Value {
  const table = valueNamed(parameters, POSITIONS);
  const pos = g.sizeOf(ids.shape?.[1] ?? '?');
  if (pos === spec.contextTokens) return table;
  if (pos === null) return g.op('Gather', [table, positions(g, ids)]);
  return g.op('Slice', [table, g.integers(0), g.integers(pos), g.integers(0)]);
}

interface Block {
  readonly inputs: ForwardInputs;
  readonly mask: Value;
  readonly n: number;
  readonly x: Value;
}

function buildBlock(g: GraphBuilder, { inputs, mask, n, x }: Block): Value {
  const { spec, parameters, ids, kernels = 'standard' } = inputs;
  const { width, mlpWidth, heads, headWidth, normEpsilon } = spec;
  const of = (name: string): Value => valueNamed(parameters, `transformer.h.${n}.${name}`);
  const map = (name: string, from: Value, sizes: readonly [number, number]): Value =>
    buildLinear(g, { x: from, weight: of(`${name}.weight`), bias: of(`${name}.bias`), sizes, ids });
  const normed = (name: string, from: Value): Value =>
    buildLayerNorm(g, [from, of(`${name}.weight`), of(`${name}.bias`)], { normEpsilon, kernels });
  const [q, k, v] = buildProjections(g, { inputs, n, x: normed('ln_1', x) }).map((part) =>
    splitHeads(g, part, { ids, heads, headWidth }),
  ) as [Value, Value, Value];
  const z = buildAttention(g, { q, k, v }, { inputs, mask });
  const mid = g.op('Add', [x, map('attn.c_proj', z, [width, width])]);
  const pre = map('mlp.c_fc', normed('ln_2', mid), [width, mlpWidth]);
  const post = buildActivation(g, spec.activation, pre);
  return g.op('Add', [mid, map('mlp.c_proj', post, [mlpWidth, width])]);
}

/** q, k and v of one block [batch, pos, d_model] each. */
function buildProjections(
  g: GraphBuilder,
  { inputs, n, x }: { readonly inputs: ForwardInputs; readonly n: number; readonly x: Value },
): Value[] {
  const { spec, parameters, ids, kernels = 'standard' } = inputs;
  const { width } = spec;
  const weight = valueNamed(parameters, `transformer.h.${n}.attn.c_attn.weight`);
  const bias = valueNamed(parameters, `transformer.h.${n}.attn.c_attn.bias`);
  const cut = (whole: Value): Value[] =>
    g.ops('Split', [whole], { outputs: 3, attributes: { axis: -1, num_outputs: 3 } });
  if (kernels === 'standard') return cut(buildLinear(g, { x, weight, bias, sizes: [width, 3 * width], ids }));
  // The matrix is cut instead of its product: it is much smaller.
  const [weights, biases] = [cut(weight), cut(bias)];
  return weights.map((part, i) =>
    buildLinear(g, { x, weight: part, bias: biases[i] as Value, sizes: [width, width], ids }),
  );
}
