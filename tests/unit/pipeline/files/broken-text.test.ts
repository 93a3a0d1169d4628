// Run files that are no proper YAML or JSON, or that hold credentials.
import { describe, expect, it } from 'vitest';
import { parseRunFile } from '../../../../pipeline/files/load.js';
import { GOOD, problems, refusal } from './refusal.js';

describe('broken text', () => {
  it.each([
    ['an empty file', '', 'run.yaml:1:1  expected a mapping of fields, found an empty file'],
    ['a list', '- a\n', 'run.yaml:1:1  expected a mapping of fields, found a list'],
    ['a tab as indentation', 'corpus:\n\tsources: [a]\n', 'run.yaml:2:1  expected spaces as indentation, found a tab'],
    ['an open bracket', 'name: [a\n', 'expected YAML or JSON, found text that is not'],
    ['a duplicate key', `${GOOD}name: other\n`, 'run.yaml:10:1  expected each key once, found `name` a second time'],
    ['two documents', `${GOOD}---\nname: b\n`, 'run.yaml:10:1  expected one document, found a second one'],
    ['an alias without anchor', 'name: *x\n', 'expected aliases that name an anchor above them'],
  ])('is refused for %s', (_, text, message) => {
    expect(refusal(text).message).toContain(message);
  });

  it('tells a duplicate key beside mistakes in fields', () => {
    expect(problems(`${GOOD}seed: a\nseed: b\n`).map((p) => p.line)).toEqual([11, 11]);
  });

  it('does not grow a few lines into gigabytes', () => {
    const bomb = ['a0: &a0 [x,x,x,x,x,x,x,x,x]'];
    for (let i = 1; i < 12; i++)
      bomb.push(
        `a${String(i)}: &a${String(i)} [${Array(9)
          .fill(`*a${String(i - 1)}`)
          .join(',')}]`,
      );
    expect(refusal(bomb.join('\n')).message).toMatch(/alias/);
  });

  it('ends for a value that holds itself and for a thousand levels of nesting', () => {
    expect(refusal(GOOD.replace('[corpus.jsonl.gz]', '&a [*a]')).message).toMatch(
      /corpus\.sources\[0\]: expected a text, found a list/,
    );
    expect(refusal('['.repeat(20_000)).message).toMatch(/^run\.yaml:1:/);
  });

  it.each([
    ['objects', `${'{"a":'.repeat(2000)}1${'}'.repeat(2000)}`],
    ['lists in lines', `a:\n  ${'- '.repeat(3000)}x\n`],
  ])('ends at once for thousands of levels that are closed (%s)', (_, text) => {
    expect(refusal(text).message).toContain('found values nested too deeply');
  });

  it('in a .json file is refused where it is YAML only', () => {
    expect(refusal(GOOD, 'run.json').message).toContain('run.json:1:1  expected JSON in a .json file');
  });
});

describe('credentials', () => {
  it.each([
    ['a URL', `${GOOD}store: s3://AKIAABCDEFGHIJKLMNOP:wJalrXUtnFEMIsecret@bucket/x\n`, 10],
    ['a signed URL', GOOD.replace('corpus.jsonl.gz', 'https://h/x?X-Amz-Signature=wJalrXUtnFEMIsecret'), 4],
    ['a field', `${GOOD}storeOptions:\n  secretAccessKey: wJalrXUtnFEMIsecret\n`, 11],
    ['a field in braces', `${GOOD}storeOptions: { region: x, password: wJalrXUtnFEMIsecret }\n`, 10],
    ['an escaped URL', `${GOOD}storeOptions: { endpoint: "http:\\/\\/me:wJalrXUtnFEMIsecret@h" }\n`, 10],
    ['a URL of escaped characters', `${GOOD}owner: "s3\\x3a//AK:wJalrXUtnFEMIsecret\\u0040b"\n`, 10],
    ['a field of escaped characters', `${GOOD}storeOptions: { "pass\\u0077ord": wJalrXUtnFEMIsecret }\n`, 10],
    ['a URL that stands in two lines', `${GOOD}owner: "s3://me:wJalrXUtnFEMIsecret\\\n  @bucket/x"\n`, 10],
    ['a comment', `# key AKIAABCDEFGHIJKLMNOP wJalrXUtnFEMIsecret\n${GOOD}`, 1],
  ])('in %s are refused with their line and not repeated', (_, text, line) => {
    const error = refusal(text);
    expect(error.message).toContain(`run.yaml:${String(line)}:`);
    expect(error.message).toContain('expected no credentials in a run file');
    expect(error.message).toContain('AWS_ACCESS_KEY_ID');
    expect(error.message + JSON.stringify(error.details)).not.toContain('wJalrXUtnFEMIsecret');
    expect(error.message).not.toContain('AKIAABCDEFGHIJKLMNOP');
  });

  it('are not seen in fields about tokens and tokenizers', () => {
    expect(parseRunFile(GOOD.replace('k: 16', 'k: 16, deadAfterTokens: 9'), { file: 'run.yaml' }).name).toBe('kjv');
  });
});
