// Attention as one operator: the standard one of opset 23, its rotary embedding, and those of com.microsoft.
import type { Dim, TensorType } from '../shape.js';
import { addDims, divideDims, multiplyDims } from '../symbolic.js';
import type { OperatorCall, OperatorRow } from './operator.js';
import { FLOAT, INDEX, input, like, optional, row, type Shape } from './row.js';

export const ATTENTION = {
  Attention: row({
    inputs: [3, 7],
    outputs: [1, 4],
    attributes: {
      is_causal: 'int',
      kv_num_heads: 'int',
      q_num_heads: 'int',
      qk_matmul_output_mode: 'int',
      scale: 'float',
      softcap: 'float',
      softmax_precision: 'int',
    },
    infer: attention,
  }),
  RotaryEmbedding: row({
    inputs: [3, 4],
    attributes: { interleaved: 'int', num_heads: 'int', rotary_embedding_dim: 'int' },
    infer: (call) => [like(input(call, 0, FLOAT))],
  }),
  'com.microsoft.GroupQueryAttention': row({
    domain: 'com.microsoft',
    inputs: [7, 17],
    outputs: [1, 4],
    attributes: {
      num_heads: 'int',
      kv_num_heads: 'int',
      scale: 'float',
      softcap: 'float',
      local_window_size: 'int',
      do_rotary: 'int',
      rotary_interleaved: 'int',
      smooth_softmax: 'int',
      qk_output: 'int',
      k_quant_type: 'string',
      v_quant_type: 'string',
      kv_cache_bit_width: 'int',
      causal: 'int',
      sliding_window_cache: 'int',
      k_norm_epsilon: 'float',
      q_norm_epsilon: 'float',
      qk_norm_epsilon: 'float',
    },
    infer: groupQueryAttention,
  }),
  'com.microsoft.MultiHeadAttention': row({
    domain: 'com.microsoft',
    inputs: [1, 10],
    outputs: [1, 4],
    attributes: {
      num_heads: 'int',
      mask_filter_value: 'float',
      scale: 'float',
      unidirectional: 'int',
    },
    infer: multiHeadAttention,
  }),
  'com.microsoft.RotaryEmbedding': row({
    domain: 'com.microsoft',
    inputs: 4,
    attributes: {
      interleaved: 'int',
      is_packed_batching: 'int',
      num_heads: 'int',
      rotary_embedding_dim: 'int',
      scale: 'float',
    },
    infer: (call) => {
      input(call, 1, INDEX);
      return [like(input(call, 0, FLOAT))];
    },
  }),
} satisfies Record<string, OperatorRow>;

interface Heads {
  readonly batch: Dim;
  readonly heads: Dim;
  readonly length: Dim;
  readonly size: Dim;
}

/** The axes of [batch, heads, length, size], or of [batch, length, heads·size] with the number of heads told. */
function headsOf(call: OperatorCall, shape: Shape, heads: number): Heads | null {
  if (shape === null) return null;
  const [batch = 1, second = 1, third = 1, fourth] = shape;
  if (shape.length === 4 && fourth !== undefined) return { batch, heads: second, length: third, size: fourth };
  if (shape.length !== 3 || heads < 1)
    return call.fail(
      '[batch, heads, length, size], or [batch, length, width] with a number of heads',
      `[${shape.join(', ')}]`,
    );
  return { batch, heads, length: second, size: divideDims(third, heads) ?? call.unknownDim() };
}

/** Y like Q with V's size; present keys and values [batch, kv heads, past + length, size]; scores [batch, heads, query, key]. */
function attention(call: OperatorCall): TensorType[] {
  const [Q, K, V] = [input(call, 0, FLOAT), input(call, 1, FLOAT), input(call, 2, FLOAT)];
  const kvHeads = call.attributes.int('kv_num_heads', 0);
  const q = headsOf(call, Q.shape, call.attributes.int('q_num_heads', 0));
  const k = headsOf(call, K.shape, kvHeads);
  const v = headsOf(call, V.shape, kvHeads);
  const total = k && plus(call, k.length, optional(call, 4)?.shape?.[2] ?? 0);
  const { dtype } = Q;
  return [
    {
      dtype,
      shape:
        q &&
        v &&
        (Q.shape?.length === 4
          ? [q.batch, q.heads, q.length, v.size]
          : [q.batch, q.length, times(call, q.heads, v.size)]),
    },
    { dtype: K.dtype, shape: k && total !== null ? [k.batch, k.heads, total, k.size] : null },
    { dtype: V.dtype, shape: v && total !== null ? [v.batch, v.heads, total, v.size] : null },
    { dtype, shape: q && total !== null ? [q.batch, q.heads, q.length, total] : null },
  ];
}

function groupQueryAttention(call: OperatorCall): TensorType[] {
  const query = input(call, 0, FLOAT);
  const heads = call.attributes.int('num_heads', 0);
  const kvHeads = call.attributes.int('kv_num_heads', 0);
  const [batch, length, width] = query.shape ?? [];
  const present = (past: Shape | undefined): Shape =>
    batch === undefined || !past ? null : [batch, kvHeads, call.unknownDim(), past[3] ?? call.unknownDim()];
  const packed = !call.inputs[1] && width !== undefined;
  const size = packed ? divideDims(width, heads + 2 * kvHeads) : null;
  const out = packed ? times(call, size ?? call.unknownDim(), heads) : (width ?? call.unknownDim());
  const { dtype } = query;
  const cache = call.inputs[3]?.dtype ?? dtype;
  return [
    { dtype, shape: batch === undefined || length === undefined ? null : [batch, length, out] },
    { dtype: cache, shape: present(call.inputs[3]?.shape) },
    { dtype: cache, shape: present(call.inputs[4]?.shape) },
    { dtype, shape: batch === undefined || length === undefined ? null : [batch, heads, length, call.unknownDim()] },
  ];
}

/** Query [batch, length, width], or packed [batch, length, heads, 3, size]; value [batch, length, width] or by heads. */
function multiHeadAttention(call: OperatorCall): TensorType[] {
  const query = input(call, 0, FLOAT);
  const { dtype } = query;
  const heads = call.attributes.int('num_heads', 0);
  const [batch, length, width] = query.shape ?? [];
  if (batch === undefined || length === undefined || width === undefined)
    return [0, 1, 2, 3].map(() => ({ dtype, shape: null }));
  if (query.shape?.length === 5) {
    const out = times(call, width, query.shape[4] ?? call.unknownDim());
    return [{ dtype, shape: [batch, length, out] }];
  }
  const key = call.inputs[1]?.shape;
  const value = call.inputs[2]?.shape;
  const keys = (key?.length === 4 ? key[2] : key?.[1]) ?? call.unknownDim();
  const total = plus(call, keys, call.inputs[6]?.shape?.[2] ?? 0);
  const out = value?.length === 4 ? times(call, value[1] ?? 1, value[3] ?? 1) : (value?.[2] ?? width);
  const cache = (of: Dim): Dim[] => [batch, heads, total, divideDims(of, heads) ?? call.unknownDim()];
  return [
    { dtype, shape: [batch, length, out] },
    { dtype, shape: cache(width) },
    { dtype, shape: cache(out) },
    { dtype, shape: [batch, heads, length, total] },
  ];
}

function plus(call: OperatorCall, a: Dim, b: Dim): Dim {
  return addDims(a, b) ?? call.unknownDim();
}

function times(call: OperatorCall, a: Dim, b: Dim): Dim {
  return multiplyDims(a, b) ?? call.unknownDim();
}
