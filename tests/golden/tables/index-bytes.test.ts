// The bytes that the index stage writes, by digest: where they change, its version must be raised (stages/index/run.ts)
// and index-bytes.json renewed from this test's message.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { indexStage } from '../../../stages/index/stage.js';
import { buildDataset, type Dataset } from '../../unit/stages/index/dataset.js';
import { runIndex } from '../../unit/stages/index/run-index.js';

const RECORD = join(import.meta.dirname, 'index-bytes.json');

let dataset: Dataset;
beforeAll(async () => {
  dataset = await buildDataset({
    seed: 5,
    shards: 4,
    documents: 6,
    mostTokens: 30,
    features: 12,
    perToken: 3,
    k: 4,
    contextTokens: 9,
    packing: 'document',
  });
});
afterAll(() => dataset.close());

it('changes its bytes only with its version', async () => {
  const found: Record<string, string> = {};
  for (const [shard, { files }] of await runIndex(dataset))
    for (const file of files) found[`${shard}/${file.table}`] = file.sha256;
  const recorded: unknown = JSON.parse(await readFile(RECORD, 'utf8'));
  expect({ version: indexStage.version, digests: found }).toEqual(recorded);
});
