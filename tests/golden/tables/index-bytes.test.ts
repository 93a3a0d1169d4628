// The bytes that the index stage writes, by digest: where they change, its version must be raised (stages/index/run.ts)
// and index-bytes.json renewed from this test's message.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { indexStage } from '../../../stages/index/stage.js';
import { temporaryFolder } from '../../harness/temporary-folder.js';
import { buildDataset, type Dataset } from '../../unit/stages/index/dataset.js';
import { runIndex } from '../../unit/stages/index/run-index.js';
import { sampleShape } from '../../unit/stages/index/shapes.js';

const RECORD = join(import.meta.dirname, 'index-bytes.json');

const place = temporaryFolder('index-bytes');
let dataset: Dataset;
beforeAll(async () => {
  dataset = await buildDataset(place, sampleShape({ seed: 5 }));
});

it('changes its bytes only with its version', async () => {
  const found: Record<string, string> = {};
  for (const [shard, { files }] of await runIndex(dataset))
    for (const file of files) found[`${shard}/${file.table}`] = file.sha256;
  const recorded: unknown = JSON.parse(await readFile(RECORD, 'utf8'));
  expect({ version: indexStage.version, digests: found }).toEqual(recorded);
});
