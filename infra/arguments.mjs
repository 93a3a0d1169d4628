// What the scripts of infra/ take on the command line: `--help` and mistakes are answered before anything is installed, built or
// started. Plain Node, because it runs before the set-up.
import { COLUMNS, wrapped } from './told.mjs';

/**
 * A script's page of help and its arguments checked.
 * @param usage `command`: as the user types it; `does`: one sentence; `options`: flag -> text, a flag that takes a value ends in `=`;
 *   `names`: name -> text of what may be named, or null where anything may follow (it is passed on)
 * @returns { help } the page to print, or { mistake } what is wrong, or { names, flags } what was given
 */
export function readArguments(args, { command, does, options = {}, names = {} }) {
  const page = helpPage({ command, does, options, names });
  if (args.includes('--help') || args.includes('-h')) return { help: page };
  if (names === null) return { names: args, flags: {} };
  const found = { names: [], flags: {} };
  for (let i = 0; i < args.length; i++) {
    const [flag, given] = args[i].split(/=(.*)/s, 2);
    if (!flag.startsWith('-')) {
      if (!(flag in names)) return { mistake: unknown(`name "${flag}"`, Object.keys(names), page) };
      found.names.push(flag);
    } else if (flag in options && given === undefined) found.flags[flag] = true;
    else if (`${flag}=` in options) {
      const value = given ?? args[++i];
      if (value === undefined) return { mistake: `Expected a value after ${flag}.\n\n${page}` };
      found.flags[flag] = value;
    } else return { mistake: unknown(`option "${args[i]}"`, Object.keys(options), page) };
  }
  return found;
}

function unknown(what, known, page) {
  const expected =
    known.length === 0 ? 'no arguments' : `one of ${known.map((name) => name.replace(/=$/, ' …')).join(', ')}`;
  return `${wrapped(`Expected ${expected}, found ${what}.`)}\n\n${page}`;
}

function helpPage({ command, does, options, names }) {
  const rows = [
    ...Object.entries(names ?? {}),
    ...Object.entries(options).map(([flag, text]) => [flag.replace(/=$/, ' VALUE'), text]),
    ['--help', 'this page'],
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  const columns = COLUMNS - width - 4;
  const lines = rows.flatMap(([name, text]) =>
    wrapped(text, { columns })
      .split('\n')
      .map((line, i) => `  ${(i === 0 ? name : '').padEnd(width)}  ${line}`),
  );
  return [wrapped(`Usage: ${command}`, { indent: '       ' }), '', wrapped(does), '', ...lines].join('\n');
}
