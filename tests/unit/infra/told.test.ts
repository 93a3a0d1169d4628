// What set-up and demo tell: a step when it begins and when it has ended, lines that fit, and the store of a demo once.
import { expect, it } from 'vitest';
import { loadScript } from './scripts.js';

it('a step is told when it begins, and its seconds when it has ended', async () => {
  const { step } = await loadScript('told.mjs');
  const said: string[] = [];
  const body = () => {
    said.push('(works)');
    return Promise.resolve(7);
  };
  expect(await step('compiling', body, (line) => said.push(line))).toBe(7);
  expect(said).toEqual(['set-up: compiling …', '(works)', expect.stringMatching(/^set-up: compiling: \d+\.\d s$/)]);
});

it('a step that fails has no end', async () => {
  const { step } = await loadScript('told.mjs');
  const said: string[] = [];
  const broken = step(
    'compiling',
    () => Promise.reject(new RangeError('no')),
    (line) => said.push(line),
  );
  await expect(broken).rejects.toThrow('no');
  expect(said).toEqual(['set-up: compiling …']);
});

it('lines are broken at spaces alone', async () => {
  const { wrapped } = await loadScript('told.mjs');
  expect(wrapped('one two three', { columns: 7 })).toBe('one two\nthree');
  expect(wrapped('https://example.org/long and so', { columns: 7, indent: '  ' })).toBe(
    'https://example.org/long\n  and\n  so',
  );
});

it('only lines that name a store are left out of the demo', async () => {
  const { isStoreNote } = await loadScript('told.mjs');
  expect(isStoreNote('store file:///a/b (/a/.assay/config.json)')).toBe(true);
  expect(isStoreNote('store file:///a/b is full')).toBe(false);
  expect(isStoreNote('kjv is paused')).toBe(false);
});

it('a build by Go whose packages are not known yet says what it does', async () => {
  const { progressLine } = await loadScript('servers/obtain.mjs');
  expect(progressLine('temporal', 0, 20)).toBe('set-up: temporal: Go is still fetching what it is made of after 20 s');
  expect(progressLine('temporal', 812, 40)).toBe('set-up: temporal: 812 packages compiled after 40 s');
});
