// Every form of a norm that is known, and forms that are not.
import { describe, expect, it } from 'vitest';
import type { Value } from '../../../../core/onnx/shape.js';
import { broken, mean, square, withEps, rms, gain, type Make } from './graph-parts.js';
import { layerNorm, reasonsOf, sitesOf, transformer, weight, WIDTH } from './graphs.js';

describe('a norm is known in the form', () => {
  it.each<[string, Make, { scale: string | null }]>([
    ['LayerNormalization', layerNorm, { scale: 'norm' }],
    [
      'LayerNormalization with a positive axis',
      (g, x) => g.op('LayerNormalization', [x, weight(g, WIDTH)], { attributes: { axis: 2 } }),
      { scale: 'norm' },
    ],
    ['x / sqrt(mean square + eps)', (g, x) => gain(g, g.op('Div', [x, g.op('Sqrt', [rms(g, x)])])), { scale: null }],
    [
      'x · Reciprocal(sqrt)',
      (g, x) => gain(g, g.op('Mul', [x, g.op('Reciprocal', [g.op('Sqrt', [rms(g, x)])])])),
      { scale: null },
    ],
    [
      '(1 / sqrt) · x',
      (g, x) => gain(g, g.op('Mul', [g.op('Div', [g.scalar(1), g.op('Sqrt', [rms(g, x)])]), x])),
      { scale: null },
    ],
    [
      'x · Pow(v, −0.5)',
      (g, x) => gain(g, g.op('Mul', [x, g.op('Pow', [rms(g, x), g.scalar(-0.5)])])),
      { scale: 'reciprocal' },
    ],
    ['x / Pow(v, 0.5)', (g, x) => gain(g, g.op('Div', [x, g.op('Pow', [rms(g, x), g.scalar(0.5)])])), { scale: null }],
    [
      'casts between, x · x for the square',
      (g, x) => {
        const wide = g.op('Cast', [x], { attributes: { to: 1 } });
        const v = withEps(g, mean(g, g.op('Mul', [wide, wide])));
        return gain(g, g.op('Cast', [g.op('Div', [wide, g.op('Sqrt', [v])])], { attributes: { to: 1 } }));
      },
      { scale: null },
    ],
    [
      '(x − mean) / sqrt(variance + eps), the difference made twice',
      (g, x) => {
        const centre = (): Value => g.op('Sub', [x, mean(g, x)]);
        return gain(g, g.op('Div', [centre(), g.op('Sqrt', [withEps(g, mean(g, square(g, centre())))])]));
      },
      { scale: null },
    ],
  ])('%s', async (_, norm, { scale }) => {
    const model = transformer({ norm });
    const sites = sitesOf(model);
    for (const name of ['blocks.0.ln1', 'blocks.1.ln2', 'ln_final']) {
      expect(sites.get(`${name}.hook_scale`)?.view?.kind ?? null, name).toBe(scale);
      expect(sites.get(`${name}.hook_normalized`)?.sizes).toEqual(['batch', 'seq', WIDTH]);
    }
    expect(await broken(model)).toEqual([]);
  });

  it.each<[string, Make]>([
    ['over positions', (g, x) => g.op('Div', [x, g.op('Sqrt', [withEps(g, mean(g, square(g, x), 1))])])],
    ['over both last axes', (g, x) => g.op('LayerNormalization', [x, weight(g, WIDTH)], { attributes: { axis: 1 } })],
    ['by the mean square of something else', (g, x) => g.op('Div', [x, g.op('Sqrt', [rms(g, g.op('Abs', [x]))])])],
    ['of an absolute mean', (g, x) => g.op('Div', [x, withEps(g, mean(g, g.op('Abs', [x])))])],
  ])('and not %s', (_, norm) => {
    const model = transformer({ norm });
    const reason = 'no norm of a known form lies between the stream and the branch';
    expect(reasonsOf(model)).toMatchObject({ 'ln1.hook_scale': reason, 'ln2.hook_normalized': reason });
    expect(sitesOf(model).has('blocks.0.hook_resid_mid')).toBe(true);
    expect(sitesOf(model).has('ln_final.hook_scale')).toBe(false);
  });
});
