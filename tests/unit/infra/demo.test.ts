// The demo shows what its commands print, but not what they advise on a terminal: its own end says what to type next.
import { expect, it, vi } from 'vitest';
import { loadScript } from './scripts.js';

it('what comes before the findings writes to no terminal, so that it advises nothing', async () => {
  const { STEPS } = await loadScript('demo.mjs');
  expect(STEPS.map(({ args: [name], stdout }) => [name, stdout])).toEqual([
    ['up', 'ignore'],
    ['run', 'pipe'],
  ]);
});

it('what a command writes into the pipe is shown', async () => {
  const { assay } = await loadScript('demo.mjs');
  const shown: string[] = [];
  const write = vi.spyOn(process.stdout, 'write').mockImplementation((chunk) => {
    shown.push(String(chunk));
    return true;
  });
  const code = await assay(['--version'], { stdout: 'pipe' }).finally(() => write.mockRestore());
  expect(code).toBe(0);
  expect(shown.join('')).toMatch(/^assay \d+\.\d+\.\d+\n$/);
});
