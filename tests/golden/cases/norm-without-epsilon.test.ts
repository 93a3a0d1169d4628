// Proves that a norm without an epsilon is a norm: its scale and normalized value are found in every block and obey their equation.
import { expect, it } from 'vitest';
import { checkSites } from '../../../models/check-sites.js';
import { openModel } from '../../../models/open-model.js';
import { caseFile, ENGINE } from './run-case.js';

it('all norms are found, and their equations hold', async () => {
  const opened = await openModel(caseFile('09-norm-without-eps', 'helium-dynamo.onnx'));
  const names = opened.summary.sites.map(({ name }) => name);
  for (const norm of ['blocks.0.ln1', 'blocks.0.ln2', 'blocks.1.ln1', 'blocks.1.ln2', 'ln_final'])
    for (const part of ['hook_scale', 'hook_normalized']) expect(names).toContain(`${norm}.${part}`);
  expect(opened.summary.unresolved).toEqual([]);
  expect(await checkSites(opened, ENGINE)).toEqual([]);
});
