// What a command gets to work with, and how it joins the program: parse, call, print; the work itself lies elsewhere.
import { InvalidArgumentError, type Command } from 'commander';
import type { ObjectStore } from '../storage/objects/object-store.js';
import type { Environment } from './environment.js';
import type { Io } from './io.js';
import type { Output } from './output.js';
import type { StoreChoice } from './store-choice.js';

export interface CommandContext {
  readonly io: Io;
  readonly environment: Environment;
  readonly output: Output;
  /** Value of the global option --store, as given. */
  readonly storeOption: string | null;
  /** Which store is meant; opens nothing. @throws InputError where nothing names one */
  chooseStore(): Promise<StoreChoice>;
  /** The store that is meant, opened once and closed when the command has ended. */
  openStore(): Promise<ObjectStore>;
}

/** Does the command's work; returns the exit code. */
export type CommandBody = (context: CommandContext) => Promise<number>;

/** Runs a body with its context; given to every command by the program. */
export type Start = (body: CommandBody) => Promise<void>;

/** A new sub-command of `parent` with its description and examples (shown by `help`). */
export function addCommand(
  parent: Command,
  usage: string,
  text: { readonly description: string; readonly examples: readonly (readonly [string, string])[] },
): Command {
  const lines = text.examples.map(([command, meaning]) => `  $ ${command}\n      ${meaning}`);
  return parent
    .command(usage)
    .description(text.description)
    .addHelpText('after', `\nExamples:\n${lines.join('\n')}`);
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
