// Completion scripts: every command and option of the table is in them, and bash, run for real, completes with them.
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { COMMAND_NAMES, createProgram } from '../../../cli/program.js';
import { completionDocument } from '../../../schemas/documents/completion.js';
import { temporaryFolder } from '../../harness/temporary-folder.js';
import { runCli, stringIo } from './harness.js';

const folder = temporaryFolder('completion');
const script = join(folder, 'assay.bash');
beforeAll(async () => {
  await writeFile(script, (await runCli(['completion', 'bash'])).out);
});

/** What bash offers behind a command line. */
async function offered(words: readonly string[]): Promise<string[]> {
  const typed = `COMP_WORDS=(assay ${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length}`;
  const line = `source '${script}'; ${typed}; _assay; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout } = await promisify(execFile)('bash', ['-c', line]);
  return stdout.split('\n').filter((word) => word !== '');
}

describe('completion in bash', () => {
  it.each([
    [['sta'], ['status']],
    [['schedule', 'p'], ['pause']],
    [
      ['model', ''],
      ['inspect', 'run', 'generate', 'train', 'randomise', 'vjp'],
    ],
    [['sql', 'select 1', '--fo'], ['--format']],
    [
      ['sql', '--format', ''],
      ['table', 'csv', 'json', 'arrow'],
    ],
    [['schedule', 'create', 'x.yaml', '--ov'], ['--overlap']],
    [['run', 'a.yaml', '--f'], ['--follow']],
  ])('%j gives %j', async (words, expected) => {
    expect(await offered(words)).toEqual(expected);
  });
});

describe('the script for', () => {
  it.each(['bash', 'zsh', 'fish'])('%s holds every command and option', async (shell) => {
    const result = await runCli(['completion', shell, '--json']);
    const document = completionDocument.parse(result.json());
    const program = await createProgram(stringIo({ out: '', err: '' }), COMMAND_NAMES, () => Promise.resolve());
    const leaves = program.commands.flatMap((one) => (one.commands.length > 0 ? one.commands : [one]));
    expect(leaves.length).toBeGreaterThan(30);
    for (const command of leaves) {
      expect(document.script).toContain(command.name());
      for (const { long } of command.options)
        expect(document.script).toContain(shell === 'fish' ? `-l ${String(long).slice(2)}` : String(long));
    }
  });

  it('another shell is refused', async () => {
    expect(await runCli(['completion', 'tcsh'])).toMatchObject({ code: 2, out: '' });
  });
});
