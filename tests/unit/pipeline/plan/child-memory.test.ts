// What trainings and encodings are said to need, by hand, and the warning before work starts where that is more than a child may have.
import { beforeAll, expect, it } from 'vitest';
import { BYTES_PER_TOKEN } from '../../../../core/corpus/shard-plan.js';
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
    ...(
      [
        ['small', 1000],
        ['large', 3000],
      ] as const
    ).flatMap(([name, features]) => [
      { step: `index@${name}`, bytes: Math.ceil(base + 48 * Math.min(firings(), 8e6) + 24 * features) },
      {
        step: `profile@${name}`,
        bytes: Math.ceil(
          base +
            Math.max(48 * Math.min(firings(), 8e6), weights(features) + 8 * Math.min(firings(), 2 ** 26) + 2 ** 27),
        ),
      },
    ]),
  ]);
});

it('of frozen experts is that of one expert, and of the sample that routes are found on', async () => {
  const routed = await tinyRun({
    corpus: { sources: ['corpus.jsonl.gz'], split: { field: 'split' }, shardTokens: 1000 },
    saes: [{ hook: HOOK, k: 16, tokens: 1e6, batchRows: 1000, name: 'r', features: 4000, routed: { experts: 4, kind: 'frozen' } }], // prettier-ignore
  });
  const base = 200 * 2 ** 20;
  const all = new Map(childMemory(routed).map(({ step, bytes }) => [step, bytes]));
  expect(all.get('train@routed/r/experts')).toBe(
    base + 11 * 4 * 2 * 1000 * width + 4 * 4 * 1000 * 1000 + (64 * 4096 + 65_536) * 2 * width,
  );
  // 2^18 rows as halves and as floats, and a score for each of 4 experts.
  expect(all.get('train@routed/r/routes')).toBe(base + 2 ** 18 * (2 * width + 4 * width + 4 * 4));
});

/** 16 features fire on each of the corpus's tokens: gzip holds a 3.2nd of the text, a token BYTES_PER_TOKEN of it. */
const firings = (): number => ((run.parts.reduce((sum, { bytes }) => sum + bytes, 0) * 3.2) / BYTES_PER_TOKEN) * 16;

it('holds no neighbours of a dictionary that is too wide for them', async () => {
  const wide = await tinyRun({ index: { neighboursUpTo: 100 } });
  const profile = childMemory(wide).find(({ step }) => step === 'profile@a');
  const index = childMemory(wide).find(({ step }) => step === 'index@a');
  expect(profile?.bytes).toBe((index?.bytes ?? 0) - 24 * 2048);
});

it('is said for the largest of each kind, without a warning where it fits', () => {
  const { said, warning } = childMemoryNotes(run, 2 ** 40);
  expect(said).toMatch(
    new RegExp(
      `train@${HOOK.replaceAll('.', '\\.')} \\d+ MB, encode@large \\d+ MB, index@large \\d+ MB, profile@small \\d+ MB; a worker`,
    ),
  );
  expect(warning).toBe(null);
});

it('warns with step, both numbers and what to do where it is more than a child may have', () => {
  const [worst = { step: '', bytes: 0 }] = childMemory(run).sort((a, b) => b.bytes - a.bytes);
  const { warning } = childMemoryNotes(run, worst.bytes - 1);
  const needed = Math.ceil(worst.bytes / 2 ** 20);
  expect(warning).toContain(`${worst.step} is likely to need about ${needed} MB in one compute child, more than the`);
  expect(warning).toContain('fewer --slots or a larger --memory');
  expect(childMemoryNotes(run, 1).warning).toContain('(and 6 more)');
});
