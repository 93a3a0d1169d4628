// Axes of a tensor keep their meaning through reshapes, and a site is found in any layout that holds its axes; what is
// ambiguous is not guessed.
import { describe, expect, it } from 'vitest';
import { atom, regroup, type Layout } from '../../../../core/hooks/layout.js';
import { locate, viewCost } from '../../../../core/hooks/site-view.js';
import type { Dim } from '../../../../core/onnx/shape.js';

const SIZES: Readonly<Record<string, Dim>> = { batch: 'batch', pos: 'seq', head: 4, d_head: 8 };
const atoms = (...labels: string[]): Layout[number] => labels.flatMap((label) => atom(label, SIZES[label] ?? 1));
const shown = (layout: Layout | null): string | null =>
  layout && layout.map((axis) => axis.map(({ label, size }) => `${label}:${size}`).join('·')).join(' ');

describe('axes that are regrouped', () => {
  const heads = atoms('batch', 'pos', 'head', 'd_head');

  it.each<[string, readonly Dim[], string | null]>([
    ['stay as they are', ['batch', 'seq', 4, 8], 'batch:batch pos:seq head:4 d_head:8'],
    ['join', ['batch', 'seq', 32], 'batch:batch pos:seq head:4·d_head:8'],
    ['join in front', ['batch*seq', 4, 8], 'batch:batch·pos:seq head:4 d_head:8'],
    ['gain axes of size 1', ['batch', 1, 'seq', 4, 1, 8], 'batch:batch  pos:seq head:4  d_head:8'],
    ['split, the major part first', ['batch', 'seq', 2, 2, 8], 'batch:batch pos:seq head.0:2 head.1:2 d_head:8'],
    ['join and split at once', ['batch*seq', 4, 2, 4], 'batch:batch·pos:seq head:4 d_head.0:2 d_head.1:4'],
    ['take one unknown size for what is left', ['batch', 'seq', '?0'], 'batch:batch pos:seq head:4·d_head:8'],
    ['are cut where an end divides one', ['batch', 'seq', 16, 2], 'batch:batch pos:seq head:4·d_head.0:4 d_head.1:2'],
    ['are cut beside an axis of a name', ['seq*2', 'batch', 16], null],
    ['are not guessed where they change places', ['seq', 'batch', 32], null],
    ['are not guessed where sizes are unknown', ['?1', '?2', '?3'], null],
  ])('%s', (_, shape, expected) => {
    expect(shown(regroup(heads, shape))).toBe(expected);
  });
});

describe('a site in a tensor', () => {
  const axes = ['batch', 'pos', 'head', 'd_head'];
  const at = (layout: Layout): ReturnType<typeof locate> => locate({ tensor: 't', layout, like: 'x' }, axes);
  const one = (label: string): Layout[number] => atoms(label);

  it('is the tensor itself, a permutation, or a regrouping; the first costs least', () => {
    const plain = at([one('batch'), one('pos'), one('head'), one('d_head')]);
    const turned = at([one('batch'), one('head'), one('pos'), one('d_head')]);
    const joint = at([atoms('batch', 'head'), one('pos'), one('d_head')]);
    expect(plain?.view).toBe(null);
    expect([plain, turned, joint].map((place) => viewCost(place?.view ?? null))).toEqual([0, 1, 3]);
    for (const place of [plain, turned, joint]) expect(place?.sizes).toEqual(['batch', 'seq', 4, 8]);
  });

  it('has an axis of size 1 where the tensor has none', () => {
    expect(at([one('batch'), one('pos'), one('d_head')])?.sizes).toEqual(['batch', 'seq', 1, 8]);
  });

  it('takes the parts of a split axis in their order', () => {
    const parts = [
      { label: 'head.1', size: 2 },
      { label: 'head.0', size: 3 },
    ];
    const place = at([one('batch'), one('pos'), ...parts.map((part) => [part]), one('d_head')]);
    expect(place?.sizes[2]).toBe(6);
    expect(place?.view).toMatchObject({ kind: 'axes', to: [{}, {}, [{ label: 'head.0' }, { label: 'head.1' }], {}] });
  });

  it('is none where the tensor holds another axis', () => {
    const layout = [one('batch'), one('pos'), one('head'), [{ label: 'other', size: 3 }]];
    expect(at(layout)).toBe(null);
  });
});
