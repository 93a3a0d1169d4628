// The command line as a function: arguments and streams in, exit code out. Puts the commands together; none of their work is here.
import { Command } from 'commander';
import { EXIT } from '../schemas/exit.js';
import type { ObjectStore } from '../storage/objects/object-store.js';
import type { CommandBody, CommandContext, Start } from './command.js';
import { addDatasets } from './commands/datasets.js';
import { addDescribe } from './commands/describe.js';
import { addExplain } from './commands/explain.js';
import { addExport } from './commands/export.js';
import { addFind } from './commands/find.js';
import { addGc } from './commands/gc.js';
import { addLogs } from './commands/logs.js';
import { addModel } from './commands/model.js';
import {
  addControlCommands,
  addStackCommands,
  addStartCommands,
  type Orchestration,
} from './commands/orchestration.js';
import { addQuarantine } from './commands/quarantine.js';
import { addRm } from './commands/rm.js';
import { addRuns } from './commands/runs.js';
import { addSql } from './commands/sql.js';
import { addStatus } from './commands/status.js';
import { addTop } from './commands/top.js';
import { addVerify } from './commands/verify.js';
import { readEnvironment } from './environment.js';
import { reportError } from './errors.js';
import type { Io } from './io.js';
import { createOutput } from './output.js';
import { chooseStore, openChosenStore, type StoreChoice } from './store-choice.js';

interface GlobalOptions {
  readonly json?: boolean;
  readonly store?: string;
}

/** Runs one command line (without the program's name) and returns its exit code; never throws. */
export async function main(argv: readonly string[], io: Io, orchestration: Orchestration): Promise<number> {
  // Known before parsing, so that a wrong command line is reported in the form that was asked for.
  const json = argv.includes('--json');
  const debug = io.environment['ASSAY_DEBUG'] !== undefined && io.environment['ASSAY_DEBUG'] !== '0';
  let exitCode: number = EXIT.done;
  try {
    const program: Command = createProgram(io, orchestration, async (body) => {
      exitCode = await runBody(body, io, program.opts<GlobalOptions>());
    });
    await program.parseAsync([...argv], { from: 'user' });
    return exitCode;
  } catch (error) {
    return reportError(error, io, { json, debug });
  }
}

/** The program with all its commands. */
export function createProgram(io: Io, orchestration: Orchestration, start: Start): Command {
  const program = new Command('assay')
    .description('extract features from language models at scale, and query them')
    .option('--json', 'print one JSON document on stdout and nothing else')
    .option(
      '--store <url>',
      'store: file://FOLDER, s3://BUCKET/PREFIX or a folder (default: ASSAY_STORE, else .assay/config.json)',
    )
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => io.stderr.write(text),
      getOutHelpWidth: () => io.stdout.columns,
      getErrHelpWidth: () => io.stderr.columns,
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    })
    .showSuggestionAfterError(true)
    .exitOverride();
  addCommands(program, start, orchestration);
  return program;
}

function addCommands(program: Command, start: Start, orchestration: Orchestration): void {
  program.commandsGroup('Local stack:');
  addStackCommands(program, start, orchestration);
  program.commandsGroup('Runs:');
  addStartCommands(program, start, orchestration);
  for (const add of [addRuns, addStatus, addLogs, addQuarantine, addExplain, addRm]) add(program, start);
  program.commandsGroup('Control:');
  addControlCommands(program, start, orchestration);
  program.commandsGroup('Results:');
  for (const add of [addDatasets, addDescribe, addVerify, addTop, addFind, addSql, addExport, addGc])
    add(program, start);
  program.commandsGroup('Models:');
  addModel(program, start);
}

async function runBody(body: CommandBody, io: Io, options: GlobalOptions): Promise<number> {
  const environment = readEnvironment(io.environment);
  const output = createOutput(io, { json: options.json ?? false, colour: environment.colour });
  const storeOption = options.store ?? null;
  const choose = (): Promise<StoreChoice> =>
    chooseStore({ option: storeOption, environment: environment.store, cwd: io.cwd });
  let store: Promise<ObjectStore> | null = null;
  const context: CommandContext = {
    io,
    environment,
    output,
    storeOption,
    chooseStore: choose,
    openStore: () => (store ??= choose().then(openChosenStore)),
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
