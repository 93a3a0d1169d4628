// Proves that a dynamically quantised model is called so, with what it means: its sites' reasons, inspect, `model run`'s note and
// the refusal of a pipeline run; that values do depend on the batch; and that quantised weights alone are fine.
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { inspectDocument } from '../../../cli/render/model-document.js';
import { modelText } from '../../../cli/render/model-text.js';
import { openModel } from '../../../models/open-model.js';
import { parseIds, runModel } from '../../../models/run-model.js';
import { runCli } from '../../unit/cli/harness.js';
import { temporaryFolder } from '../../harness/temporary-folder.js';
import { caseFile, ENGINE } from './run-case.js';

const folder = temporaryFolder('int8');
const file = caseFile('07-int8', 'gpt2-int8.onnx');
const read = (name: string): ReturnType<typeof parseIds> => parseIds(readFileSync(caseFile('07-int8', name), 'utf8'));

it('is said to be quantised dynamically, where it is inspected and where a site is missing', async () => {
  const { path, summary } = await openModel(file);
  expect(summary.dynamicQuantisation).toBe(9);
  const text = modelText(inspectDocument(path, summary, []));
  expect(text).toContain("quantised  dynamically (9 activations): a context's values depend on its batch");
  const reasons = summary.unresolved.map(({ reason }) => reason);
  expect(reasons.length).toBe(10);
  for (const reason of reasons) expect(reason).toMatch(/^the model is quantised dynamically, its projections/);
});

it('gives a context other values beside another context', async () => {
  const hooks = ['blocks.1.hook_resid_post'];
  const [one, two] = [
    await runModel(file, read('ids-one.json'), { hooks, engine: ENGINE }),
    await runModel(file, read('ids.json'), { hooks, engine: ENGINE }),
  ].map((values) => values.get('blocks.1.hook_resid_post')?.data as Float32Array);
  expect(two?.slice(0, one?.length)).not.toEqual(one);
});

it('is noted by a run over several rows, and not over one', async () => {
  const run = (ids: string): ReturnType<typeof runCli> =>
    runCli(['model', 'run', file, '--ids', caseFile('07-int8', ids), '--hooks', 'logits', '--out', 'out.safetensors'], {
      cwd: folder,
    });
  expect(await run('ids-one.json')).toMatchObject({ code: 0, err: '' });
  const several = await run('ids.json');
  expect(several.code).toBe(0);
  expect(several.err).toContain('quantised dynamically: the values of a row depend on the rows beside it');
});
