// The inside of MLPs, and branches that are added to the stream in any order.
import { describe, expect, it } from 'vitest';
import { resolveSites } from '../../../../core/hooks/sites.js';
import { makeTensor } from '../../../../core/onnx/make.js';
import type { ModelProto } from '../../../../core/onnx/proto.js';
import type { GraphBuilder } from '../../../../core/onnx/builder.js';
import type { Value } from '../../../../core/onnx/shape.js';
import { broken, square, softmax, type Make } from './graph-parts.js';
import { D_MLP, plainMlp, project, reasonsOf, sitesOf, transformer, valuesOf, weight, WIDTH } from './graphs.js';

describe('an MLP is known', () => {
  const silu = (g: GraphBuilder, x: Value): Value => g.op('Mul', [x, g.op('Sigmoid', [x])]);

  it.each<[string, Make, string]>([
    ['plain', plainMlp, 'Add'],
    ['with a squared activation', (g, x) => project(g, square(g, g.op('Relu', [project(g, x, D_MLP)])), WIDTH), 'Add'],
    ['gated', (g, x) => project(g, g.op('Mul', [silu(g, project(g, x, D_MLP)), project(g, x, D_MLP)]), WIDTH), 'Add'],
    [
      'gated, from one projection',
      (g, x) => {
        const [gate, up] = g.ops('Split', [project(g, x, 2 * D_MLP)], {
          outputs: 2,
          attributes: { axis: -1, num_outputs: 2 },
        }) as [Value, Value];
        return project(g, g.op('Mul', [up, silu(g, gate)]), WIDTH);
      },
      'Split',
    ],
    [
      'with batch and positions joined',
      (g, x) => {
        const flat = g.op('Reshape', [x, g.integers(-1, WIDTH)]);
        const up = g.op('Gemm', [flat, weight(g, WIDTH, D_MLP), weight(g, D_MLP)]);
        const down = g.op('Gemm', [g.op('Relu', [up]), weight(g, D_MLP, WIDTH), weight(g, WIDTH)]);
        return g.op('Reshape', [down, g.op('Shape', [x])]);
      },
      'Gemm',
    ],
  ])('%s', async (_, mlp, pre) => {
    const model = transformer({ mlp });
    const sites = sitesOf(model);
    expect(sites.get('blocks.0.mlp.hook_pre')?.tensor).toMatch(new RegExp(`^${pre}`));
    expect(resolveSites(model).dMlp).toBe(D_MLP);
    const values = await valuesOf(model, [...sites.values()]);
    for (const name of ['hook_pre', 'hook_post'])
      expect(values.get(`blocks.1.mlp.${name}`)?.dims).toEqual([2, 5, D_MLP]);
    const [before, after] = ['hook_pre', 'hook_post'].map((name) => values.get(`blocks.0.mlp.${name}`));
    expect(before?.data.some((x) => x < 0)).toBe(true);
    expect(after?.data).not.toEqual(before?.data);
    expect(await broken(model)).toEqual([]);
  });

  it.each<[string, Make, Record<string, string>]>([
    [
      'with two gates',
      (g, x) => project(g, g.op('Mul', [silu(g, project(g, x, D_MLP)), g.op('Tanh', [project(g, x, D_MLP)])]), WIDTH),
      { 'mlp.hook_pre': '2 projections lead to post, 2 of them through a non-linearity' },
    ],
    [
      'without a non-linearity',
      (g, x) => project(g, project(g, x, D_MLP), WIDTH),
      { 'mlp.hook_pre': '1 projections lead to post, 0 of them through a non-linearity' },
    ],
    [
      'whose non-linearity adds the bias',
      (g, x) =>
        project(
          g,
          g.op('BiasGelu', [g.op('MatMul', [x, weight(g, WIDTH, D_MLP)]), weight(g, D_MLP)], {
            domain: 'com.microsoft',
          }),
          WIDTH,
        ),
      { 'mlp.hook_pre': 'the non-linearity adds a bias itself (BiasGelu)' },
    ],
    ['that is one projection', (g, x) => project(g, x, WIDTH), { 'mlp.hook_post': 'it is a single projection' }],
    [
      'of experts',
      (g, x) => {
        const gate = softmax(g, project(g, x, 2));
        const [a, b] = g.ops('Split', [gate], { outputs: 2, attributes: { axis: -1, num_outputs: 2 } }) as [
          Value,
          Value,
        ];
        return g.op('Add', [g.op('Mul', [a, plainMlp(g, x)]), g.op('Mul', [b, plainMlp(g, x)])]);
      },
      { 'mlp.hook_post': 'all of it passes through no projection: a mixture of experts?' },
    ],
  ])('and not %s, but what it adds is', async (_, mlp, reasons) => {
    const model = transformer({ mlp });
    expect(reasonsOf(model)).toMatchObject(reasons);
    expect(sitesOf(model).has('blocks.0.hook_mlp_out')).toBe(true);
    expect(await broken(model)).toEqual([]);
  });
});

describe('parallel branches are told apart in the sum', () => {
  it.each<[string, (g: GraphBuilder, of: { x: Value; a: Value; m: Value }) => Value]>([
    ['(m + a) + x', (g, { x, a, m }) => g.op('Add', [g.op('Add', [m, a]), x])],
    ['x + (a + m)', (g, { x, a, m }) => g.op('Add', [x, g.op('Add', [a, m])])],
    ['(x + a) + m', (g, { x, a, m }) => g.op('Add', [g.op('Add', [x, a]), m])],
    ['m + (a + x)', (g, { x, a, m }) => g.op('Add', [m, g.op('Add', [a, x])])],
  ])('%s', async (_, sum) => {
    for (const shared of [true, false]) {
      const model = transformer({
        block: (g, x, { norm, attention, mlp }) => {
          const first = norm(g, x);
          return sum(g, { x, a: attention(g, first), m: mlp(g, shared ? first : norm(g, x)) });
        },
      });
      const sites = sitesOf(model);
      expect(sites.has('blocks.0.hook_resid_mid')).toBe(false);
      expect(sites.has('blocks.0.ln2.hook_scale')).toBe(!shared);
      expect(sites.get('blocks.0.hook_mlp_in')?.tensor).toBe(sites.get('blocks.0.hook_resid_pre')?.tensor);
      const readOnly = shared ? 'attention and MLP read it through one norm' : null;
      expect(sites.get('blocks.0.hook_mlp_in')?.readOnly).toBe(readOnly);
      expect(await broken(model)).toEqual([]);
    }
  });

  it('experts and a shared expert that are summed first are one branch', async () => {
    const model = transformer({
      block: (g, x, { norm, attention, mlp }) => {
        const mid = g.op('Add', [x, attention(g, norm(g, x))]);
        const read = norm(g, mid);
        return g.op('Add', [mid, g.op('Add', [mlp(g, read), mlp(g, read)])]);
      },
    });
    expect(await broken(model)).toEqual([]);
    expect(sitesOf(model).get('blocks.0.hook_mlp_out')?.tensor).toMatch(/^Add/);
  });

  it('experts that are added one after the other are refused with the reason', () => {
    const model = transformer({
      block: (g, x, { norm, attention, mlp }) => {
        const mid = g.op('Add', [x, attention(g, norm(g, x))]);
        const read = norm(g, mid);
        return g.op('Add', [g.op('Add', [mid, mlp(g, read)]), mlp(g, read)]);
      },
    });
    expect(sitesOf(model).has('blocks.0.hook_mlp_out')).toBe(false);
    expect(reasonsOf(model)['hook_mlp_out']).toBe('the MLP branch is added in several parts');
  });
});

describe('a Dropout', () => {
  const dropping = (training: boolean, ratio: number): ModelProto =>
    transformer({
      mlp: (g, x) => {
        const mode = g.initializer(
          makeTensor(g.fresh('mode'), { dims: [], data: Uint8Array.of(training ? 1 : 0), dtype: 'bool' }),
        );
        return g.op('Dropout', [plainMlp(g, x), g.scalar(ratio), mode]);
      },
    });

  it('that drops nothing is passed through', async () => {
    for (const model of [dropping(false, 0.1), dropping(true, 0)]) {
      expect(sitesOf(model).get('blocks.0.hook_mlp_out')?.tensor).toMatch(/^Dropout/);
      expect(await broken(model)).toEqual([]);
    }
  });

  it('that drops is refused: the model was exported in training mode', () => {
    expect(() => resolveSites(dropping(true, 0.1))).toThrow(
      /Expected a model in inference mode, found node "Dropout.*" \(Dropout\) that drops 0\.100 of its values at random\. Call eval\(\)/,
    );
  });
});
