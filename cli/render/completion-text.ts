// Scripts that complete command lines of assay in bash, zsh and fish. Everything is in the script: a key press starts no program. Pure.

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

export function isShell(text: string): text is Shell {
  return (SHELLS as readonly string[]).includes(text);
}

export interface CompletedOption {
  /** `--run` */
  readonly flag: string;
  readonly description: string;
  readonly takesValue: boolean;
  /** Its values; files are offered where there are none. */
  readonly choices: readonly string[];
}

/** A command as it is typed. */
export interface Completed {
  readonly words: readonly string[];
  readonly description: string;
  readonly options: readonly CompletedOption[];
}

/** The script for a shell. */
export function completionScript(shell: Shell, commands: readonly Completed[]): string {
  return { bash: bashScript, zsh: zshScript, fish: fishScript }[shell](commands);
}

const HEAD = '# Completion of assay commands and options; made by `assay completion`.';

/** The words that may follow what was typed so far, by that: "" (commands), "schedule" (its commands). */
function nextWords(commands: readonly Completed[]): Map<string, Set<string>> {
  const next = new Map<string, Set<string>>();
  for (const { words } of commands) {
    words.forEach((word, i) => {
      const before = words.slice(0, i).join(' ');
      next.set(before, (next.get(before) ?? new Set()).add(word));
    });
  }
  next.get('')?.add('help');
  return next;
}

function bashScript(commands: readonly Completed[]): string {
  const words = [...nextWords(commands)].map(
    ([before, after]) => `    '${before}') words='${[...after].join(' ')}' ;;`,
  );
  const options = commands.map(
    ({ words: name, options: all }) => `    '${name.join(' ')}') words='${all.map(({ flag }) => flag).join(' ')}' ;;`,
  );
  return [
    HEAD,
    '_assay() {',
    '  local current="${COMP_WORDS[COMP_CWORD]}" previous="${COMP_WORDS[COMP_CWORD-1]}" command="" words="" word i',
    `  for ((i = 1; i < COMP_CWORD; i++)); do`,
    '    word="${COMP_WORDS[i]}"',
    `    case "$command $word" in`,
    ...parentsAndLeaves(commands).map(
      (name) => `      '${name.length === 1 ? ` ${name[0] ?? ''}` : name.join(' ')}') command='${name.join(' ')}' ;;`,
    ),
    '    esac',
    '  done',
    '  case "$command $previous" in',
    ...choicesOf(commands).map(
      ([place, choices]) => `    '${place}') COMPREPLY=($(compgen -W '${choices.join(' ')}' -- "$current")); return ;;`,
    ),
    '  esac',
    `  if [[ "$current" == -* ]]; then case "$command" in`,
    ...options,
    "    *) words='--json --store --version --help' ;;",
    '  esac; else case "$command" in',
    ...words,
    '  esac; fi',
    '  COMPREPLY=($(compgen -W "$words" -- "$current"))',
    '}',
    'complete -o default -F _assay assay',
    '',
  ].join('\n');
}

/** Every beginning of a command's words. */
function parentsAndLeaves(commands: readonly Completed[]): string[][] {
  const all = commands.flatMap(({ words }) => words.map((_, i) => words.slice(0, i + 1)));
  return [...new Map(all.map((words) => [words.join(' '), words])).values()];
}

/** Options whose values are known, each behind its command: one name may mean other values elsewhere. */
function choicesOf(commands: readonly Completed[]): [string, readonly string[]][] {
  return commands.flatMap(({ words, options }) =>
    options
      .filter(({ choices }) => choices.length > 0)
      .map(({ flag, choices }): [string, readonly string[]] => [`${words.join(' ')} ${flag}`, choices]),
  );
}

/** Takes bash's: zsh runs it unchanged. */
function zshScript(commands: readonly Completed[]): string {
  const script = bashScript(commands).replace(`${HEAD}\n`, '');
  return ['#compdef assay', HEAD, 'autoload -U +X bashcompinit && bashcompinit', script].join('\n');
}

function fishScript(commands: readonly Completed[]): string {
  const quoted = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
  const seen = (words: readonly string[]): string =>
    words.map((word) => `__fish_seen_subcommand_from ${word}`).join('; and ');
  const lines = commands.flatMap(({ words, description, options }) => {
    const parents = words.slice(0, -1);
    const when = parents.length === 0 ? '__fish_use_subcommand' : seen(parents);
    return [
      ...(parents.length === 0 ? [] : [`complete -c assay -n __fish_use_subcommand -a ${parents[0] ?? ''}`]),
      `complete -c assay -n ${quoted(when)} -a ${words.at(-1) ?? ''} -d ${quoted(description)}`,
      ...options.map(({ flag, description: what, takesValue, choices }) => {
        const values = choices.length > 0 ? ` -x -a ${quoted(choices.join(' '))}` : takesValue ? ' -r' : '';
        return `complete -c assay -n ${quoted(seen(words))} -l ${flag.slice(2)} -d ${quoted(what)}${values}`;
      }),
    ];
  });
  return [HEAD, ...new Set(lines), ''].join('\n');
}
