// Edits in a run file: what is told about wrong ones, with file, line and field, before and after the model is opened.
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { encodeSafetensors, safeTensor } from '../../../../core/tensor/safetensors.js';
import { InputError } from '../../../../schemas/errors.js';
import { loadRunFile, parseRunFile } from '../../../../pipeline/files/load.js';
import { resolveRun } from '../../../../pipeline/resolve/resolve-run.js';
import { writeRun } from '../../cli/pipeline.js';
import { GOOD, problems } from '../../pipeline/files/refusal.js';
import { temporaryFolder } from '../../../harness/temporary-folder.js';

/** The correct run file with these edits, the first of them on line 6. */
const withEdits = (...edits: string[]): string =>
  GOOD.replace(
    'model: { onnx: model.onnx, tokenizer: tokenizer.json }\n',
    `model:\n  onnx: model.onnx\n  tokenizer: tokenizer.json\n  edits:\n${edits.map((edit) => `    - ${edit}\n`).join('')}`,
  );

describe('edits of a run file', () => {
  it('are none by default', () => {
    expect(parseRunFile(GOOD, { file: 'run.yaml' }).model.edits).toEqual([]);
  });

  it('are read as they are written', () => {
    const edits = parseRunFile(
      withEdits(
        '{ site: blocks.1.hook_resid_post, op: add, value: v.safetensors#d, factor: 4, at: ["3:7", -1] }',
        '{ site: blocks.0.attn.hook_pattern, op: ablate, heads: [2] }',
      ),
      { file: 'run.yaml' },
    ).model.edits;
    expect(edits).toEqual([
      { site: 'blocks.1.hook_resid_post', op: 'add', value: 'v.safetensors#d', factor: 4, at: ['3:7', -1] },
      { site: 'blocks.0.attn.hook_pattern', op: 'ablate', heads: [2] },
    ]);
  });

  it.each([
    [
      '{ site: a, op: ad, value: 1 }',
      'model.edits[0].op',
      'one of set, scale, add, ablate',
      '"ad"',
      'did you mean `add`?',
    ],
    [
      '{ site: a, op: add, valeu: 1 }',
      'model.edits[0].valeu',
      'one of the fields site, feature, op, value, factor, along, at, heads',
      'the unknown field `valeu`',
      'did you mean `value`?',
    ],
    [
      '{ op: ablate }',
      'model.edits[0].site',
      'a site, or a feature',
      'nothing',
      'e.g. site: blocks.1.hook_resid_post, or feature: kjv/l2#77',
    ],
    [
      '{ site: a, op: set }',
      'model.edits[0].value',
      'a value to set',
      'nothing',
      'e.g. set:0 or set:values.safetensors#mean',
    ],
    ['{ site: a, op: scale, value: 2 }', 'model.edits[0].value', 'no value with scale', '2', 'e.g. scale:0.5'],
    ['{ site: a, op: scale }', 'model.edits[0].factor', 'a factor to scale by', 'nothing', 'e.g. scale:0.5'],
    [
      '{ site: a, op: ablate, at: ["5:3"] }',
      'model.edits[0].at[0]',
      'positions that a context can have',
      '"5:3"',
      '"5:3" is empty',
    ],
    [
      '{ site: a, op: ablate, at: [x] }',
      'model.edits[0].at[0]',
      'a position such as 5, -1, "3:7", "5<-3"',
      '"x"',
      'at is: positions within a context',
    ],
    [
      '{ site: a, op: ablate, at: [] }',
      'model.edits[0].at',
      'a list of at least 1',
      'an empty list',
      'at is: positions',
    ],
    [
      '{ site: a, op: ablate, heads: [-1] }',
      'model.edits[0].heads[0]',
      'a number of at least 0',
      '-1',
      'heads is: heads',
    ],
    [
      '{ site: a, op: ablate, along: "f.safetensors#" }',
      'model.edits[0].along',
      'FILE#TENSOR with a direction',
      '"f.safetensors#"',
      'e.g. steer.safetensors#direction',
    ],
    [
      '{ site: a, op: set, value: "run:ids.json" }',
      'model.edits[0].value',
      'a number or FILE#TENSOR',
      '"run:ids.json"',
      '`assay model run --hooks a --out FILE`',
    ],
  ])('are refused with line, field and remedy: %s', (...[edit, field, expected, found, remedy]) => {
    const told = problems(withEdits(edit)).find((problem) => problem.field === field);
    expect(told).toMatchObject({ file: 'run.yaml', line: 6, field, found });
    expect(told?.expected).toContain(expected);
    expect(told?.remedy).toContain(remedy);
  });

  it('are told all at once, each on its line', () => {
    const text = withEdits('{ site: a, op: scale }', '{ site: a, op: ablate, factor: 2 }');
    expect(problems(text).map(({ line, field }) => [line, field])).toEqual([
      [6, 'model.edits[0].factor'],
      [7, 'model.edits[1].factor'],
    ]);
  });
});

const folder = temporaryFolder('edits-file');
beforeAll(async () => {
  const tensors = new Map([['wide', safeTensor(new Float32Array(5), [5])]]);
  await writeFile(join(folder, 'f.safetensors'), Buffer.concat(encodeSafetensors(tensors)));
});

describe('edits that do not fit the run’s model', () => {
  it.each([
    [
      '{ site: blocks.1.hook_resid_pots, op: ablate }',
      'model.edits[0].site: Unknown site "blocks.1.hook_resid_pots": the model has 4 blocks (0 to 3); nearest: blocks.1.hook_resid_post',
    ],
    [
      '{ site: blocks.1.hook_resid_post, op: add, value: f.safetensors#wide }',
      'with the shape [1, pos, d_model 128] of the site, axes at the front left out or of size 1, found [5]',
    ],
    [
      '{ site: blocks.1.hook_resid_post, op: ablate, at: [32] }',
      'Expected positions from 0 to 31 or from -32 to -1 (model.contextTokens: 32), found "32"',
    ],
    [
      '{ site: blocks.1.attn.hook_z, op: ablate, heads: [4] }',
      'model.edits[0].heads: Expected heads 0 to 3, because blocks.1.attn.hook_z has 4, found 4',
    ],
    [
      '{ site: blocks.1.hook_resid_post, op: set, value: none.safetensors#a }',
      'model.edits[0].value: Expected a safetensors file at',
    ],
  ])('are refused before anything is written: %s', async (edit, message) => {
    const file = await writeRun(folder, (yaml) =>
      yaml.replace("prepend: '<|endoftext|>' }", `prepend: '<|endoftext|>', edits: [${edit}] }`),
    );
    const before = (await readdir(folder)).sort();
    const { runFile } = await loadRunFile(file);
    const settings = { folder, revision: 1, limitDocuments: null, hostId: 'here', nowMs: 0 };
    const refused = resolveRun(runFile, { ...settings, until: 'index' });
    await expect(refused).rejects.toThrow(InputError);
    await expect(refused).rejects.toThrow(message);
    expect((await readdir(folder)).sort()).toEqual(before);
  });
});
