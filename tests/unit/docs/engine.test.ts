// docs/engine.md against the engine: its table of operators, the folders and files that it names.
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { operatorTable } from '../../../core/autodiff/support-table.js';

const ROOT = new URL('../../../', import.meta.url).pathname;
const page = readFileSync(`${ROOT}docs/engine.md`, 'utf8');

describe('docs/engine.md', () => {
  it('shows every operator with its inputs, outputs and gradient; `npm run tables` brings it up to date', () => {
    const shown = /written by `npm run tables`: operators -->\n\n([^]*?)\n\n<!-- end of what/.exec(page);
    const cells = (table: string): string[] => table.split('\n').map((row) => row.replace(/[ -]+/g, ' '));
    expect(cells(shown?.[1] ?? '')).toEqual(cells(operatorTable()));
  });

  it('names files that exist', () => {
    const named = [...page.matchAll(/`((?:core|runtime|tests|stages|docs)\/[\w./-]+)`/g)].map(([, file]) => file ?? '');
    expect(named.length).toBeGreaterThan(15);
    expect(named.filter((file) => !existsSync(ROOT + file))).toEqual([]);
  });
});
