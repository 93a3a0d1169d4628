// `assay completion`: a script that completes command lines, made of the table of commands.
import type { Command, Option } from 'commander';
import { completionDocument } from '../../schemas/documents/completion.js';
import { EXIT } from '../../schemas/exit.js';
import { InputError } from '../../schemas/errors.js';
import { defineCommand } from '../command.js';
import { completionScript, isShell, SHELLS, type Completed, type CompletedOption } from '../render/completion-text.js';

export const completion = defineCommand({
  arguments: '<shell>',
  description: `print a script that completes commands and options in a shell: ${SHELLS.join(', ')}`,
  examples: [
    ['assay completion bash > ~/.local/share/bash-completion/completions/assay', 'for bash'],
    ['assay completion zsh > ~/.zfunc/_assay', 'for zsh, with fpath+=~/.zfunc before compinit'],
    ['assay completion fish > ~/.config/fish/completions/assay.fish', 'for fish'],
  ],
  request: ([shell]) => {
    if (isShell(shell)) return { shell };
    throw new InputError(`Expected a shell (${SHELLS.join(', ')}), found "${shell}".`, { shell });
  },
  run: async ({ shell }, context) => {
    const script = completionScript(shell, completedOf(await context.program()));
    context.output.result(completionDocument, { shell, script }, () => script);
    return EXIT.done;
  },
});

/** Every command with its options, as the program itself declares them. */
function completedOf(program: Command, above: readonly string[] = []): Completed[] {
  const children = program.commands.filter((child) => child.name() !== 'help');
  return children.flatMap((command) => {
    const words = [...above, command.name()];
    if (command.commands.length > 0) return completedOf(command, words);
    return [{ words, description: command.description(), options: command.options.map(optionOf) }];
  });
}

function optionOf({ long, description, argChoices, required }: Option): CompletedOption {
  return { flag: long ?? '', description, takesValue: required, choices: argChoices ?? [] };
}
