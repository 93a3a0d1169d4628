// What a command is and what it gets to work with. A command parses, calls and prints; the work itself lies elsewhere.
import { InvalidArgumentError, type Command } from 'commander';
import type { ObjectStore } from '../storage/objects/object-store.js';
import type { Environment } from './environment.js';
import type { Io } from './io.js';
import type { Output } from './output.js';
import type { FileStore, StoreChoice } from './store-choice.js';

export interface CommandContext {
  readonly io: Io;
  readonly environment: Environment;
  readonly output: Output;
  /** Value of the global option --store, as given. */
  readonly storeOption: string | null;
  /** Which store is meant; opens nothing. @throws InputError where nothing names one */
  chooseStore(): Promise<StoreChoice>;
  /** The store of what a run file or training file starts; opens nothing. */
  chooseFileStore(file: FileStore): Promise<StoreChoice>;
  /**
   * The store that is meant, opened once, named on stderr, and closed when the command has ended.
   * @throws InputError where there is none
   */
  openStore(): Promise<ObjectStore>;
  /** The whole program, with every command. */
  program(): Promise<Command>;
}

/** One command: what it is called with, what that asks for, and who does it. The table of commands gives it its name. */
export interface CommandDefinition {
  /** Arguments as help shows them: `<dict> <feature>`; a last one may be `<dict...>`, and last ones may be left out: `[text]`. */
  readonly arguments: string;
  readonly description: string;
  /** Other words for its last one, as `rm` for `delete`. */
  readonly aliases: readonly string[];
  /** Command lines with what they do, shown by `help`. */
  readonly examples: readonly (readonly [string, string])[];
  /** Declares the options. */
  options(command: Command): void;
  /** What the words of a command line ask for. @throws InputError where they contradict each other */
  request(given: readonly unknown[], flags: object): unknown;
  /** Does it; returns the exit code. */
  run(request: unknown, context: CommandContext): Promise<number>;
}

/** The types of `<a> <b...> [c]`: one text per argument, a list for one with dots, perhaps none for one in square brackets. */
type Given<Arguments extends string> = Arguments extends `<${infer Name}>${infer Rest}`
  ? [Name extends `${string}...` ? string[] : string, ...Given<Rest extends ` ${infer More}` ? More : ''>]
  : Arguments extends `[${string}]${infer Rest}`
    ? [string | undefined, ...Given<Rest extends ` ${infer More}` ? More : ''>]
    : [];

interface CommandParts<Arguments extends string, Flags extends object, Request> {
  readonly arguments: Arguments;
  readonly description: string;
  readonly aliases?: readonly string[];
  readonly examples: readonly (readonly [string, string])[];
  /** Left out by a command without options of its own. */
  readonly options?: (command: Command) => void;
  readonly request: (given: Given<Arguments>, flags: Flags) => Request;
  readonly run: (request: Request, context: CommandContext) => Promise<number>;
}

/** A command whose parts fit each other: `run` takes what `request` makes of the arguments and options. */
export function defineCommand<const Arguments extends string, Flags extends object, Request>(
  parts: CommandParts<Arguments, Flags, Request>,
): CommandDefinition {
  const { options, request, run } = parts;
  return {
    ...parts,
    aliases: parts.aliases ?? [],
    options: (command) => options?.(command),
    // Commander gives the arguments and options that `arguments` and `options` declare.
    request: (given, flags) => request(given as Given<Arguments>, flags as Flags),
    run: (asked, context) => run(asked as Request, context),
  };
}

/** Parser of an option that is a whole number of at least `least`. */
export function wholeNumber(least: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && Number.isSafeInteger(value) && value >= least) return value;
    throw new InvalidArgumentError(`Expected a whole number of at least ${least}.`);
  };
}

/** Parser of an option that is a share. */
export function share(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && value >= 0 && value <= 1) return value;
  throw new InvalidArgumentError('Expected a number from 0 to 1.');
}

/** Parser of a list separated by commas. */
export function commaList(text: string): string[] {
  const parts = text.split(',').map((part) => part.trim());
  if (parts.every((part) => part !== '')) return parts;
  throw new InvalidArgumentError('Expected names separated by commas.');
}
