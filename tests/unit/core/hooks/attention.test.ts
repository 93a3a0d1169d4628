// Attention in every form that is known, obeying its equations, and what is refused with its reason.
import { describe, expect, it } from 'vitest';
import { resolveSites } from '../../../../core/hooks/sites.js';
import type { GraphBuilder } from '../../../../core/onnx/builder.js';
import type { Value } from '../../../../core/onnx/shape.js';
import { broken, mean, rms, turned, softmax, qkv, rotate, type Make } from './graph-parts.js';
import {
  attentionWith,
  D_HEAD,
  HEADS,
  merge,
  plainAttention,
  project,
  reasonsOf,
  scoresOf,
  sitesOf,
  split,
  transformer,
  valuesOf,
  weight,
  WIDTH,
} from './graphs.js';

describe('attention is known with', () => {
  const ATTENTION = ['q', 'k', 'v', 'attn_scores', 'pattern', 'z'].map((name) => `blocks.0.attn.hook_${name}`);

  it.each<[string, Make]>([
    ['nothing special', plainAttention],
    [
      'a guard against rows without a key',
      attentionWith({ pattern: (g, p) => g.op('Where', [g.op('IsNaN', [p]), g.scalar(0), p]) }),
    ],
    ['capped scores', attentionWith({ scores: (g, s) => g.op('Mul', [g.op('Tanh', [s]), g.scalar(5)]) })],
    [
      'a mask that is chosen',
      attentionWith({
        scores: (g, s) => g.op('Where', [g.op('Less', [weight(g, 5, 5), g.scalar(0.3)]), s, g.scalar(-1e9)]),
      }),
    ],
    [
      'a sink',
      attentionWith({
        scores: (g, s) => {
          const shape = g.op(
            'Concat',
            [g.op('Slice', [g.op('Shape', [s]), g.integers(0), g.integers(3)]), g.integers(1)],
            { attributes: { axis: 0 } },
          );
          return g.op('Concat', [s, g.op('Expand', [weight(g, 1, HEADS, 1, 1), shape])], { attributes: { axis: -1 } });
        },
        pattern: (g, p) => g.op('Slice', [p, g.integers(0), g.integers(-1), g.integers(3)]),
      }),
    ],
    [
      'batch and heads in one axis',
      (g, x) => {
        const pos = g.op('Slice', [g.op('Shape', [x]), g.integers(1), g.integers(2)]);
        const shape = (...sizes: Value[]): Value => g.op('Concat', sizes, { attributes: { axis: 0 } });
        const joined = shape(g.integers(-1), pos, g.integers(D_HEAD));
        const joint = (y: Value): Value => g.op('Reshape', [y, joined]);
        const [q, k, v] = qkv(g, x).map((y) => joint(y)) as [Value, Value, Value];
        const scores = g.op('MatMul', [q, turned(g, k, [0, 2, 1])]);
        const z = g.op('MatMul', [softmax(g, scores), v]);
        return merge(g, g.op('Reshape', [z, shape(g.integers(-1, HEADS), pos, g.integers(D_HEAD))]));
      },
    ],
    [
      'grouped heads, repeated by Expand',
      (g, x) => {
        const q = split(g, project(g, x, WIDTH));
        const repeated = (y: Value): Value => {
          const open = g.op('Unsqueeze', [y, g.integers(2)]);
          const wide = g.op('Expand', [open, g.integers(1, 1, HEADS, 1, 1)]);
          return g.op('Reshape', [wide, g.integers(0, HEADS, 5, D_HEAD)]);
        };
        const [k, v] = [0, 1].map(() => repeated(split(g, project(g, x, D_HEAD), 1))) as [Value, Value];
        return merge(g, g.op('MatMul', [softmax(g, scoresOf(g, q, k)), v]));
      },
    ],
    [
      'one key head, left to broadcasting',
      (g, x) => {
        const q = split(g, project(g, x, WIDTH));
        const [k, v] = [0, 1].map(() => split(g, project(g, x, D_HEAD), 1)) as [Value, Value];
        return merge(g, g.op('MatMul', [softmax(g, scoresOf(g, q, k)), v]));
      },
    ],
    [
      'a fused projection, split',
      (g, x) => {
        const parts = g.ops('Split', [project(g, x, 3 * WIDTH)], {
          outputs: 3,
          attributes: { axis: -1, num_outputs: 3 },
        });
        const [q, k, v] = parts.map((part) => split(g, part)) as [Value, Value, Value];
        return merge(g, g.op('MatMul', [softmax(g, scoresOf(g, q, k)), v]));
      },
    ],
    [
      'a fused projection, by head, indexed',
      (g, x) => {
        const open = g.op('Reshape', [project(g, x, 3 * WIDTH), g.integers(0, 0, HEADS, 3, D_HEAD)]);
        const [q, k, v] = [0, 1, 2].map((i) =>
          turned(g, g.op('Gather', [open, g.integer(i)], { attributes: { axis: 3 } }), [0, 2, 1, 3]),
        ) as [Value, Value, Value];
        return merge(g, g.op('MatMul', [softmax(g, scoresOf(g, q, k)), v]));
      },
    ],
    [
      'a norm of heads',
      (g, x) => {
        const [q, k, v] = qkv(g, x);
        const normed = (y: Value): Value => g.op('Div', [y, g.op('Sqrt', [rms(g, y)])]);
        return merge(g, g.op('MatMul', [softmax(g, scoresOf(g, normed(q), normed(k))), v]));
      },
    ],
  ])('%s', async (_, attention) => {
    const model = transformer({ attention });
    const sites = sitesOf(model);
    for (const name of ATTENTION) expect(sites.has(name), name).toBe(true);
    expect(sites.has('blocks.0.attn.hook_rot_q')).toBe(false);
    const { heads, dHead } = resolveSites(model);
    expect([heads, dHead]).toEqual([HEADS, D_HEAD]);
    const values = await valuesOf(model, [...sites.values()]);
    for (const name of ATTENTION) {
      const last = /scores|pattern/.test(name) ? 5 : D_HEAD;
      expect(values.get(name)?.dims.at(-1), name).toBe(last);
      expect(values.get(name)?.dims.length).toBe(4);
    }
    expect(await broken(model)).toEqual([]);
  });

  it('one head and no axis for it', async () => {
    const model = transformer({
      attention: (g, x) => {
        const [q, k, v] = [0, 1, 2].map(() => project(g, x, WIDTH)) as [Value, Value, Value];
        return project(g, g.op('MatMul', [softmax(g, g.op('MatMul', [q, turned(g, k, [0, 2, 1])])), v]), WIDTH);
      },
    });
    expect(resolveSites(model)).toMatchObject({ heads: 1, kvHeads: 1, dHead: WIDTH });
    expect(await broken(model)).toEqual([]);
  });

  it('rotation, and a part that is not rotated', async () => {
    const model = transformer({
      attention: (g, x) => {
        const [q, k, v] = qkv(g, x);
        return merge(g, g.op('MatMul', [softmax(g, scoresOf(g, rotate(g, q), rotate(g, k))), v]));
      },
    });
    const sites = sitesOf(model);
    const values = await valuesOf(model, [...sites.values()]);
    const [before, after] = ['hook_q', 'hook_rot_q'].map((name) => values.get(`blocks.0.attn.${name}`));
    expect(before?.dims).toEqual([2, 5, HEADS, D_HEAD]);
    expect(after?.dims).toEqual([2, 5, HEADS, D_HEAD]);
    expect(after?.data).not.toEqual(before?.data);
    expect(await broken(model)).toEqual([]);
  });

  it('the bias of a projection in its vectors', () => {
    const model = transformer();
    const q = sitesOf(model).get('blocks.0.attn.hook_q');
    expect(q?.tensor).toMatch(/^Reshape/);
    expect(q?.view).toBe(null);
  });
});

describe('attention is refused', () => {
  it('by its equation where the pattern is changed before it meets the values', async () => {
    const pattern = (g: GraphBuilder, p: Value): Value => g.op('Mul', [p, mean(g, p, 2)]);
    const found = await broken(transformer({ attention: attentionWith({ pattern }) }));
    expect(found).toHaveLength(2);
    for (const text of found) expect(text).toMatch(/^pattern = softmax\(scores\): 0\.\d/);
  });

  it.each<[string, Make, Record<string, string>]>([
    [
      'with two softmaxes',
      (g, x) => {
        const [q, k, v] = qkv(g, x);
        const one = (): Value => g.op('MatMul', [softmax(g, scoresOf(g, q, k)), v]);
        return merge(g, g.op('Sub', [one(), one()]));
      },
      {
        'attn.hook_pattern': 'expected one softmax over scores, found 2',
        'attn.hook_q': 'expected one softmax over scores, found 2',
      },
    ],
    [
      'with a softmax over queries',
      (g, x) => {
        const [q, k, v] = qkv(g, x);
        return merge(g, g.op('MatMul', [softmax(g, scoresOf(g, q, k), 2), v]));
      },
      { 'attn.hook_attn_scores': 'the softmax runs over axis 2, not over the last' },
    ],
    [
      'with scores that are two products',
      (g, x) => {
        const [q, k, v] = qkv(g, x);
        const scores = g.op('Add', [scoresOf(g, q, k), scoresOf(g, k, q)]);
        return merge(g, g.op('MatMul', [softmax(g, scores), v]));
      },
      {
        'attn.hook_q': 'the scores are not one product of queries and keys',
        'attn.hook_k': 'the scores are not one product of queries and keys',
      },
    ],
    [
      'with two values',
      (g, x) => {
        const [q, k, v] = qkv(g, x);
        const pattern = softmax(g, scoresOf(g, q, k));
        return merge(g, g.op('Add', [g.op('MatMul', [pattern, v]), g.op('MatMul', [pattern, k])]));
      },
      {
        'attn.hook_z': 'the pattern is multiplied with 2 values',
        'attn.hook_v': 'the pattern is multiplied with 2 values',
      },
    ],
    [
      'with keys of two projections',
      (g, x) => {
        const q = split(g, project(g, x, WIDTH));
        const half = (): Value => split(g, project(g, x, WIDTH));
        const part = (y: Value, from: number): Value =>
          g.op('Slice', [y, g.integers(from), g.integers(from + 2), g.integers(3)]);
        const k = g.op('Concat', [part(half(), 0), part(half(), 2)], { attributes: { axis: -1 } });
        return merge(g, g.op('MatMul', [softmax(g, scoresOf(g, q, k)), half()]));
      },
      { 'attn.hook_k': 'no projection through which all of it passes' },
    ],
  ])('%s, and the rest of the block is still there', async (_, attention, reasons) => {
    const model = transformer({ attention });
    expect(reasonsOf(model)).toMatchObject(reasons);
    const sites = sitesOf(model);
    for (const name of Object.keys(reasons)) expect(sites.has(`blocks.0.${name}`)).toBe(false);
    expect(sites.has('blocks.0.hook_attn_out')).toBe(true);
    expect(sites.has('blocks.0.mlp.hook_pre')).toBe(true);
    expect(await broken(model)).toEqual([]);
  });
});
