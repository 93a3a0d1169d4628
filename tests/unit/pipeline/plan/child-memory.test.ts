// What trainings and encodings are said to need, by hand, and the warning before work starts where that is more than a child may have.
import { beforeAll, expect, it } from 'vitest';
import { childMemory, childMemoryNotes } from '../../../../pipeline/plan/child-memory.js';
import type { ResolvedRun } from '../../../../schemas/resolved-run.js';
import { tinyRun } from '../../../harness/tiny-run.js';

const HOOK = 'blocks.2.hook_resid_post';
let run: ResolvedRun;
let width: number;
beforeAll(async () => {
  const sae = { hook: HOOK, k: 16, tokens: 1e6, batchRows: 1000 };
  run = await tinyRun({
    corpus: { sources: ['corpus.jsonl.gz'], split: { field: 'split' }, shardTokens: 1000 },
    saes: [
      { ...sae, name: 'small', features: 1000 },
      { ...sae, name: 'large', features: 3000 },
    ],
  });
  width = run.sites[0]?.width ?? 0;
});

it('is the sum of state, copies, gradients, dense tensors and rows', () => {
  const weights = (features: number): number => 4 * 2 * features * width;
  const base = 200 * 2 ** 20;
  const rows = (64 * 4096 + 65_536) * 2 * width;
  expect(childMemory(run)).toEqual([
    {
      step: `train@${HOOK}`,
      bytes: base + 3 * (weights(1000) + weights(3000)) + 8 * weights(3000) + 4 * 4 * 1000 * 3000 + rows,
    },
    ...(
      [
        ['small', 1000],
        ['large', 3000],
      ] as const
    ).map(([name, features]) => ({
      step: `encode@${name}`,
      bytes: base + 2 * weights(features) + 3 * 64 * 2 ** 20 + 2 * 1000 * 2 * width,
    })),
  ]);
});

it('is said for the largest of each kind, without a warning where it fits', () => {
  const { said, warning } = childMemoryNotes(run, 2 ** 40);
  expect(said).toMatch(new RegExp(`train@${HOOK.replaceAll('.', '\\.')} \\d+ MB, encode@large \\d+ MB; a worker`));
  expect(warning).toBe(null);
});

it('warns with step, both numbers and what to do where it is more than a child may have', () => {
  const [worst = { step: '', bytes: 0 }] = childMemory(run).sort((a, b) => b.bytes - a.bytes);
  const { warning } = childMemoryNotes(run, worst.bytes - 1);
  const needed = Math.ceil(worst.bytes / 2 ** 20);
  expect(warning).toContain(`${worst.step} is likely to need about ${needed} MB in one compute child, more than the`);
  expect(warning).toContain('fewer --slots or a larger --memory');
  expect(childMemoryNotes(run, 1).warning).toContain('(and 2 more)');
});
