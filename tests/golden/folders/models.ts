// The models in tests/fixtures/folders: each a folder beside its reference.
import { readdirSync } from 'node:fs';
import { FOLDERS } from '../../harness/fixtures.js';

export const MODELS: readonly string[] = readdirSync(FOLDERS, { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && !entry.name.startsWith('_'))
  .map(({ name }) => name);
