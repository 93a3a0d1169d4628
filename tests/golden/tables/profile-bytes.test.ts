// The bytes of the tables that follow the index, by digest: where they change, the table's own version (stages/profile/stage.ts), or
// that of the label stage, must be raised and profile-bytes.json renewed from this test's message. `promoted` depends on ONNX Runtime's
// last bits: its numbers are held against the weights in tests/unit/stages/profile and tests/golden/lens.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { encodeSafetensors, safeTensor } from '../../../core/tensor/safetensors.js';
import { KeyedRandom } from '../../../core/tensor/random.js';
import { labelStage } from '../../../stages/label/stage.js';
import { labelTasks } from '../../../stages/label/task.js';
import { PROFILE_TABLES } from '../../../stages/profile/stage.js';
import type { ProfileKeyed } from '../../../stages/profile/config.js';
import { profileTasks } from '../../../stages/profile/task.js';
import type { ChildOutput } from '../../../stages/stage.js';
import { joinChunks } from '../../../core/onnx/codec.js';
import { TableWriter } from '../../../storage/tables/table-writer.js';
import { TOKENIZER } from '../../harness/fixtures.js';
import { localChildren } from '../../harness/local-children.js';
import { temporaryFolder } from '../../harness/temporary-folder.js';
import { buildDataset } from '../../unit/stages/index/dataset.js';
import { runIndex } from '../../unit/stages/index/run-index.js';
import { sampleShape } from '../../unit/stages/index/shapes.js';

const RECORD = join(import.meta.dirname, 'profile-bytes.json');
const place = temporaryFolder('profile-bytes');
const ENGINE = { ort: 'any', provider: 'cpu', threads: 1, optimisation: 'all' } as const;
const WIDTH = 8;

it('changes its bytes only with its version', async () => {
  const shape = sampleShape({ seed: 5 });
  const dataset = await buildDataset(place, shape);
  const indexed = [...(await runIndex(dataset)).values()].flatMap(({ files }) => files);
  const paths = (table: string): string[] => indexed.filter((file) => file.table === table).map(({ path }) => path);
  const weights = join(place, 'weights.safetensors');
  const random = new KeyedRandom('decoder');
  const rows = Float32Array.from({ length: shape.features * WIDTH }, () => random.nextNormal());
  const tensor = safeTensor(rows, [shape.features, WIDTH]);
  await writeFile(weights, joinChunks(encodeSafetensors(new Map([['W_dec', tensor]]), {})));
  const spool = join(place, 'spool');
  await mkdir(spool);
  const local = async (table: 'tokens' | 'acts', index: number): Promise<string[]> => {
    const commit = (table === 'acts' ? dataset.encoded : dataset.tokens)[index];
    const objects = commit?.objects.filter((object) => object.table === table) ?? [];
    const files = objects.map(({ sha256 }) => join(place, `${sha256}.arrow`));
    for (const [i, { key }] of objects.entries())
      await writeFile(files[i] ?? '', (await dataset.store.get(key)) ?? new Uint8Array(0));
    return files;
  };
  const { signal } = new AbortController();
  const onAsk = (what: string, asked: unknown): Promise<string[]> =>
    local(what as 'tokens' | 'acts', (asked as { index: number }).index);
  const children = localChildren({ ...profileTasks, ...labelTasks });
  const range = { from: 0, to: shape.features };
  const { contextTokens, packing } = shape;
  const rule = { contextTokens, packing, prepended: true, dropPositions: [], dropTokens: [] };
  const of = { tableVersion: 1, indexKey: 'i' };
  const tables: readonly ProfileKeyed[] = [
    { table: 'bands', ...of, rows: rule },
    { table: 'neighbours', ...of, dictionary: 'd', upTo: 1000, engine: ENGINE },
  ];
  const made: Record<string, { version: number; sha256: string; path: string }> = {};
  for (const keyed of tables) {
    const request = {
      ...{ spool, key: 'k', shard: keyed.table, range, keyed, weights, model: null },
      aux: {
        site: 's',
        features: shape.features,
        writes: [{ site: 's', width: WIDTH, tensor: 'W_dec', features: shape.features }],
        reference: 'm',
      },
      shards: dataset.encoded.map(({ shard, split, statistics }) => ({
        ...{ shard, split, rows: Number(statistics['rows']), firings: Number(statistics['firings']) },
      })),
      ...{ postings: paths('postings'), features: paths('features') },
    };
    const { files } = await children.call<ChildOutput>(`profile-${keyed.table}`, request, { signal, onAsk });
    const [file] = files;
    made[keyed.table] = { version: PROFILE_TABLES[keyed.table], sha256: file?.sha256 ?? '', path: file?.path ?? '' };
  }
  const promoted = await promotedTable(join(place, 'promoted.arrow'), shape.features);
  const request = {
    ...{ spool, shard: 'labels', range, top: paths('top'), bands: [made['bands']?.path], promoted: [promoted] },
    ...{ shards: dataset.tokens.length, tokenizer: TOKENIZER },
    metadata: { key: 'k', index: 'i', model: 'm', site: 's', units: 'balanced accuracy' },
  };
  const [labels] = (await children.call<ChildOutput>('label', request, { signal, onAsk })).files;
  made['labels'] = { version: labelStage.version, sha256: labels?.sha256 ?? '', path: '' };
  const found = Object.fromEntries(
    Object.entries(made).map(([table, { version, sha256 }]) => [table, { version, sha256 }]),
  );
  expect(found).toEqual(JSON.parse(await readFile(RECORD, 'utf8')));
});

/** What every feature raises: the same token. */
async function promotedTable(path: string, features: number): Promise<string> {
  const writer = await TableWriter.open({ table: 'promoted', path, shard: 'p', metadata: null });
  const offsets = Uint32Array.from({ length: features + 1 }, (_, i) => i);
  const side = { offsets, token: new Uint32Array(features).fill(3), value: new Float32Array(features).fill(1) };
  const feature = Uint32Array.from({ length: features }, (_, f) => f);
  await writer.write({ feature, raised: side, lowered: side, tokenShare: new Float64Array(features).fill(0.5) });
  return (await writer.finish())[0]?.path ?? '';
}
