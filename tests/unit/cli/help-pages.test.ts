// Every page of help at 80 columns: it fits, and an example that takes several lines is one command when it is pasted into a shell.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import type { CommandDefinition } from '../../../cli/command.js';
import { COMMANDS, PARENTS } from '../../../cli/command-table.js';
import { shellLines } from '../../../cli/terminal/shell-line.js';
import { displayWidth } from '../../../cli/terminal/width.js';
import { runCli } from './harness.js';

const NAMES = [...Object.keys(PARENTS), ...Object.keys(COMMANDS)];

/** An example's command line and what it means, as it is shown. */
function examplesIn(page: string): string[] {
  return page.split('\n  $ ').slice(1);
}

async function examplesOf(name: string): Promise<CommandDefinition['examples']> {
  if (Object.hasOwn(PARENTS, name)) return PARENTS[name as keyof typeof PARENTS].examples;
  return (await COMMANDS[name as keyof typeof COMMANDS].load()).examples;
}

/** How many of the last lines explain. */
function explained(lines: readonly string[], meaning: string): number {
  const from = lines.findIndex((_, i) => flat(lines.slice(i).join('\n')) === flat(meaning));
  return lines.length - from;
}

function flat(text: string): string {
  return text.replace(/(\s*\\?\n\s*|\s+)/g, ' ').trim();
}

/** What a shell hears of a command line: its words, a line per command. */
async function heard(typed: string): Promise<string> {
  const listen = 'assay() { printf \'%s\\0\' CALL "$@"; }; echo() { :; };';
  const { stdout } = await promisify(execFile)('bash', ['-c', `${listen}\n${typed}`]);
  return stdout;
}

describe('help at 80 columns', () => {
  it.each(NAMES)('of %s fits, and its examples can be pasted', async (name) => {
    const shown = (await runCli(['help', ...name.split(' ')], { isTTY: true, columns: 80 })).out;
    for (const line of shown.split('\n')) expect(displayWidth(line)).toBeLessThanOrEqual(80);
    for (const [line, meaning] of await examplesOf(name)) {
      // Behind the prompt: all up to what explains it.
      const pasted = examplesIn(shown).find((text) => flat(text) === flat(`${line} ${meaning}`));
      expect(pasted, line).toBeDefined();
      const lines = (pasted ?? '').split('\n');
      const typed = lines.slice(0, lines.length - explained(lines, meaning)).join('\n');
      // A quoted argument that is longer than a line goes on in the next one.
      if (typed.includes('\n') && !/[>|]/.test(line)) expect(flat(await heard(typed))).toBe(flat(await heard(line)));
    }
  });
});

describe('a long command line', () => {
  it('is broken between arguments, an option beside its value', () => {
    expect(shellLines('assay find kjv-l2 "In the beginning God" --k 3 --store data', 32)).toEqual([
      'assay find kjv-l2 \\',
      '  "In the beginning God" --k 3 \\',
      '  --store data',
    ]);
  });

  it('is left as it is where it fits', () => {
    expect(shellLines('assay top d 7', 13)).toEqual(['assay top d 7']);
  });
});
