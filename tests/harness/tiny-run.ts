// A run over the small language model and its corpus, resolved and not stored: what tests of plans look at.
import { resolveRun } from '../../pipeline/resolve/resolve-run.js';
import { runFile } from '../../schemas/run-file.js';
import type { ResolvedRun } from '../../schemas/resolved-run.js';
import type { StageName } from '../../schemas/stages.js';
import { TINY_LM } from './fixtures.js';

/** The first revision of a run file. @param sections Take the place of the file's own. */
export async function tinyRun(
  sections: Readonly<Record<string, unknown>> = {},
  until: StageName = 'index',
): Promise<ResolvedRun> {
  const file = runFile.parse({
    name: 'kjv',
    store: 'file://./data',
    model: { onnx: 'model.onnx', tokenizer: 'tokenizer.json', contextTokens: 128 },
    corpus: { sources: ['corpus.jsonl.gz'], split: { field: 'split' } },
    activations: { hooks: ['blocks.2.hook_resid_post'] },
    saes: [{ name: 'a', hook: 'blocks.2.hook_resid_post', features: 2048, k: 16, tokens: 1e6 }],
    ...sections,
  });
  const settings = { folder: TINY_LM, revision: 1, limitDocuments: null, hostId: 'h', nowMs: 0 };
  return (await resolveRun(file, { ...settings, until })).run;
}
