// Dictionaries of the small language model's activations, from text to what fires: kinds that choose over a batch in training fire as
// often as their k says on rows that the threshold was set by and on rows that it was not, and batches mix documents.
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Commit } from '../../../schemas/records.js';
import type { ObjectStore } from '../../../storage/objects/object-store.js';
import { openStore } from '../../../storage/objects/open-store.js';
import { latestSnapshot, readSnapshotCommits } from '../../../storage/records/snapshots.js';
import { TINY_LM, TOKENIZER } from '../../harness/fixtures.js';
import { temporaryFolder } from '../../harness/temporary-folder.js';
import { runStages, SITE, submitRun } from '../../unit/cli/pipeline.js';

const CHAPTERS = 240;
const K = 16;
const folder = temporaryFolder('tiny-lm');
let store: ObjectStore;

const COMMON = `hook: ${SITE}, features: 512, tokens: 200000, batchRows: 1024, lr: 0.002`;
const RUN = `name: lm
store: file://./data
model: { onnx: ${TINY_LM}/model.onnx, tokenizer: ${TOKENIZER}, contextTokens: 128, prepend: '<|endoftext|>' }
corpus: { sources: [corpus.jsonl], split: { field: split }, shardTokens: 6144 }
activations: { hooks: [${SITE}], batchTokens: 2048 }
saes:
  - { name: batch, architecture: batchtopk, k: ${K}, ${COMMON} }
  - { name: nested, architecture: matryoshka, k: ${K}, ${COMMON} }
  - { name: top, architecture: topk, k: ${K}, ${COMMON} }
  - { name: jump, architecture: jumprelu, l0: ${K}, ${COMMON} }
  - { name: gates, architecture: gated, sparsity: 0.02, ${COMMON} }
compute: { device: cpu }
`;

beforeAll(async () => {
  const text = gunzipSync(await readFile(path.join(TINY_LM, 'corpus.jsonl.gz'))).toString('utf8');
  await writeFile(path.join(folder, 'corpus.jsonl'), `${text.split('\n', CHAPTERS).join('\n')}\n`);
  await writeFile(path.join(folder, 'run.yaml'), RUN);
  store = await openStore('file://./data', { base: folder });
  const run = await submitRun(store, path.join(folder, 'run.yaml'));
  await runStages(store, run, { folder, until: 'encode' });
}, 300_000);
afterAll(async () => {
  await store.close();
});

async function commitsOf(dataset: string): Promise<Commit[]> {
  const snapshot = await latestSnapshot(store, `lm/${dataset}`);
  if (!snapshot) throw new RangeError(`no ${dataset}`);
  const commits: Commit[] = [];
  for await (const commit of readSnapshotCommits(store, snapshot)) commits.push(commit);
  return commits;
}

/** Firings per stored row of a split. */
async function l0Of(dictionary: string, split: string): Promise<{ l0: number; rows: number }> {
  let [rows, firings] = [0, 0];
  for (const commit of await commitsOf(`${dictionary}/acts`)) {
    if (commit.split !== split) continue;
    rows += commit.statistics['rows'] as number;
    firings += commit.statistics['firings'] as number;
  }
  return { l0: firings / rows, rows };
}

describe.each(['batch', 'nested'])('L0 of the dictionary %s', (name) => {
  it('is k on calib within 0.1 %', async () => {
    const { l0, rows } = await l0Of(name, 'calib');
    expect(rows).toBeGreaterThan(2000);
    expect(Math.abs(l0 / K - 1)).toBeLessThan(1e-3);
  });

  it('is k on test within 5 %', async () => {
    const { l0, rows } = await l0Of(name, 'test');
    expect(rows).toBeGreaterThan(2000);
    expect(Math.abs(l0 / K - 1)).toBeLessThan(0.05);
  });
});

describe('batches of a training', () => {
  it.each(['batch', 'top', 'jump'])(
    'of %s have per row at most one partner of the same document more than a perfect shuffle gives',
    async (name) => {
      const [commit] = await commitsOf(`${name}/weights`);
      const { batches, partners, ideal } = commit?.statistics['sameDocument'] as Record<
        'batches' | 'partners' | 'ideal',
        number
      >;
      expect(batches).toBeGreaterThan(20);
      expect(ideal).toBeGreaterThan(0);
      expect(partners).toBeLessThanOrEqual(ideal + 1);
    },
  );
});
