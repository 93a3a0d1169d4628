// What the demo shows is what commands print, and its features are drawn by a key: the same for everybody, chosen by nobody.
import { expect, it } from 'vitest';
import { nextLines, printFindings } from '../../../infra/demo/findings.js';

it('what is found is asked of commands, and three cards are drawn by a key', async () => {
  const shown: string[] = [];
  const commands = {
    show: (args: readonly string[]) => {
      shown.push(args.join(' '));
      return Promise.resolve();
    },
    json: () => Promise.resolve({ rows: [[28, 1234]] }),
  };
  const printed: string[] = [];
  const print = (text: string): unknown => printed.push(text);
  await printFindings({ commands, print, run: 'kjv', dictionary: 'kjv-l2', store: 'file:///data' });
  expect(shown).toEqual(['datasets', 'metrics kjv-l2', 'card kjv-l2 --sample 3 --key assay demo']);
  expect(printed).toContain('28 documents, 1,234 tokens');
});

it('what to type next fits 80 columns, each command on a line of its own', () => {
  const lines = nextLines();
  for (const line of lines) expect(line.length).toBeLessThanOrEqual(80);
  expect(lines.filter((line) => line.startsWith('  npx assay '))).toHaveLength(lines.length / 2);
});
