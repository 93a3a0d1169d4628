// No command, option or field is forgotten: the program, its help, docs/cli.md and the JSON schemas tell the same.
import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { ENVIRONMENT_VARIABLES } from '../../../cli/environment.js';
import { COMMAND_NAMES, createProgram } from '../../../cli/program.js';
import { CLI_DOCUMENTS } from '../../../schemas/documents/documents.js';
import { loadRunFile } from '../../../pipeline/files/load.js';
import { runCli, stringIo } from './harness.js';

const file = (path: string): URL => new URL(`../../../${path}`, import.meta.url);
// Tables are padded for the eye.
const docs = (await readFile(file('docs/cli.md'), 'utf8')).replace(/ +\|/g, ' |');
const program = await createProgram(stringIo({ out: '', err: '' }), COMMAND_NAMES, () => Promise.resolve());

/** Every command that does something, by its full name. */
function leaves(command: Command, above: string[] = []): { name: string; command: Command }[] {
  const children = command.commands.filter((child) => child.name() !== 'help');
  if (children.length === 0) return [{ name: above.join(' '), command }];
  return children.flatMap((child) => leaves(child, [...above, child.name()]));
}

const COMMANDS = leaves(program);

/** The commands of the contract: each has a document. */
const CONTRACT = Object.keys(CLI_DOCUMENTS).sort();

/** The page's section about a command. */
function section(name: string): string {
  const start = docs.indexOf(`\n## assay ${name}\n`);
  if (start < 0) return '';
  const end = docs.slice(start + 1).search(/\n##? /);
  return end < 0 ? docs.slice(start) : docs.slice(start, start + 1 + end);
}

describe('the program', () => {
  it('has the commands of the contract and no others', () => {
    expect(COMMANDS.map((command) => command.name).sort()).toEqual(CONTRACT);
  });

  it('loads the files of one command when that one is called', async () => {
    const { commands } = await createProgram(stringIo({ out: '', err: '' }), ['top'], () => Promise.resolve());
    expect(commands.map((command) => command.name())).toEqual(['top']);
  });
});

describe.each(COMMANDS)('assay $name', ({ name, command }) => {
  it('has help with a description, every option and an example that it understands', async () => {
    const words = name.split(' ');
    const { code, out } = await runCli([...words, '--help']);
    expect(code).toBe(0);
    expect(command.description()).not.toBe('');
    for (const option of command.options) expect(out).toContain(option.flags);
    const [own = '', ...above] = [...words].reverse();
    const all = [own, ...command.aliases()].join('|');
    expect(out).toContain(`Usage: assay ${[...above, all].join(' ')} `);
    expect((await runCli(['help', ...above])).out).toContain(`\n  ${all} `);
    const examples = [...out.matchAll(/^ {2}\$ (assay .*)$/gm)].map((match) => match[1] ?? '');
    expect(examples.length).toBeGreaterThan(0);
    for (const example of examples) expect(example.startsWith(`assay ${name}`)).toBe(true);
  });

  it('stands in docs/cli.md with synopsis, options, example and JSON', () => {
    const text = section(name);
    expect(text).toContain(`    assay ${name}`);
    expect(text).toContain('    $ assay');
    expect(text).toContain('JSON');
    for (const alias of command.aliases()) expect(text).toContain(`\`${alias}\``);
    for (const option of command.options) expect(text, option.flags).toContain(`| \`${option.flags}\` |`);
    for (const argument of command.registeredArguments) {
      const name = `${argument.name()}${argument.variadic ? '...' : ''}`;
      expect(text).toContain(argument.required ? `<${name}>` : `[${name}]`);
    }
  });
});

/** Names of the fields of a document's schema, at all depths. */
function fieldNames(schema: unknown): string[] {
  if (typeof schema !== 'object' || schema === null) return [];
  const { properties, ...rest } = schema as { properties?: Record<string, unknown> };
  return [
    ...Object.entries(properties ?? {}).flatMap(([name, inner]) => [name, ...fieldNames(inner)]),
    ...Object.values(rest).flatMap(fieldNames),
  ];
}

describe.each(Object.entries(CLI_DOCUMENTS))('the document of %s', (name, schema) => {
  it('has all its fields in docs/cli.md', () => {
    const text = section(name).replace(/JSON: as `(\w+)`/, (_, other: string) => section(other));
    for (const field of fieldNames(z.toJSONSchema(schema, { unrepresentable: 'any' }))) {
      expect(text, field).toMatch(new RegExp(`\\b${field}\\b`));
    }
  });
});

describe('docs/cli.md', () => {
  it('describes no command that does not exist', () => {
    const described = [...docs.matchAll(/^## assay (.*)$/gm)].map((match) => match[1]);
    expect(described.sort()).toEqual(CONTRACT);
  });

  it('lists every environment variable', () => {
    for (const { name } of ENVIRONMENT_VARIABLES) expect(docs).toContain(`| \`${name}\` |`);
  });
});

describe('the example', () => {
  it('examples/kjv/run.yaml is a correct run file whose paths exist', async () => {
    const { runFile, folder } = await loadRunFile(file('examples/kjv/run.yaml').pathname);
    expect(runFile.name).toBe('kjv');
    for (const path of [runFile.model.onnx ?? '', runFile.model.tokenizer ?? '', ...runFile.corpus.sources]) {
      expect((await readFile(new URL(path, `file://${folder}/`))).length).toBeGreaterThan(0);
    }
  });
});
