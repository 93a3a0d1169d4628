// What a worker is allowed: stores by place and endpoint, sources by folder, both through links and other spellings; nothing else,
// whatever a workflow names. And that a run file hides no path from the judgement.
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { beforeEach, describe, expect, it } from 'vitest';
import { allowIn, allowedIn } from '../../../../pipeline/allowed/allow-folder.js';
import { allowListed, type AllowedEntries, type AllowList } from '../../../../pipeline/allowed/allow-list.js';
import { outsideOf } from '../../../../pipeline/allowed/outside.js';
import { InputError } from '../../../../schemas/errors.js';
import { runFile } from '../../../../schemas/run-file.js';
import { failureOf } from '../../../harness/failure-of.js';
import { temporaryFolderOfTest } from '../../../harness/temporary-folder.js';

let folder: string;
beforeEach(async () => {
  folder = temporaryFolderOfTest('allowed');
  await mkdir(path.join(folder, 'real', 'deep'), { recursive: true });
  await symlink(path.join(folder, 'real'), path.join(folder, 'link'));
});
const at = (...names: string[]): string => path.join(folder, ...names);
const url = (...names: string[]): string => pathToFileURL(at(...names)).href;
const list = (entries: Partial<AllowedEntries>): AllowList =>
  allowListed(() => Promise.resolve({ stores: [], sources: [], ...entries }));

describe('stores', () => {
  const s3 = { url: 's3://bucket/team', endpoint: 'http://127.0.0.1:9000' };

  it('are allowed at their place, below it and through links', async () => {
    const allowed = list({ stores: [{ url: url('link', 'store'), endpoint: null }] });
    for (const place of [
      url('real', 'store'),
      url('link', 'store'),
      `${url('real', 'store')}/below`,
      at('real', 'store'),
    ])
      await expect(allowed.assertStore(place, undefined)).resolves.toBeUndefined();
  });

  it.each(['real', 'real/store2', 'real/store/../other'])('are refused elsewhere (%s)', async (place) => {
    const allowed = list({ stores: [{ url: url('real', 'store'), endpoint: null }] });
    const error = await failureOf(allowed.assertStore(url(...place.split('/')), undefined));
    expect(error).toBeInstanceOf(InputError);
    expect(error.message).toContain(`This worker may not use the store ${url(...place.split('/'))}: it is not among`);
    expect(error.message).toContain('--allow-store');
  });

  it('in S3 are allowed with their endpoint alone: it is told the credentials', async () => {
    const allowed = list({ stores: [s3] });
    await expect(allowed.assertStore('s3://bucket/team/a', { endpoint: s3.endpoint })).resolves.toBeUndefined();
    const wrong = [
      ['s3://bucket/team', 'http://evil'],
      ['s3://bucket/team', undefined],
      ['s3://bucket/teammate', s3.endpoint],
      ['s3://bucket', s3.endpoint],
    ] as const;
    for (const [store, endpoint] of wrong)
      expect((await failureOf(allowed.assertStore(store, { endpoint }))).message).toContain('may not use the store');
  });
});

describe('sources', () => {
  it('are allowed within their roots and in allowed stores, through links and not beside them', async () => {
    const allowed = list({ sources: [at('link')], stores: [{ url: 's3://bucket/x', endpoint: null }] });
    await allowed.assertSources([at('real', 'a.jsonl'), at('link', 'deep', '..', 'b'), 's3://bucket/x/corpus']);
    await symlink('/etc', at('real', 'out'));
    for (const place of ['/etc/passwd', at('realm'), at('real', 'out', 'passwd'), 's3://bucket/y'])
      expect((await failureOf(allowed.assertSources([at('real'), place]))).message).toContain(
        `This worker may not read ${place}: it lies outside`,
      );
  });
});

describe('the folder of a local stack', () => {
  it('takes entries of several commands at once, and ignores what is none', async () => {
    const own = at('allowed');
    const store = { url: 's3://b', endpoint: null };
    await Promise.all([
      allowIn(own, { stores: [store], sources: ['/a'] }),
      allowIn(own, { stores: [store], sources: ['/b'] }),
    ]);
    await writeFile(path.join(own, 'x.json'), '{"formatVersion":1,"source":"/etc","more":1}');
    await writeFile(path.join(own, 'y.json'), 'no JSON');
    const { stores, sources } = await allowedIn(own);
    expect({ stores, sources: [...sources].sort() }).toEqual({ stores: [store], sources: ['/a', '/b'] });
    expect(await allowedIn(at('nowhere'))).toEqual({ stores: [], sources: [] });
  });
});

it('a run file names everything that it makes a worker read', () => {
  const edits = [{ site: 's', op: 'add', value: '/e/values.safetensors#x', along: '../along.safetensors' }];
  const file = runFile.parse({
    name: 'x',
    model: { onnx: 'm/model.onnx', tokenizer: '/t/tokenizer.json', prepend: '/no/path', edits },
    corpus: { sources: ['s3://b/c/*.jsonl', '/c/**/*.jsonl', 'd.txt', '*.jsonl', '/*'] },
    activations: { hooks: ['h'] },
  });
  const found = outsideOf(file, '/run');
  for (const place of ['/run/m/model.onnx', '/t/tokenizer.json', '/e/values.safetensors#x', '/along.safetensors'])
    expect(found).toContain(place);
  for (const place of ['s3://b/c', '/c', '/run/d.txt', '/run', '/']) expect(found).toContain(place);
  expect(found).not.toContain('/no/path');
});
