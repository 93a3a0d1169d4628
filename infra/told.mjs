// How the scripts of infra/ speak: lines that fit 80 columns, and steps that are told when they begin and when they end. Plain Node,
// because it runs before the set-up.

export const COLUMNS = 80;

/** A text in lines of at most `columns`: broken at spaces alone. @param indent of the lines below the first */
export function wrapped(text, { columns = COLUMNS, indent = '' } = {}) {
  const lines = [];
  let line = '';
  for (const word of text.split(' ')) {
    const longer = line === '' ? word : `${line} ${word}`;
    if (line !== '' && line !== indent && longer.length > columns) {
      lines.push(line);
      line = indent + word;
    } else line = longer;
  }
  return [...lines, line].join('\n');
}

/** Whether a line of a command only names its store, which the demo has said before. */
export function isStoreNote(line) {
  return /^store \S+ \(.*\)$/.test(line);
}

/**
 * Says that a step begins, does it, and says how long it took.
 * @param say prints a line
 */
export async function step(name, body, say = console.log) {
  say(`set-up: ${name} …`);
  const start = Date.now();
  const result = await body();
  say(`set-up: ${name}: ${((Date.now() - start) / 1000).toFixed(1)} s`);
  return result;
}
