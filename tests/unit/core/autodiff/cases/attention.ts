// Finite-difference cases of attention and rotary embedding as one operator.
import type { AttributeValue } from '../../../../../core/onnx/make.js';
import type { Value } from '../../../../../core/onnx/shape.js';
import type { Draw, Knowledge, RuleCase } from '../finite-differences.js';

const RANKS: readonly Knowledge[] = ['sizes', 'ranks'];
type Attributes = Readonly<Record<string, AttributeValue>>;

function attention(
  what: string,
  inputs: Record<string, Draw>,
  { attributes = {}, knowledge = ['sizes'] }: { attributes?: Attributes; knowledge?: readonly Knowledge[] } = {},
): RuleCase {
  return {
    operator: 'Attention',
    what,
    inputs,
    dtype: 'float32',
    opset: 23,
    knowledge,
    build: (g, ...values) => g.op('Attention', values, { attributes }),
  };
}

function multiHead(what: string, names: readonly string[], attributes: Attributes = {}): RuleCase {
  const all: Record<string, Draw> = {
    q: [2, 3, 4],
    k: [2, 3, 4],
    v: [2, 3, 4],
    bias: [12],
    scores: [1, 2, 3, 3],
  };
  const inputs = Object.fromEntries(['q', 'k', 'v', ...names].map((name) => [name, all[name] ?? []]));
  return {
    operator: 'com.microsoft.MultiHeadAttention',
    what,
    inputs,
    dtype: 'float32',
    knowledge: RANKS,
    build: (g, ...given) => {
      const optional = (name: string): Value | null => given[3 + names.indexOf(name)] ?? null;
      const bias = names.includes('bias') ? optional('bias') : null;
      const scores = names.includes('scores') ? optional('scores') : null;
      const values = [...given.slice(0, 3), bias, null, scores];
      return g.op('MultiHeadAttention', values, {
        attributes: { num_heads: 2, ...attributes },
        domain: 'com.microsoft',
      });
    },
  };
}

const WHOLE = { q: [2, 2, 3, 2], k: [2, 2, 3, 2], v: [2, 2, 3, 2] };
const FLAT = { q: [2, 3, 4], k: [2, 3, 4], v: [2, 3, 4] };

export const ATTENTION_CASES: readonly RuleCase[] = [
  attention('four axes', WHOLE),
  attention('four axes, causal, own scale', WHOLE, { attributes: { is_causal: 1, scale: { f: 0.4 } } }),
  attention('more keys than queries', { q: [1, 2, 2, 2], k: [1, 2, 4, 2], v: [1, 2, 4, 3] }),
  attention('three axes', FLAT, { attributes: { q_num_heads: 2, kv_num_heads: 2 }, knowledge: RANKS }),
  attention('an added mask', { ...WHOLE, mask: [3, 3] }),
  attention('a mask of booleans', { ...WHOLE, mask: { shape: [3, 3], bool: [1, 0, 1, 1, 1, 0, 0, 0, 1] } }),
  attention('groups of heads', { q: [1, 4, 3, 2], k: [1, 2, 3, 2], v: [1, 2, 3, 2] }, { attributes: { is_causal: 1 } }),
  attention(
    'groups of heads, three axes',
    { q: [1, 3, 8], k: [1, 3, 4], v: [1, 3, 4] },
    { attributes: { q_num_heads: 4, kv_num_heads: 2 }, knowledge: RANKS },
  ),
  multiHead('plain', []),
  multiHead('bias and bias of scores', ['bias', 'scores']),
  multiHead('causal, own scale', [], { unidirectional: 1, scale: { f: 0.3 } }),
  ...[0, 1].map((interleaved): RuleCase => ({
    operator: 'RotaryEmbedding',
    what: `interleaved ${interleaved}`,
    inputs: { x: [1, 2, 3, 4], cos: [1, 3, 2], sin: [1, 3, 2] },
    fixed: ['cos', 'sin'],
    dtype: 'float32',
    opset: 23,
    build: (g, ...v) => g.op('RotaryEmbedding', v, { attributes: { interleaved } }),
  })),
  ...[0, 1].map((interleaved): RuleCase => ({
    operator: 'com.microsoft.RotaryEmbedding',
    what: `interleaved ${interleaved}`,
    inputs: { x: [2, 2, 3, 4], position: { shape: [1], int64: [1] }, cos: [5, 2], sin: [5, 2] },
    fixed: ['cos', 'sin'],
    dtype: 'float32',
    build: (g, ...v) => g.op('RotaryEmbedding', v, { attributes: { interleaved }, domain: 'com.microsoft' }),
  })),
];
