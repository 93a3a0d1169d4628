// The run file's loader: defaults, every kind of mistake with its place and remedy, all mistakes at once.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadRunFile, parseRunFile } from '../../../../pipeline/files/load.js';
import { GOOD, lines, problems, refusal } from './refusal.js';
import { temporaryFolder } from '../../../harness/temporary-folder.js';

describe('a correct run file', () => {
  it('is returned with every default filled in', () => {
    const file = parseRunFile(GOOD, { file: 'run.yaml' });
    expect(file.seed).toBe(0);
    expect(file.model.contextTokens).toBe(128);
    expect(file.activations).toMatchObject({
      dtype: 'float16',
      dropPositions: [0],
      batchTokens: 8192,
    });
    expect(file.saes[0]).toMatchObject({ architecture: 'topk', batchRows: 2048, seed: 0, k: 16 });
    expect(file.tolerance.quarantinedShards).toBe(0.01);
  });

  it('may be JSON, with tabs and with a $schema for editors', () => {
    const value: unknown = parseRunFile(GOOD, { file: 'run.yaml' });
    const text = JSON.stringify({ $schema: 'run-file.schema.json', ...(value as object) }, null, '\t');
    expect(parseRunFile(text, { file: 'run.json' })).toEqual(value);
  });

  it('may share values by anchor and alias', () => {
    const text = GOOD.replace('[corpus.jsonl.gz]', '&files [corpus.jsonl.gz]') + 'owner: me\n';
    expect(parseRunFile(text, { file: 'run.yaml' }).corpus.sources).toEqual(['corpus.jsonl.gz']);
  });

  it('may hold {{date}} when it is the template of a schedule', () => {
    const text = GOOD.replace('kjv\n', 'kjv-{{date}}\n').replace('corpus.jsonl.gz', '"in/{{date}}/{{hour}}.jsonl"');
    expect(parseRunFile(text, { file: 'run.yaml', purpose: 'schedule' }).name).toBe('kjv-{{date}}');
  });

  it('lets an SAE take a site that a pattern names', () => {
    const text = GOOD.replace('hook: blocks.2.hook_resid_post', 'hook: blocks.3.hook_resid_pre');
    expect(parseRunFile(text, { file: 'run.yaml' }).saes[0]?.hook).toBe('blocks.3.hook_resid_pre');
  });
});

describe('a wrong run file', () => {
  it('is told with file, line, column, field, expected, found and remedy', () => {
    expect(lines(GOOD.replace('k: 16', 'k: 0'))).toEqual([
      'run.yaml:9:72  saes[0].k: expected a number greater than 0, found 0 — k is: features that may fire on one token; of batchtopk and matryoshka: on average',
    ]);
  });

  it('gets all its mistakes told at once, in the order of the file', () => {
    const text = `seed: x
stoer: file://./data
model: { onnx: m.onnx, packing: documents }
corpus: { sources: [] }
activations: { hooks: [blocks.1.hook_resid_post], batchTokens: 12 }
saes:
  - { name: tokens, hook: blocks.1.hook_resid_pst, features: 8, k: 16, tokens: 30 }
`;
    expect(problems(text).map((p) => `${String(p.line)} ${p.field}`)).toEqual([
      '1 name',
      '1 seed',
      '2 stoer',
      '3 model',
      '3 model.packing',
      '4 corpus.sources',
      '5 activations.batchTokens',
      '7 saes[0].name',
      '7 saes[0].hook',
      '7 saes[0].k',
      '7 saes[0].tokens',
    ]);
  });

  it.each([
    ['a misspelt key', GOOD.replace('sources:', 'source:'), 'did you mean `sources`?'],
    ['a misspelt value', GOOD.replace('hooks:', 'dtype: flaot16\n  hooks:'), 'did you mean `float16`?'],
    ['a key of another section', `${GOOD}shardTokens: 5\n`, 'it belongs at `corpus.shardTokens`'],
    ['a misspelt share', GOOD.replace('field: split', 'fit: 0.5, calib: 0.2, tset: 0.3'), 'did you mean `test`?'],
    ['a misspelt placeholder', GOOD.replace('kjv\n', 'kjv-{{dat}}\n'), 'did you mean `{{date}}`?'],
    [
      'a misspelt site',
      GOOD.replace('hook: blocks.2.hook_resid_post', 'hook: blocks.2.hook_resid_psot'),
      'did you mean `blocks.2.hook_resid_post`?',
    ],
    [
      'a misspelt site among those that are stored',
      GOOD.replace('hooks: [blocks.2.hook_resid_post', 'hooks: [blocks.2.hook_resid_psot'),
      'did you mean `blocks.2.hook_resid_post` in activations.hooks, in place of `blocks.2.hook_resid_psot`?',
    ],
    [
      'a pattern where one site is read',
      GOOD.replace('hook: blocks.2.hook_resid_post', "hook: 'blocks.*.hook_resid_post'"),
      'name one, e.g. blocks.0.hook_resid_post',
    ],
  ])('suggests what %s may have meant', (_, text, remedy) => {
    expect(refusal(text).message).toContain(remedy);
  });

  it('is told of every setting that the kind of a dictionary lacks or has no use for, at once', () => {
    const text = GOOD.replace(' k: 16,', ' architecture: relu, k: 16, auxK: 8,');
    const fields = problems(text).map((p) => p.field);
    expect(fields.toSorted()).toEqual(['saes[0].auxK', 'saes[0].k', 'saes[0].sparsity']);
  });

  it('is told of a misspelt key and the field that is missing for it as one mistake', () => {
    expect(problems(GOOD.replace('sources:', 'source:')).map((p) => p.field)).toEqual(['corpus.source']);
  });

  it.each([
    [
      'a text where a whole number belongs',
      GOOD.replace('k: 16', 'k: many'),
      'saes[0].k: expected a whole number, found "many"',
    ],
    [
      'a fraction where a whole number belongs',
      GOOD.replace('k: 16', 'k: 1.5'),
      'saes[0].k: expected a whole number, found 1.5',
    ],
    [
      'a text where a list belongs',
      GOOD.replace('[corpus.jsonl.gz]', 'corpus.jsonl.gz'),
      'corpus.sources: expected a list, found "corpus.jsonl.gz"',
    ],
    ['nothing where a field must stand', GOOD.replace('name: kjv\n', ''), 'name: expected a text, found nothing'],
    [
      'shares that do not add up',
      GOOD.replace('field: split', 'fit: 0.5, calib: 0.2, test: 0.2'),
      'corpus.split: expected the three shares to add up to 1',
    ],
    [
      'a reserved dictionary name',
      GOOD.replace('kjv-l2', 'tokens'),
      'saes[0].name: expected a name other than one of documents, tokens',
    ],
    ['k above features', GOOD.replace('k: 16', 'k: 4096'), 'saes[0].k: expected at most features (2048), found 4096'],
    [
      'topk without k',
      GOOD.replace(' k: 16,', ''),
      'saes[0].k: expected a number, as topk needs it, found none — add k',
    ],
    [
      'relu without sparsity',
      GOOD.replace(' k: 16,', ' architecture: relu,'),
      'saes[0].sparsity: expected a number, as relu needs it, found none — add sparsity',
    ],
    [
      'a setting of another kind',
      GOOD.replace(' k: 16,', ' architecture: relu, sparsity: 0.02, k: 16,'),
      'saes[0].k: expected nothing for relu, found 16 — remove it; relu takes `sparsity`',
    ],
    [
      'AuxK where the kind has none',
      GOOD.replace(' k: 16,', ' architecture: relu, sparsity: 0.02, auxK: 8,'),
      'saes[0].auxK: expected 0 for relu, which has no AuxK, found 8',
    ],
    [
      'a budget below one step',
      GOOD.replace('3000000', '30'),
      'saes[0].tokens: expected at least batchRows (2048), found 30',
    ],
    [
      'a dropped position beyond the context',
      GOOD.replace('hooks:', 'dropPositions: [0, 128]\n  hooks:'),
      'activations.dropPositions[1]: expected a position below model.contextTokens (128), found 128',
    ],
    [
      'a batch below one context',
      GOOD.replace('hooks:', 'batchTokens: 100\n  hooks:'),
      'activations.batchTokens: expected at least model.contextTokens (128), found 100',
    ],
    [
      'a site given twice',
      GOOD.replace("'blocks.*.hook_resid_pre'", 'blocks.2.hook_resid_post'),
      'activations.hooks[1]: expected each site once',
    ],
    [
      'a model without tokenizer',
      GOOD.replace(', tokenizer: tokenizer.json', ''),
      'model: expected `onnx` and `tokenizer`, or `folder`, or `tokenizer` and `train`, found onnx — add the path of tokenizer.json',
    ],
    [
      'a model by file and by folder',
      GOOD.replace('onnx: model.onnx', 'folder: m'),
      'model: expected `onnx` and `tokenizer`, or `folder`, or `tokenizer` and `train`, found tokenizer and folder — remove what is too many',
    ],
    [
      'a store that is a web address',
      `${GOOD}store: https://host/bucket\n`,
      'store: expected file://folder or s3://bucket/prefix, found "https://host/bucket"',
    ],
    [
      'store options beside a folder',
      `${GOOD}storeOptions: { region: x }\n`,
      'storeOptions: expected no storeOptions with a folder as store',
    ],
    ['a name with a slash', GOOD.replace('kjv\n', 'a/b\n'), 'name: expected letters, digits'],
    [
      'a placeholder in a file that is run at once',
      GOOD.replace('kjv\n', 'kjv-{{date}}\n'),
      'name: expected no placeholder in a file that is run at once, found {{date}} — start it with `assay schedule create`',
    ],
  ])('is refused for %s', (_, text, message) => {
    expect(refusal(text).message).toContain(message);
  });

  it('is refused for two dictionaries of one name', () => {
    const text = `${GOOD}  - { name: kjv-l2, hook: blocks.2.hook_resid_post, features: 2048, k: 16, tokens: 3000000 }\n`;
    expect(lines(text)).toEqual([
      'run.yaml:10:13  saes[1].name: expected each name once, found "kjv-l2" — give this dictionary another name',
    ]);
  });

  it('as template of a schedule needs a placeholder in its name', () => {
    expect(problems(GOOD, 'schedule').map((p) => p.expected)).toEqual(['a name with {{date}} or {{hour}}']);
  });
});

describe('a run file on disk', () => {
  const folder = temporaryFolder('run-file');

  it('is loaded with the folder from which its paths start', async () => {
    await writeFile(join(folder, 'run.yaml'), `\uFEFF${GOOD}`);
    const loaded = await loadRunFile(join(folder, 'run.yaml'));
    expect(loaded.folder).toBe(folder);
    expect(loaded.runFile.name).toBe('kjv');
  });

  it('is refused where it is missing, a folder, not UTF-8 or far too large', async () => {
    await expect(loadRunFile(join(folder, 'none.yaml'))).rejects.toThrow(
      /none\.yaml: expected a run file .*, found no such file/,
    );
    await expect(loadRunFile(folder)).rejects.toThrow(/found a folder — name the file in it/);
    await writeFile(
      join(folder, 'latin.yaml'),
      Buffer.concat([Buffer.from('name: x\nowner: '), Buffer.from([0xe9, 0x0a])]),
    );
    await expect(loadRunFile(join(folder, 'latin.yaml'))).rejects.toThrow(/latin\.yaml:2:1 {2}expected UTF-8 text/);
    await writeFile(join(folder, 'large.yaml'), Buffer.alloc(2 ** 20 + 1, 0x20));
    await expect(loadRunFile(join(folder, 'large.yaml'))).rejects.toThrow(/at most 1048576 bytes, found 1048577 bytes/);
  });
});
