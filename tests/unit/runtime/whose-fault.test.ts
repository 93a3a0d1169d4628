// Errors of the machine inside a compute child (a full disk, too few handles) reach the worker with their code and are never taken
// for errors of the data; nor is what nobody foresaw. A child that cannot be recorded or started blames no shard and kills no worker.
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { ComputeChild } from '../../../runtime/child/compute-child.js';
import { decodeError, encodeError } from '../../../runtime/child/wire-error.js';
import { packageRoot } from '../../../runtime/package-root.js';
import { type AssayError, DataError, InputError, ResourceError, TransientError } from '../../../schemas/errors.js';
import { temporaryFolder } from '../../harness/temporary-folder.js';

const folder = temporaryFolder('whose-fault');

const crossed = (error: unknown): AssayError => decodeError(structuredClone(encodeError(error)));
const system = (code: string, syscall = 'write'): Error =>
  Object.assign(new Error(`${code}: failed, ${syscall}`), { code, syscall, errno: -1 });

describe('an error that crosses from the child to the worker', () => {
  it.each(['ENOSPC', 'EDQUOT', 'EFBIG', 'EIO', 'EMFILE', 'ENFILE', 'ENOMEM', 'EACCES', 'EROFS', 'ENOENT'])(
    'keeps the code %s and is a ResourceError',
    (code) => {
      const error = crossed(system(code));
      expect(error).toBeInstanceOf(ResourceError);
      expect(error.message).toContain(`(${code})`);
      expect(error.details).toMatchObject({ code, syscall: 'write' });
    },
  );

  it('of a connection is transient', () => {
    expect(crossed(system('ECONNRESET', 'read'))).toBeInstanceOf(TransientError);
  });

  it('of memory that could not be had is a ResourceError', () => {
    const error = crossed(new RangeError('Array buffer allocation failed'));
    expect(error).toBeInstanceOf(ResourceError);
    expect(error.details).toEqual({ code: 'ENOMEM' });
  });

  it('that nobody foresaw names its class and blames no data', () => {
    const error = crossed(new TypeError('x is not a function'));
    expect(error).toBeInstanceOf(ResourceError);
    expect(error.message).toContain('TypeError: x is not a function');
    expect(error.details).toEqual({ unexpected: 'TypeError' });
  });

  it.each([DataError, InputError, ResourceError, TransientError])(
    'of the class $name keeps class and values',
    (Kind) => {
      const error = crossed(new Kind('as it was', { shard: 's' }));
      expect(error).toBeInstanceOf(Kind);
      expect(error).toMatchObject({ message: 'as it was', details: { shard: 's' } });
    },
  );
});

const SERVE = path.join(packageRoot(), 'dist', 'runtime', 'child', 'serve.js');

/** A child process whose program is the given text. */
function childOf(name: string, program: string, recordFolder = path.join(folder, `${name}-records`)): ComputeChild {
  const entry = path.join(folder, `${name}.mjs`);
  writeFileSync(entry, program);
  return new ComputeChild({ entry, env: process.env, memoryLimitBytes: 2 ** 40, recordFolder });
}

const signal = new AbortController().signal;

describe('a compute child', () => {
  it('that finds the disk full says so with code and call', async () => {
    const child = childOf(
      'full',
      `import { writeFileSync } from 'node:fs';
       import { serveChild } from ${JSON.stringify(SERVE)};
       serveChild({ fill: async () => writeFileSync('/dev/full', 'x') });`,
    );
    const error: unknown = await child.call('fill', null, { signal }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ResourceError);
    expect(error).toMatchObject({ details: { code: 'ENOSPC', syscall: 'write' } });
    child.close();
  });

  it('that cannot be recorded, as on a full disk, is ended; the call says why and the worker lives on', async () => {
    const blocked = path.join(folder, 'no-folder');
    writeFileSync(blocked, 'a file where the records should be');
    const child = childOf(
      'unrecorded',
      `process.send({ type: 'ready', pid: process.pid }); setInterval(() => {}, 1000);`,
      blocked,
    );
    const error: unknown = await child.call('any', null, { signal }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ResourceError);
    expect((error as ResourceError).details['code']).toMatch(/ENOTDIR|EEXIST/);
    expect((error as ResourceError).details['childDied']).toBeUndefined();
    await expect.poll(() => child.alive).toBe(false);
  });

  it('that ends before it is ready blames no shard', async () => {
    mkdirSync(path.join(folder, 'early-records'), { recursive: true });
    const child = childOf('early', 'process.exit(7);');
    const error: unknown = await child.call('any', null, { signal }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ResourceError);
    expect((error as Error).message).toContain('it ended before it was ready (exit code 7)');
    expect((error as ResourceError).details['childDied']).toBeUndefined();
  });
});
