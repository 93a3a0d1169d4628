// Whatever the order and the cutting of a file, the same documents give the same shards.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { folderWith, jsonLines, runSource } from '../unit/stages/corpus/run-part.js';

const documents = fc.uniqueArray(
  fc.record({
    id: fc.string({ minLength: 1, maxLength: 6, unit: 'grapheme' }),
    text: fc.string({ minLength: 1, maxLength: 40 }),
  }),
  { selector: (document) => document.id, minLength: 1, maxLength: 30 },
);

it('a permuted file gives the same documents, splits and shards', async () => {
  await fc.assert(
    fc.asyncProperty(documents, fc.infiniteStream(fc.nat()), async (list, numbers) => {
      const shuffled = list
        .map((document) => ({ document, at: numbers.next().value as number }))
        .sort((a, b) => a.at - b.at)
        .map(({ document }) => document);
      const results: unknown[] = [];
      for (const order of [list, shuffled]) {
        const folder = await folderWith({ 'a.jsonl': jsonLines(order) });
        const { shards, statistics } = await runSource(folder, 'a.jsonl', { shardTokens: 20 });
        const { splits, documents: count } = statistics;
        results.push({
          splits,
          count,
          shards: [...shards].map(([name, rows]) => [name.slice(16), rows]),
        });
      }
      expect(results[1]).toEqual(results[0]);
      expect(results[0]).toMatchObject({ count: list.length });
    }),
    { seed: 20_261_122, numRuns: 15 },
  );
});
