// A command line that is longer than the terminal is wide, in lines that a shell takes as one: broken between arguments, each line but
// the last ending in ` \`. Pure.
import { displayWidth } from './width.js';

/** An argument as it is typed: quoted stretches keep their spaces. */
const ARGUMENT = /(?:"[^"]*"|'[^']*'|[^\s"'])+/g;
const CONTINUED = ' \\';

/** @param columns of a line; Infinity: the line as it is */
export function shellLines(line: string, columns: number): string[] {
  if (displayWidth(line) <= columns) return [line];
  const [first = '', ...others] = unitsOf(line);
  const lines = [first];
  for (const unit of others) {
    const longer = `${lines.at(-1) ?? ''} ${unit}`;
    if (displayWidth(longer) <= columns - CONTINUED.length) lines[lines.length - 1] = longer;
    else lines.push(`  ${unit}`);
  }
  return lines.map((one, i) => (i < lines.length - 1 ? one + CONTINUED : one));
}

/** Arguments; an option has its value beside it, a pipe what it goes to. */
function unitsOf(line: string): string[] {
  const units: string[] = [];
  for (const [word] of line.matchAll(ARGUMENT)) {
    const before = units.at(-1);
    const joined = before !== undefined && /^(--[\w-]+|\|)$/.test(before) && !word.startsWith('--');
    if (joined) units[units.length - 1] = `${before} ${word}`;
    else units.push(word);
  }
  return units;
}
