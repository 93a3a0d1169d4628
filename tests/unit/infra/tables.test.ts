// What `npm run tables` writes into pages: marks and their ends, words of commands, the table of speeds.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { packageRoot } from '../../../runtime/package-root.js';
import { loadScript } from './scripts.js';

const END = '<!-- end of what `npm run tables` writes -->';
const mark = (name: string): string => `<!-- written by \`npm run tables\`: ${name} -->\n`;

describe('marks', () => {
  it('of README and of the engine are known commands, each with an end', async () => {
    const { marksOf, rewrite } = await loadScript('tables.mjs');
    for (const [name, least] of [
      ['README.md', 5],
      ['docs/engine.md', 1],
      ['docs/scale.md', 1],
      ['docs/benchmarks.md', 6],
    ] as const) {
      const page = await readFile(path.join(packageRoot(), name), 'utf8');
      const marks = marksOf(page);
      expect(marks.length).toBeGreaterThanOrEqual(least);
      for (const one of marks)
        expect(one).toMatch(
          /^(operators|speeds|scale|scale-model|peers-step|quality (fvu|ce|verdict|seconds|settings)|assay .+)$/,
        );
      const texts = new Map(marks.map((one) => [one, `TEXT OF ${one}`]));
      const written = rewrite(page, texts);
      for (const one of marks) expect(written).toContain(`${mark(one)}\nTEXT OF ${one}\n\n${END}`);
      expect(marksOf(written)).toEqual(marks);
      expect(rewrite(written, texts)).toBe(written);
    }
  });

  it('keep what stands around them', async () => {
    const { rewrite } = await loadScript('tables.mjs');
    const page = `a\n${mark('x')}\nold\n\n${END}\nb\n${mark('y')}${END}\nc\n`;
    const texts = new Map([
      ['x', 'X'],
      ['y', 'Y'],
    ]);
    expect(rewrite(page, texts)).toBe(`a\n${mark('x')}\nX\n\n${END}\nb\n${mark('y')}\nY\n\n${END}\nc\n`);
  });

  it('without an end or a text are refused by name', async () => {
    const { rewrite } = await loadScript('tables.mjs');
    expect(() => rewrite(mark('x'), new Map([['x', '']]))).toThrow(/after the mark of "x", found none/);
    expect(() => rewrite(`${mark('x')}${END}`, new Map())).toThrow('Expected a text for the mark "x", found none.');
  });
});

it('words of a command are one in double quotes', async () => {
  const { wordsOf } = await loadScript('tables.mjs');
  expect(wordsOf('assay features d --token " Moses" --limit 3')).toEqual(
    'assay|features|d|--token| Moses|--limit|3'.split('|'),
  );
});

it('the table of speeds has rows of all machines by number, and says what was missed', async () => {
  const { speedsTable } = await loadScript('tables.mjs');
  const row = (of: object): object => ({ what: 'w', value: 1, must: null, met: null, ...of });
  const table = speedsTable([
    {
      machine: { cpu: 'A', cores: 2 },
      rows: [row({ row: 'engine' }), row({ row: 2, value: 163.3, must: '<= 2', met: false })],
    },
    { machine: { cpu: 'B', cores: 4 }, rows: [row({ row: 1, value: 0.95143, must: '>= 0.9', met: true })] },
  ]);
  expect(table.split('\n').slice(2)).toEqual([
    '| 1 | w | 0.951 | >= 0.9 | 4 × B |',
    '| 2 | w | 163 **missed** | <= 2 | 2 × A |',
    '| engine | w | 1 |  | 2 × A |',
  ]);
});

it('the table of sizes has a line for each number of features, a column for each quantity', async () => {
  const { scaleTable } = await loadScript('tables.mjs');
  const row = (what: string, value: number): object => ({
    row: 'scale',
    what,
    value,
    must: null,
    met: null,
    conditions: 'so; 1 s',
  });
  const machine = { cpu: 'A', cores: 2, node: '20' };
  const rows = [row('2^14 features: ms', 223.4), row('2^14 features: GB', 0.581), row('2^20 features: ms', 6831)];
  expect(scaleTable([{ machine, rows }]).split('\n')).toEqual([
    ...['| features | ms | GB |', '| --- | --- | --- |', '| 2^14 | 223 | 0.581 |', '| 2^20 | 6,831 |  |'],
    ...['', '2 × A, Node 20. so.'],
  ]);
  expect(() => scaleTable([{ machine, rows: [] }])).toThrow('npm run bench -- --rows scale');
});

it('the model of sizes that were not measured is in proportion to the measured steps', async () => {
  const { scaleModel } = await loadScript('tables.mjs');
  const row = (what: string, value: number): object => ({ row: 'scale', what, value });
  const machine = { cpu: 'A', cores: 2, node: '20' };
  const rows = [
    row('2^14 features: step, ms', 100),
    row('2^20 features: step, ms', 4000),
    row('2^20 features: memory laid out, GB', 12.5),
  ];
  const [, , one, experts] = scaleModel([{ machine, rows }]).split('\n');
  // 1,024 rows in 4 s and 16 times as many features: 16 tokens/s; 40e9 · 1.0486^0.65 = 41.25e9 tokens are 81.8 years.
  expect(one).toBe('| 16 × 2^20 in one | 41 · 10^9 | 200 GB in all | 16; 82 years | 130; 10 years | 1,000; 466 days |');
  // 1,024 rows in 0.1 s whatever the number of experts: 10,240 tokens/s, 46.6 days.
  expect(experts).toBe(
    '| 16 × 2^20 as 1024 experts | 41 · 10^9 | of one expert | 10,000; 47 days | 82,000; 5.8 days | 660,000; 0.7 days |',
  );
});
