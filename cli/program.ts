// The command line as a function: arguments and streams in, exit code out. Puts the commands of the table together; none of
// their work is here.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Command } from 'commander';
import type { CommandName } from '../schemas/documents/documents.js';
import { versionDocument } from '../schemas/documents/version.js';
import { EXIT } from '../schemas/exit.js';
import type { ObjectStore } from '../storage/objects/object-store.js';
import { COMMANDS, PARENTS, type ParentName } from './command-table.js';
import type { CommandContext, CommandDefinition } from './command.js';
import { readEnvironment } from './environment.js';
import { reportError } from './errors.js';
import { findPage, helpWords, withAliases } from './help.js';
import type { Io } from './io.js';
import { foreignConfigs } from './local-config.js';
import { createOutput } from './output.js';
import { shellLines } from './terminal/shell-line.js';
import type { TextSink } from './terminal/sink.js';
import { chooseFileStore, chooseStore, openChosenStore, requireStore, type StoreChoice } from './store-choice.js';

interface GlobalOptions {
  readonly json?: boolean;
  readonly store?: string;
}

/** A command line that was understood. */
export interface Call {
  readonly name: CommandName;
  readonly command: CommandDefinition;
  /** Of `command.request`. */
  readonly request: unknown;
}

/** Does what a call asks for; returns the exit code. Tests note the calls instead. */
export type Perform = (call: Call, context: CommandContext) => Promise<number>;

const perform: Perform = ({ command, request }, context) => command.run(request, context);

/** Runs one command line (without the program's name) and returns its exit code; never throws. */
export async function main(argv: readonly string[], io: Io, doCall: Perform = perform): Promise<number> {
  // Known before parsing, so that a wrong command line is reported in the form that was asked for.
  const json = argv.includes('--json');
  const debug = io.environment['ASSAY_DEBUG'] !== undefined && io.environment['ASSAY_DEBUG'] !== '0';
  let exitCode: number = EXIT.done;
  try {
    if (asksVersion(argv)) return await printVersion(io, json);
    const page = helpWords(argv);
    if (page !== null) return await printHelp(page, io);
    const program: Command = await createProgram(io, namesOf(argv), async (asked) => {
      exitCode = await runBody((context) => doCall(asked(), context), io, program.opts<GlobalOptions>());
    });
    await program.parseAsync([...argv], { from: 'user' });
    return exitCode;
  } catch (error) {
    return reportError(error, io, { json, debug });
  }
}

async function printHelp(words: readonly string[], io: Io): Promise<number> {
  const program = await createProgram(io, namesOf(words), () => Promise.resolve());
  findPage(program, words).outputHelp();
  return EXIT.done;
}

function asksVersion(argv: readonly string[]): boolean {
  return argv.includes('--version') && argv.every((word) => word === '--version' || word === '--json');
}

async function printVersion({ stdout }: Io, json: boolean): Promise<number> {
  // On demand: no other command needs it.
  const { packageRoot } = await import('../runtime/package-root.js');
  const { version } = JSON.parse(await readFile(join(packageRoot(), 'package.json'), 'utf8')) as { version: string };
  if (json) stdout.writeDocument(`${JSON.stringify(versionDocument.parse({ version }))}\n`);
  else stdout.write(`assay ${version}`);
  return EXIT.done;
}

/** Every command's name, in the order of help. */
export const COMMAND_NAMES = Object.keys(COMMANDS) as readonly CommandName[];

/** The commands that a command line may mean: all that its first word begins, else (help, an unknown word) every one. */
function namesOf(argv: readonly string[]): readonly CommandName[] {
  const at = argv.findIndex((word, i) => !word.startsWith('-') && argv[i - 1] !== '--store');
  const word = argv[at];
  const named = COMMAND_NAMES.filter((name) => name.split(' ')[0] === word);
  return named.length > 0 ? named : COMMAND_NAMES;
}

/** Runs what the command line asked for; given to every command by the program. */
type Start = (asked: () => Call) => Promise<void>;

interface Frame {
  readonly io: Io;
  readonly start: Start;
}

/** The program with the named commands. */
export async function createProgram(io: Io, names: readonly CommandName[], start: Start): Promise<Command> {
  const program = new Command('assay')
    .description('extract features from language models at scale, and query them')
    .option('--json', 'print one JSON document on stdout and nothing else')
    .option(
      '--store <url>',
      'store: file://FOLDER, s3://BUCKET/PREFIX or a folder (default: ASSAY_STORE, else .assay/config.json)',
    )
    .option('--version', 'print the version')
    .configureHelp({ showGlobalOptions: true, ...withAliases() })
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => io.stderr.write(text),
      getOutHelpWidth: () => helpWidth(io.stdout),
      getErrHelpWidth: () => helpWidth(io.stderr),
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    })
    .showSuggestionAfterError(true)
    .exitOverride();
  const commands = await Promise.all(names.map((name) => COMMANDS[name].load()));
  names.forEach((name, i) => {
    addCommand(program, { name, command: commands[i] as CommandDefinition }, { io, start });
  });
  return program;
}

const HELP_COLUMNS = 100;

function helpWidth({ columns }: TextSink): number {
  return Number.isFinite(columns) ? columns : HELP_COLUMNS;
}

function addCommand(program: Command, { name, command }: Omit<Call, 'request'>, { io, start }: Frame): void {
  const columnsOf = (): number => io.stdout.columns;
  program.commandsGroup(`${COMMANDS[name].group}:`);
  const words = name.split(' ');
  const parent = words.length > 1 ? parentOf(program, words[0] as ParentName, columnsOf) : program;
  const added = parent.command(`${words.at(-1) ?? ''} ${command.arguments}`);
  describe(added, command, columnsOf);
  command.options(added);
  added.aliases(command.aliases);
  added.showHelpAfterError(`Usage: assay ${`${name} ${command.arguments}`.trim()}: ${command.description}`);
  const given = added.registeredArguments.length;
  added.action((...values: unknown[]) =>
    start(() => ({ name, command, request: command.request(values.slice(0, given), added.opts()) })),
  );
}

function parentOf(program: Command, name: ParentName, columnsOf: () => number): Command {
  const known = program.commands.find((command) => command.name() === name);
  return known ?? describe(program.command(name), PARENTS[name], columnsOf);
}

function describe(
  command: Command,
  text: Pick<CommandDefinition, 'description' | 'examples'>,
  columnsOf: () => number,
): Command {
  return command
    .description(text.description)
    .addHelpText('after', () => `\nExamples:\n${exampleLines(text.examples, columnsOf()).join('\n')}`);
}

const PROMPT = '  $ ';

/** Lines that can be copied behind the prompt and pasted as they are. */
function exampleLines(examples: CommandDefinition['examples'], columns: number): string[] {
  return examples.flatMap(([line, meaning]) => {
    const [first = '', ...others] = shellLines(line, columns - PROMPT.length);
    return [PROMPT + first, ...others.map((other) => `    ${other}`), `      ${meaning}`];
  });
}

async function runBody(
  body: (context: CommandContext) => Promise<number>,
  io: Io,
  options: GlobalOptions,
): Promise<number> {
  const environment = readEnvironment(io.environment);
  const output = createOutput(io, { json: options.json ?? false });
  const storeOption = options.store ?? null;
  for (const file of await foreignConfigs(io.cwd))
    output.note(`${file} is another user's and is passed over; take it over with chown, or name --store.`);
  const hints = { option: storeOption, environment: environment.store, cwd: io.cwd };
  const choose = (): Promise<StoreChoice> => chooseStore(hints);
  const openExisting = async (): Promise<ObjectStore> => {
    const choice = await choose();
    const opened = await openChosenStore(choice, output);
    await requireStore(opened, choice);
    return opened;
  };
  let store: Promise<ObjectStore> | null = null;
  const context: CommandContext = {
    io,
    environment,
    output,
    storeOption,
    chooseStore: choose,
    chooseFileStore: (file) => chooseFileStore(hints, file),
    openStore: () => (store ??= openExisting()),
    program: () => createProgram(io, COMMAND_NAMES, () => Promise.resolve()),
  };
  try {
    return await body(context);
  } finally {
    output.progress(null);
    await closeStore(store);
  }
}

async function closeStore(store: Promise<ObjectStore> | null): Promise<void> {
  // Where opening failed, the body has thrown that error already.
  const opened = await store?.catch(() => null);
  await opened?.close();
}
