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
    ] as const) {
      const page = await readFile(path.join(packageRoot(), name), 'utf8');
      const marks = marksOf(page);
      expect(marks.length).toBeGreaterThanOrEqual(least);
      for (const one of marks) expect(one).toMatch(/^(operators|speeds|assay .+)$/);
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
