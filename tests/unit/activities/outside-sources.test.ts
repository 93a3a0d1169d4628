// What a workflow names outside of the store is judged before it is opened: the files of a scheduled run, of a suite's member, of a part
// of the corpus.
import { expect, it } from 'vitest';
import { prepareScheduledRunActivity } from '../../../activities/prepare-scheduled-run.js';
import type { ActivityDependencies } from '../../../activities/dependencies.js';
import { allowListed } from '../../../pipeline/allowed/allow-list.js';
import { runFile } from '../../../schemas/run-file.js';
import { STAGE_TABLE } from '../../../stages/table.js';
import type { WorkItem } from '../../../stages/stage.js';
import { corpusSettings } from '../../../stages/corpus/stage.js';
import { createMemoryStore } from '../../../storage/objects/memory-store.js';
import { putJson } from '../../../storage/records/data-json.js';
import { tinyRun } from '../../harness/tiny-run.js';

const allowed = allowListed(() => Promise.resolve({ stores: [], sources: ['/corpora'] }));

it.each([
  ['a source', { corpus: { sources: ['/etc/passwd'] } }, '/etc/passwd'],
  ['a model', { model: { onnx: '../../elsewhere/model.onnx', tokenizer: 't.json' } }, '/elsewhere/model.onnx'],
])('%s of a schedule that lies elsewhere is not read', async (_, sections, place) => {
  const store = createMemoryStore();
  const file = runFile.parse({
    ...{ name: 'n-{{date}}', model: { onnx: 'm.onnx', tokenizer: 't.json' }, corpus: { sources: ['a.jsonl'] } },
    ...{ activations: { hooks: ['blocks.0.hook_resid_post'] }, ...sections },
  });
  const template = await putJson(store, { file, folder: '/corpora/here' });
  const schedule = { ref: { store: { url: store.url, options: {} } }, schedule: 'n', timeZone: 'UTC', template };
  const dependencies = { openStore: () => Promise.resolve(store), allowed, hostId: 'h' };
  const given = { schedule, scheduledMs: 0 } as unknown as Parameters<typeof prepareScheduledRunActivity>[0];
  await expect(prepareScheduledRunActivity(given, dependencies as unknown as ActivityDependencies)).rejects.toThrow(
    `This worker may not read ${place}`,
  );
});

it('a part of the corpus names its place, and only its own', async () => {
  const run = await tinyRun();
  const [part] = run.parts;
  const other = run.parts.map((own) => ({ ...own, digest: 'f'.repeat(64), location: '/x' }));
  const config = corpusSettings({ ...run, parts: [...run.parts, ...other] });
  const item = { inputs: { part: part?.digest } } as unknown as WorkItem;
  expect(STAGE_TABLE.corpus.outside(item, config)).toEqual([part?.location]);
  expect(STAGE_TABLE.tokens.outside(item, {})).toEqual([]);
});
