// The frame of the command line: parsing, exit codes, and what goes to which stream.
import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { controlDocument } from '../../../schemas/documents/runs.js';
import { DataError, InputError, ResourceError, TransientError } from '../../../schemas/errors.js';
import { runCli } from './harness.js';

describe('a command line', () => {
  it.each([
    [['run', 'a.yaml'], 'run', { file: 'a.yaml', follow: false }],
    [
      ['run', 'a.yaml', '--follow', '--workers', '2', '--limit', '10', '--until', 'tokens'],
      'run',
      { file: 'a.yaml', follow: true, workers: 2, limit: 10, until: 'tokens' },
    ],
    [['plan', 'a.yaml', '--exact'], 'plan', { file: 'a.yaml', exact: true }],
    [['resume', 'kjv', '--mode', 'all'], 'resume', { run: 'kjv', mode: 'all', follow: false }],
    [['set', 'kjv', '--tolerance', '0.05'], 'set', { run: 'kjv', tolerance: 0.05 }],
    [['up', '--workers', '0'], 'up', { workers: 0 }],
    [['down'], 'down', null],
    [['pause', 'kjv'], 'pause', { run: 'kjv' }],
    [['worker', '--roles', 'io,compute'], 'worker', { roles: ['io', 'compute'], device: 'auto' }],
    [['schedule', 'show', 'nightly'], 'schedule show', 'nightly'],
    [['schedule', 'rm', 'nightly'], 'schedule delete', 'nightly'],
    [['schedule', 'remove', 'nightly'], 'schedule delete', 'nightly'],
    [
      ['schedule', 'backfill', 'n', '--from', '2026-11-01', '--to', '2026-11-02T00:00Z'],
      'schedule backfill',
      { id: 'n', fromMs: Date.UTC(2026, 10, 1), toMs: Date.UTC(2026, 10, 2), mode: 'missing' },
    ],
  ])('%j calls %s with its options', async (argv, name, options) => {
    const result = await runCli(argv);
    expect(result.code).toBe(0);
    expect(result.calls).toEqual([[name, options]]);
  });

  it('makes a schedule with times in milliseconds', async () => {
    const argv = 'schedule create a.yaml --every 1h --jitter 5m --time-zone Europe/Berlin'.split(' ');
    expect((await runCli(argv)).calls).toEqual([
      [
        'schedule create',
        {
          file: 'a.yaml',
          id: undefined,
          cron: undefined,
          everyMs: 3_600_000,
          timeZone: 'Europe/Berlin',
          overlap: 'skip',
          jitterMs: 300_000,
          catchUpMs: undefined,
          paused: false,
        },
      ],
    ]);
  });

  it.each([
    [['ru', 'a.yaml'], /unknown command 'ru'[^]*Did you mean/],
    [['run'], /missing required argument 'run.yaml'[^]*Usage: assay run <run.yaml>: start a run/],
    [['completion'], /missing required argument 'shell'[^]*bash, zsh, fish/],
    [['schedule', 'remov', 'n'], /unknown command 'remov'/],
    [['run', 'a.yaml', '--folow'], /unknown option '--folow'[^]*--follow/],
    [['run', 'a.yaml', '--workers', 'x'], /--workers.*Expected a whole number of at least 0/],
    [['run', 'a.yaml', '--until', 'end'], /--until.*corpus, tokens/],
    [['set', 'kjv'], /Expected --window or --tolerance/],
    [['set', 'kjv', '--tolerance', '2'], /Expected a number from 0 to 1/],
    [['schedule', 'create', 'a.yaml'], /Expected --cron or --every/],
    [['schedule', 'create', 'a', '--cron', '* * * * *', '--time-zone', 'Mars/X'], /IANA time zone/],
    [['schedule', 'backfill', 'n', '--from', '2026-02-01', '--to', '2026-01-01'], /--from before --to/],
    [['schedule', 'create', 'a', '--every', '5'], /Expected a duration/],
  ])('that is wrong (%j) is refused with exit code 2', async (argv, message) => {
    const result = await runCli(argv);
    expect(result.code).toBe(2);
    expect(result.err).toMatch(message);
    expect(result.out).toBe('');
    expect(result.calls).toEqual([]);
  });

  it('that is wrong gives one error document with --json', async () => {
    const result = await runCli(['run', '--json']);
    expect(result.code).toBe(2);
    expect(result.json()).toMatchObject({ error: { class: 'InputError', message: /run\.yaml/ } });
  });

  it.each([[[]], [['schedule']], [['model']]])('that is alone (%j) shows the help, on stdout', async (argv) => {
    const result = await runCli(argv);
    expect(result).toMatchObject({ code: 0, err: '' });
    expect(result.out).toContain(`Usage: ${['assay', ...argv].join(' ')}`);
  });

  it('asks for the version of package.json', async () => {
    const file = new URL('../../../package.json', import.meta.url);
    const { version } = JSON.parse(await readFile(file, 'utf8')) as { version: string };
    expect(await runCli(['--version'])).toMatchObject({ code: 0, out: `assay ${version}\n`, err: '' });
    for (const argv of [
      ['--version', '--json'],
      ['--json', '--version'],
    ]) {
      const result = await runCli(argv);
      expect(result).toMatchObject({ code: 0, err: '' });
      expect(result.json()).toEqual({ version });
    }
  });
});

describe('help', () => {
  it.each([[['help', 'run']], [['run', '--help']], [['schedule', 'help', 'create']]])(
    '%j has a description and examples, on stdout',
    async (argv) => {
      const result = await runCli(argv);
      expect(result.code).toBe(0);
      expect(result.out).toMatch(/Usage: assay [^]*Examples:\n {2}\$ assay /);
      expect(result.out).toContain('--json');
    },
  );

  it.each([
    [['help', 'model', 'run'], 'model run'],
    [['help', 'model', 'inspect'], 'model inspect'],
    [['help', 'schedule', 'create'], 'schedule create'],
    [['schedule', 'help', 'create'], 'schedule create'],
    [['help', 'schedule'], 'schedule'],
    [['help', 'completion'], 'completion'],
  ])('%j shows the page of %s', async (argv, name) => {
    const result = await runCli(argv);
    expect(result).toMatchObject({ code: 0, err: '' });
    expect(result.out).toMatch(new RegExp(`^Usage: assay ${name} `));
  });

  it.each([
    [['help', 'modl', 'run'], /found "modl run"[^]*did you mean model run/],
    [['help', 'model', 'inspekt'], /did you mean model inspect/],
    [['schedule', 'help', 'creat'], /did you mean schedule create/],
    [['help', 'rum'], /did you mean r/],
    [['help', 'photosynthesis'], /`assay help` lists them/],
    [['help', 'run', 'away'], /found "run away"/],
  ])('%j is refused with the nearest commands', async (argv, message) => {
    const result = await runCli(argv);
    expect(result).toMatchObject({ code: 2, out: '' });
    expect(result.err).toMatch(message);
  });
});

describe('an error', () => {
  const failing = (error: Error, extra: readonly string[] = [], environment: Record<string, string> = {}) =>
    runCli(['pause', 'kjv', ...extra], { act: () => Promise.reject(error), environment });

  it.each([
    [new InputError('wrong'), 2],
    [new DataError('damaged'), 1],
    [new ResourceError('full'), 1],
    [new TransientError('away'), 3],
  ])('%s gives its exit code and its message on stderr', async (error, code) => {
    const result = await failing(error);
    expect(result).toMatchObject({ code, out: '', err: `error: ${error.message}\n` });
  });

  it('is one document with its details with --json', async () => {
    const result = await failing(new DataError('damaged', { key: 'data/x' }), ['--json']);
    expect(result.code).toBe(1);
    expect(result.json()).toEqual({
      error: { class: 'DataError', message: 'damaged', details: { key: 'data/x' } },
    });
    expect(result.err).toBe('error: damaged\n');
  });

  it('of an unexpected kind shows its stack only with ASSAY_DEBUG', async () => {
    const plain = await failing(new TypeError('x is not a function'));
    expect(plain.code).toBe(1);
    expect(plain.err).toContain('error: unexpected TypeError: x is not a function');
    expect(plain.err).not.toMatch(/\n\s+at /);
    const debug = await failing(new TypeError('x is not a function'), [], { ASSAY_DEBUG: '1' });
    expect(debug.err).toMatch(/\n\s+at /);
  });

  it('that follows an interrupt gives 130', async () => {
    const interrupt = new AbortController();
    const result = await runCli(['pause', 'kjv'], {
      signal: interrupt.signal,
      act: () => {
        interrupt.abort();
        return Promise.reject(new DOMException('aborted', 'AbortError'));
      },
    });
    expect(result).toMatchObject({ code: 130, err: 'Interrupted.\n' });
  });
});

describe('output', () => {
  const document = { run: 'kjv', action: 'pause' } as const;

  it('is one document on stdout with --json and notes go to stderr', async () => {
    const result = await runCli(['pause', 'kjv', '--json'], {
      act: ({ output }) => {
        output.note('a note');
        output.progress('never shown: stderr is no terminal');
        output.result(controlDocument, document, () => 'text');
        return Promise.resolve(0);
      },
    });
    expect(result).toMatchObject({
      code: 0,
      out: `${JSON.stringify(document)}\n`,
      err: 'a note\n',
    });
  });

  it('is text without --json, and progress is erased before it on a terminal', async () => {
    const result = await runCli(['pause', 'kjv'], {
      isTTY: true,
      act: ({ output }) => {
        output.progress('half');
        output.result(controlDocument, document, () => 'done');
        return Promise.resolve(0);
      },
    });
    expect(result).toMatchObject({ out: 'done\n', err: 'half\r    \r' });
  });

  it('that does not fit its schema is a fault, not a document', async () => {
    const result = await runCli(['pause', 'kjv', '--json'], {
      act: ({ output }) => {
        output.result(controlDocument, { ...document, extra: 1 } as never, () => '');
        return Promise.resolve(0);
      },
    });
    expect(result.code).toBe(1);
    expect(result.json()).toHaveProperty('error.class', 'ZodError');
  });
});
