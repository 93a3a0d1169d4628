// A process whose program files were replaced by a newer build says so with the remedy, as a command and as an activity; a module
// that is missing for another reason stays a fault.
import { describe, expect, it } from 'vitest';
import { toFailure } from '../../../activities/failure.js';
import { replacedBuild } from '../../../runtime/replaced-build.js';
import { ResourceError } from '../../../schemas/errors.js';
import { temporaryFolder } from '../../harness/temporary-folder.js';
import { packageRoot } from '../../../runtime/package-root.js';

const folder = temporaryFolder('replaced');

const missing = (file: string): Promise<unknown> =>
  (import(/* @vite-ignore */ file) as Promise<unknown>).then(
    () => null,
    (error: unknown) => Object.assign(error as Error, { code: 'ERR_MODULE_NOT_FOUND' }),
  );

describe('a program file that is not there any more', () => {
  it('is said with the remedy', async () => {
    const error = replacedBuild(await missing(`${packageRoot()}/dist/programs/run-of-an-old-build.js`));
    expect(error).toBeInstanceOf(ResourceError);
    expect(error?.message).toContain('a newer build has replaced them; start the process anew');
    expect(error?.message).toContain('`assay down`, then `assay up`');
  });

  it('lets an activity be tried elsewhere, then ends the run with the remedy', async () => {
    const thrown = await missing(`${packageRoot()}/dist/programs/run-of-an-old-build.js`);
    expect(toFailure(thrown, 1)).toMatchObject({ type: 'ResourceError', nonRetryable: false });
    expect(toFailure(thrown, 5)).toMatchObject({ type: 'ResourceError', nonRetryable: true });
  });

  it('is another fault where a module outside the programs is missing', async () => {
    const thrown = await missing(`${folder}/nothing.js`);
    expect(thrown).toBeInstanceOf(Error);
    expect(replacedBuild(thrown)).toBe(null);
    expect(toFailure(thrown, 100)).toMatchObject({ nonRetryable: true });
    expect(replacedBuild(new Error('dist/programs'))).toBe(null);
  });
});
