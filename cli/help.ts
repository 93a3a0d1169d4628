// `assay help …`: which page is asked for, and what pages show of other words for a command. Commands of two words are resolved here,
// because commander looks at the first alone.
import { Help, type Command } from 'commander';
import { nearestNames } from '../core/text/nearest-names.js';
import { InputError } from '../schemas/errors.js';
import { COMMANDS, PARENTS } from './command-table.js';

/**
 * The words after `help`: none for the whole page, `['model', 'run']` for a command of two; null where no help is asked for this
 * way. What is nothing, or only holds commands, asks for help as well.
 */
export function helpWords(argv: readonly string[]): readonly string[] | null {
  // What would be the value of --store is no word; whoever names a store asks for no help.
  const words = argv.filter((word) => word !== '--json');
  const [first = '', second, ...others] = words;
  if (words.some((word) => word.startsWith('-'))) return null;
  if (words.length === 0 || first === 'help') return words.slice(1);
  if (!Object.hasOwn(PARENTS, first)) return null;
  if (second === undefined) return [first];
  return second === 'help' ? [first, ...others] : null;
}

/** Pages that show every other word for a command; commander shows the first alone. */
export function withAliases(): Pick<Help, 'subcommandTerm' | 'commandUsage'> {
  const plain = new Help();
  const words = (command: Command): string => [command.name(), ...command.aliases()].join('|');
  const named = (text: string, command: Command): string =>
    text.replace([command.name(), ...command.aliases().slice(0, 1)].join('|'), words(command));
  return {
    subcommandTerm: (command) => named(plain.subcommandTerm(command), command),
    commandUsage: (command) => named(plain.commandUsage(command), command),
  };
}

/** The command that the words name. @throws InputError where there is none, with the nearest */
export function findPage(program: Command, words: readonly string[]): Command {
  let page = program;
  for (const word of words) {
    const next = page.commands.find((command) => command.name() === word || command.aliases().includes(word));
    if (next === undefined) throw unknownPage(words.join(' '));
    page = next;
  }
  return page;
}

function unknownPage(given: string): InputError {
  const near = nearestNames(given, [...Object.keys(COMMANDS), ...Object.keys(PARENTS)]);
  const remedy = near.length > 0 ? `did you mean ${near.join(' or ')}?` : '`assay help` lists them.';
  return new InputError(`Expected a command after help, found "${given}", which is none; ${remedy}`, {
    given,
    candidates: near,
  });
}
