// Temporary folders of tests: each is gone when the test file, or the one test that it is for, has ended.
import { randomUUID } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, onTestFinished } from 'vitest';

/**
 * Path of a folder for all tests of a file, or of the `describe` that it is called in: made before their other hooks, removed after
 * them. To be called outside of tests and hooks, where the folder does not exist yet.
 * @param name Says in the folder's name whose it is.
 */
export function temporaryFolder(name: string): string {
  const folder = path.join(tmpdir(), `assay-${name}-${randomUUID().slice(0, 8)}`);
  beforeAll(() => {
    mkdirSync(folder, { mode: 0o700 });
  });
  afterAll(() => {
    remove(folder);
  });
  return folder;
}

/** A new folder for the running test alone, removed after its last hook. To be called in the test or in a `beforeEach`. */
export function temporaryFolderOfTest(name: string): string {
  const folder = mkdtempSync(path.join(tmpdir(), `assay-${name}-`));
  onTestFinished(() => {
    remove(folder);
  });
  return folder;
}

function remove(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
}
